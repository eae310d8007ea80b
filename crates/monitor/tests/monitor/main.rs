//! The monitor as its users and those who talk to it see it.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes helpers of tests for code that is none"
)]

mod access;
mod alert;
mod api;
mod bad_clients;
mod browser;
mod dashboard;
mod delivery;
mod email;
mod event;
mod faults;
mod formats;
mod history;
mod month;
mod oidc;
mod openapi;
mod schedule;
mod serve;
mod signature;
mod support;
mod tls;

//! The monitor as its users and those who talk to it see it.

mod api;
mod bad_clients;
mod delivery;
mod event;
mod serve;
mod signature;
mod support;

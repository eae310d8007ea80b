//! The store as its users see it.

mod commit;
mod open;
mod outbox;
mod support;

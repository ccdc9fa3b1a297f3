//! A Messages API server on loopback, for demonstrations, tests and load tests.
//!
//! It speaks the API well enough for the real `claude` program: streamed and
//! plain answers, tool use, subagents, errors, rate limits, stalls and broken
//! connections, all of them asked for with a [`Config`] and drawn from its seed.
//! What it answers is made up, and everything that records it says so.

mod answer;
mod config;
mod conversation;
mod errors;
mod log;
mod server;

pub use config::{Config, ErrorPlan, Reply, Stall, ToolCall};
pub use server::Server;

//! What is made up: a Messages API server on loopback, and histories of
//! transcripts, for demonstrations, tests and load tests.
//!
//! The server speaks the API well enough for the real `claude` program: streamed and
//! plain answers, tool use, subagents, errors, rate limits, stalls and broken
//! connections, all of them asked for with a `Config` and drawn from its seed.
//! What it answers is made up, and everything that records it says so.
//!
//! A `History` writes transcripts as Claude Code would have, and tells what an
//! exact reader must find in them. `Requests` are a history for a ledger.

#[cfg(feature = "server")]
mod answer;
#[cfg(feature = "server")]
mod config;
#[cfg(feature = "server")]
mod conversation;
#[cfg(feature = "server")]
mod errors;
#[cfg(feature = "server")]
mod faults;
#[cfg(feature = "analytics")]
mod history;
#[cfg(feature = "server")]
mod limits;
#[cfg(feature = "server")]
mod log;
#[cfg(feature = "server")]
mod profile;
#[cfg(feature = "analytics")]
mod requests;
#[cfg(feature = "server")]
mod sending;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod standstill;
#[cfg(feature = "server")]
mod steps;

#[cfg(feature = "server")]
pub use config::{Config, ErrorPlan, Reply, Stall, ToolCall};
#[cfg(feature = "server")]
pub use faults::{Fault, FaultMix};
#[cfg(feature = "analytics")]
pub use history::{Expected, History, Totals};
#[cfg(feature = "server")]
pub use limits::RateLimits;
#[cfg(feature = "server")]
pub use profile::{Distribution, Profile};
#[cfg(feature = "analytics")]
pub use requests::Requests;
#[cfg(feature = "server")]
pub use server::Server;
#[cfg(feature = "server")]
pub use standstill::Standstill;

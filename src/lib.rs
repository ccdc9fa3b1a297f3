//! Run Claude, stream what it says, and know what every request cost.
//!
//! This crate is the library behind the `claude-cli` program and can be used
//! without it:
//!
//! ```no_run
//! use claude_cli::Client;
//!
//! # async fn example() -> Result<(), claude_cli::Error> {
//! let client = Client::builder().model("sonnet").build();
//! let response = client.query("Say hello").send().await?;
//! println!("{} ({} output tokens)", response.text(), response.usage().output_tokens);
//! # Ok(())
//! # }
//! ```
//!
//! # Map
//!
//! | module | what is in it | feature |
//! |---|---|---|
//! | [`client`] | [`Client`], the query builder, and the backends it runs on | always |
//! | [`stream`] | bytes to typed [`Event`]s, without I/O, and the channel they are read from | always |
//! | [`pricing`] | the price table and the cost of one request | always |
//! | [`store`] | the SQLite ledger: what was witnessed, counted once | `analytics` |
//! | [`transcript`] | finding and scanning Claude Code's transcripts | `analytics` |
//! | [`analytics`] | summaries, time series, blocks and budgets over the ledger | `analytics` |
//! | [`cache`] | an on-disk cache with lifetimes | `analytics` |
//! | [`live`] | one state shown live to many: changes, alerts, slow clients | `server` |
//! | [`measure`] | where time goes, from spans in the real code paths | `analytics`, `measure` |
//! | [`load`] | load tests: open loop, gates, reports | `load` |
//! | [`simulate`] | a Messages API server on loopback; made-up histories of transcripts | `server`; `analytics` |
//!
//! Errors are one type, [`Error`], with predicates such as
//! [`Error::is_timeout`] and the [exit code](Error::exit_code) a program
//! should end with.

#[cfg(feature = "analytics")]
pub mod analytics;
#[cfg(feature = "analytics")]
pub mod cache;
pub mod client;
mod error;
#[cfg(feature = "server")]
pub mod live;
#[cfg(feature = "load")]
pub mod load;
#[cfg(any(feature = "analytics", feature = "measure"))]
pub mod measure;
pub mod pricing;
#[cfg(any(feature = "analytics", feature = "server"))]
pub mod simulate;
#[cfg(feature = "analytics")]
pub mod store;
pub mod stream;
#[cfg(feature = "analytics")]
pub mod transcript;

pub use client::{Client, ClientBuilder, MessageStream, QueryBuilder, Response};
pub use error::{Error, ExitClass, Limit, ProcessFailure, Result};
pub use stream::{
    BackpressureMonitor, Event, EventKind, MessageParser, StreamConfig, StreamConfigBuilder, StreamFormat, Usage,
    set_stream_config,
};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

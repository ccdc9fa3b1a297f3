//! The public API, as a user of the crate sees it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(
    clippy::field_reassign_with_default,
    reason = "the only way to fill a non-exhaustive struct from outside"
)]

mod analytics;
mod analytics_blocks;
mod answers;
mod api;
mod backpressure;
mod bulk;
mod cache;
mod channel;
mod conformance;
mod dashboard;
mod guide_analytics;
mod guide_live;
mod guide_load;
mod guide_memory;
mod guide_streaming;
mod import;
mod ledger;
mod ledger_filled;
mod ledger_properties;
mod live;
mod live_feed;
mod migrations;
mod otlp;
mod otlp_grpc;
mod otlp_hostile;
mod otlp_receiver;
mod pricing;
mod process;
mod recorder;
mod simulate;
mod simulate_faults;
mod statements;
mod stream;
mod stream_properties;
mod stream_reference;
mod transcript;
mod transcript_properties;
mod warm;

//! The public API, as a user of the crate sees it.

mod analytics;
mod api;
mod ledger;
mod ledger_properties;
mod pricing;
mod process;
mod recorder;
mod simulate;
mod stream;
mod stream_properties;

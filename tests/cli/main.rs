//! The built binary, as a user meets it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod analytics;
mod analytics_budgets;
mod analytics_cache;
mod analytics_dashboard;
mod analytics_reports;
mod analytics_statusline;
mod batch;
mod cache;
mod color;
mod config;
mod doctor;
mod exits;
mod export;
mod export_memory;
mod external;
mod generated;
mod harness;
mod import;
mod import_crash;
mod import_watch;
mod ledger;
mod machines;
mod merge;
mod network;
mod profile;
mod prompt;
mod pty;
mod query;
mod readme;
mod real_ccusage;
mod real_claude;
mod real_exits;
mod real_profile;
mod real_warm;
mod schema;
mod secrets;
mod serve;
mod shells;
mod simulate;
mod sql;
mod stream;
mod terminal;
mod timeseries;
mod upkeep;

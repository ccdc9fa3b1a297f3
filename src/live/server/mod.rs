//! The dashboard as a server: the page, the CLI's answers as JSON, one stream of
//! live states for any number of viewers, and figures for Prometheus.
//!
//! [`Server`] answers over HTTP/1.1. Every route but `/healthz` is behind the
//! same guard: the Host and Origin a browser names, and the token if one is set.
//! Other routes, such as a telemetry receiver's, are [mounted](Server::mount)
//! behind that guard, too.
//!
//! A stream of states takes its connection over from the HTTP server: what is
//! written to it are a few bytes of its own and a body that all viewers share,
//! by one system call. Whoever stands still holds no more than that.

mod api;
mod assets;
mod config;
mod connection;
mod events;
mod figures;
mod guard;
mod health;
mod listen;
mod login;
mod metrics;
mod names;
mod params;
mod reading;
mod refusal;
mod routes;
mod token;
mod views;
mod wire;

pub use self::{
    config::{Limits, ServerConfig},
    listen::{Server, raise_file_limit},
    metrics::{MetricKind, MetricsText},
    params::Params,
    refusal::Refusal,
    token::Token,
    views::{FeedViews, Views, Watched},
};

/// Where it listens unless told otherwise: on loopback, at the port where
/// telemetry is sent by default.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:4318";

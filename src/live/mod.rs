//! One state, shown live to many.
//!
//! A [`Hub`] has one writer, who [publishes](Hub::publish) a state whenever it
//! changed, and any number of [clients](Client), who are sent what changed
//! since what *they* were sent last. A state is serialised once and a change
//! worked out once, however many wait for it.
//!
//! A client has two lanes. Alerts are never dropped, reordered or put behind
//! anything else. The state can be replaced by its next one: a client that is
//! slow is sent fewer of them, each the latest. Memory does not depend on how
//! slow it is: one that stands still loses what it was sent last, and is sent
//! the whole state later (a resync); one that stays so is closed, with the
//! reason. That is enforced by [`Hub::enforce_deadlines`], not by the client's
//! own task, which does not run while its socket is blocked.
//!
//! A [`Feed`] is the writer of as many hubs as there are views of a ledger.

mod client;
mod config;
#[cfg(feature = "analytics")]
mod feed;
mod figures;
mod frame;
mod hub;
#[cfg(feature = "otlp")]
pub mod otlp;
mod seat;
#[cfg(feature = "analytics")]
pub mod server;
mod state;

pub use client::Client;
pub use config::{HubConfig, StreamingOptimizerFactory};
#[cfg(feature = "analytics")]
pub use feed::{
    Feed, FeedConfig, FeedError, LIVE_SCHEMA, LiveAlert, LiveBlock, LiveBudget, LiveGroup, LivePeriod, LiveRange,
    LiveRequest, LiveSeries, LiveSession, LiveSpend, LiveState, OptimizedDashboardFactory, Presence, View, Viewer,
};
pub use figures::{HubFigures, LatencyFigures};
pub use frame::{CloseReason, EventId, Frame, FrameKind, ParseEventIdError};
pub use hub::Hub;

//! Running prompts: the [`Client`], its queries, and the backends behind them.

mod backend;
mod request;

pub use backend::{Backend, EventSender, RunFuture};
pub use request::{Limits, Request};

//! Running prompts: the [`Client`], its queries, and the backends behind them.
//!
//! | backend | what it runs on | what it needs |
//! |---|---|---|
//! | [`BackendKind::Claude`] | the `claude` program | the program on `PATH` |
//! | [`BackendKind::Api`] | the Messages API | `ANTHROPIC_API_KEY` or `ANTHROPIC_AUTH_TOKEN` |
//! | [`BackendKind::Simulated`] | a server within the process | nothing |
//!
//! All of them speak the `stream-json` language of the `claude` program.

mod api;
mod attachment;
mod backend;
mod builder;
mod child;
mod estimate;
#[cfg(feature = "analytics")]
mod fingerprint;
mod guard;
mod limits;
mod outbox;
mod phases;
mod process;
mod query;
mod request;
mod resolve;
mod response;
mod retry;
mod secrets;
#[cfg(feature = "server")]
mod simulated;
mod translate;
mod warm;

pub use api::{API_VERSION, ApiBackend, Credentials, DEFAULT_BASE_URL, messages_body, within_budget};
pub use attachment::Attachment;
pub use backend::{Backend, CloseFuture, EventSender, RunFuture};
pub use builder::{Client, ClientBuilder};
pub use estimate::{Estimate, estimate};
#[cfg(feature = "analytics")]
pub use fingerprint::answer_key;
pub use process::{ClaudeBackend, claude_args};
pub use query::{MessageStream, QueryBuilder};
pub use request::{Limits, Request, Session};
pub use resolve::{BackendKind, find_claude};
#[cfg(any(feature = "analytics", feature = "server"))]
pub(crate) use response::kind_of;
pub use response::{Response, told_error, verdict, verdict_after};
pub use secrets::{Secrets, without_secrets};
#[cfg(feature = "server")]
pub use simulated::SimulatedBackend;
pub use warm::WarmBackend;

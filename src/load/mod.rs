//! Load tests that an engineer can trust.
//!
//! Requests come when they are due ([`Arrivals`]), whether or not those before
//! were answered, and every time is measured from then: a server that stands
//! still for a second is charged with every request that came meanwhile. Where
//! users are asked for instead ([`Load::Closed`]), the figures say so.
//!
//! A [`Plan`] says what is asked for ([`Work`]) and how; [`run`] runs it and
//! blocks meanwhile. Failures are counted and never timed; a generator that was
//! itself too slow says so, and its gates do not hold. What is kept does not grow
//! with the number of requests.

mod arrivals;
mod budget;
mod client;
mod clock;
mod http;
mod metric;
mod plan;
mod prompts;
mod recorder;
mod report;
mod result;
mod run;
mod sample;
mod samples;
mod search;
mod slo;
mod threshold;
mod work;
mod worker;

pub use arrivals::{Arrivals, Times};
pub use budget::Budget;
pub use metric::Metric;
pub use plan::{Load, Plan};
pub use prompts::Prompts;
pub use report::html;
pub use result::{
    Cost, Generator, Goodput, LOADTEST_JSON_SCHEMA, LOADTEST_SCHEMA, LoadTestResult, MaxFound, Point, RunCounts,
    RunResult, Tokens, Trend,
};
pub use run::{Progress, run};
pub use sample::Outcome;
pub use search::{Search, find_max};
pub use slo::Slo;
pub use threshold::{Threshold, Verdict};
pub use work::{Dashboards, Drawn, Get, Messages, Subscription, Work};

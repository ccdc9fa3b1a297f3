//! Measuring: where time goes, and whether a change made something slower.
//!
//! With the feature `measure`, a `Collector` listens to the `tracing` spans that
//! stand in the real code paths and makes them a `Trace`; a `Profile` is what one
//! or more traces of the same work amount to. Where nobody listens, nothing is
//! recorded of a span, and none is made for a token, a line or a row.

#[cfg(feature = "count-allocations")]
mod allocations;
#[cfg(feature = "bench-suites")]
pub mod bench;
#[cfg(feature = "measure")]
mod chrome;
#[cfg(feature = "measure")]
mod collect;
#[cfg(feature = "measure")]
mod fetch;
#[cfg(feature = "measure")]
mod flame;
#[cfg(feature = "measure")]
mod lanes;
mod memory;
#[cfg(feature = "measure")]
mod profile;
#[cfg(feature = "bench-suites")]
pub mod suites;
#[cfg(feature = "measure")]
mod trace;

#[cfg(feature = "count-allocations")]
pub use self::allocations::{Allocations, CountingAllocator, allocations};
pub use self::memory::{forget_peak_memory, peak_memory};
#[cfg(feature = "measure")]
pub use self::{
    chrome::chrome_trace,
    collect::Collector,
    fetch::{Fetched, fetch},
    flame::flame_graph,
    profile::{PROFILE_SCHEMA, Phase, Profile, Spread},
    trace::{FieldValue, Fields, Moment, SpanRecord, Trace},
};

//! The built-in benchmarks: what `claude-cli bench` and `cargo bench` time.
//!
//! All of it runs on small made-up data, and touches nothing but a temporary
//! folder.

mod analytics;
mod channel;
mod errors;
mod hub;
mod import;
pub mod lines;
mod parse;
mod place;
mod reference;
mod store;
pub mod sums;

pub use self::{
    channel::pass,
    errors::{process_error, timeout_error},
    place::Place,
    reference::reference,
};
use crate::Result;

/// Does something so many times, and returns a checksum of what it did.
pub type Work = Box<dyn FnMut(u64) -> Result<u64>>;

/// Benchmarks of one part of the program.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Suite {
    /// Its name.
    pub name: &'static str,
    /// What it times.
    pub about: &'static str,
    /// What there is in it.
    pub cases: &'static [Case],
}

/// One benchmark.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Case {
    /// Its name, unique within its suite.
    pub name: &'static str,
    /// What is done once.
    pub once: &'static str,
    prepare: fn(&Place) -> Result<Work>,
}

impl Case {
    const fn new(name: &'static str, once: &'static str, prepare: fn(&Place) -> Result<Work>) -> Self {
        Self { name, once, prepare }
    }

    /// Makes up its data.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn prepare(&self, place: &Place) -> Result<Work> {
        (self.prepare)(place)
    }
}

/// All suites.
pub const SUITES: [Suite; 7] = [
    Suite { name: "parse", about: "lines to messages, and everything of them read", cases: &parse::CASES },
    Suite { name: "channel", about: "from bytes, through the channel, to a reader", cases: &channel::CASES },
    Suite { name: "import", about: "transcripts to requests", cases: &import::CASES },
    Suite { name: "store", about: "requests into the ledger", cases: &store::CASES },
    Suite { name: "analytics", about: "reports over 5,000 requests, nothing cached", cases: &analytics::CASES },
    Suite { name: "hub", about: "one state, shown live to many", cases: &hub::CASES },
    Suite { name: "errors", about: "errors, made and dropped", cases: &errors::CASES },
];

/// A case by its suite's name and its own, as `suite/case`.
#[must_use]
pub fn case(name: &str) -> Option<&'static Case> {
    let (suite, case) = name.split_once('/')?;
    let cases = SUITES.iter().find(|known| known.name == suite)?.cases;
    cases.iter().find(|known| known.name == case)
}

/// All cases by name, as `suite/case`.
pub fn names() -> impl Iterator<Item = (String, &'static Case)> {
    SUITES.iter().flat_map(|suite| suite.cases.iter().map(|case| (format!("{}/{}", suite.name, case.name), case)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_does_the_same_each_time() {
        let place = Place::new();
        for (name, case) in names() {
            let mut work = case.prepare(&place).unwrap_or_else(|e| panic!("{name}: {e}"));
            // A ledger that grows says something else each time.
            let sums: Vec<u64> = (0..2).map(|_| work(2).unwrap_or_else(|e| panic!("{name}: {e}"))).collect();
            assert!(sums[0] > 0, "{name} did nothing");
            assert!(sums[0] == sums[1] || name.starts_with("store/"), "{name}: {sums:?}");
        }
        assert!(case("parse/delta_250").is_some() && case("parse").is_none() && case("parse/x").is_none());
    }
}

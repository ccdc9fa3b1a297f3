//! What a load test is to do.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{arrivals::Arrivals, budget::Budget, slo::Slo, threshold::Threshold, work::Work};

/// How requests come.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Load {
    /// When they are due, whether or not the ones before were answered.
    Open(Arrivals),
    /// From so many users, each of whom asks again as soon as it was answered. A
    /// server that stands still is asked nothing meanwhile, so that its pauses
    /// hardly show in these figures.
    Closed {
        /// Users at once.
        users: usize,
    },
}

/// A load test.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// What is asked for.
    pub work: Arc<Work>,
    /// How requests come.
    pub load: Load,
    /// For how long they come. Default: 10 s.
    pub duration: Duration,
    /// Requests that are due before this leave no figures. Default: none.
    pub warmup: Duration,
    /// At most so many requests.
    pub requests: Option<u64>,
    /// How long an answer may take. Default: 60 s.
    pub timeout: Duration,
    /// Threads that generate load, each with its own share. Default: 1.
    pub threads: usize,
    /// Requests under way at once; more wait for one to end. Default: 1,024.
    pub max_in_flight: usize,
    /// A generator that gets to more than 1 % of the requests later than this
    /// after they were due is taken for the bottleneck. Default: 10 ms.
    pub max_lag: Duration,
    /// Requests that may wait; more are dropped, and counted. Default: 100,000.
    pub max_queue: usize,
    /// How often a request that was refused with 429 or a status from 500 on is
    /// sent again. Default: never.
    pub retries: u32,
    /// What each request is to keep.
    pub slo: Slo,
    /// Gates.
    pub thresholds: Vec<Threshold>,
    /// What may be spent.
    pub budget: Option<Arc<Budget>>,
    /// A file that gets a JSON line for each request.
    pub samples: Option<PathBuf>,
}

impl Plan {
    /// A load test with the defaults.
    #[must_use]
    pub fn new(work: impl Into<Arc<Work>>, load: Load) -> Self {
        Self {
            work: work.into(),
            load,
            duration: Duration::from_secs(10),
            warmup: Duration::ZERO,
            requests: None,
            timeout: Duration::from_secs(60),
            threads: 1,
            max_in_flight: 1_024,
            max_lag: Duration::from_millis(10),
            max_queue: 100_000,
            retries: 0,
            slo: Slo::default(),
            thresholds: Vec::new(),
            budget: None,
            samples: None,
        }
    }

    /// About so many requests.
    #[must_use]
    pub fn expected(&self) -> Option<f64> {
        match &self.load {
            Load::Open(arrivals) => {
                let expected = arrivals.expected(self.duration);
                Some(self.requests.map_or(expected, |most| expected.min(most as f64)))
            }
            Load::Closed { .. } => self.requests.map(|most| most as f64),
        }
    }
}

//! What a run of the suites came to.

use serde::{Deserialize, Serialize};

use super::statistics::{median, outliers};

/// The `schema` of results as JSON.
pub const BENCH_SCHEMA: &str = "claude-cli/bench@1";

/// The machine that something was measured on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Machine {
    /// The processor, as the system calls it.
    pub processor: Option<String>,
    /// How many of its threads there are.
    pub cores: usize,
    /// The system.
    pub system: String,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn this() -> Self {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let named = info.lines().find(|line| line.starts_with("model name"));
        let name = rustix::system::uname();
        Self {
            processor: named.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned())),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: format!("{} {}", name.sysname().to_string_lossy(), name.machine().to_string_lossy()),
        }
    }
}

/// What one benchmark came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CaseResult {
    /// `suite/case`.
    pub name: String,
    /// What is done once.
    pub once: String,
    /// Operations a batch.
    pub operations: u64,
    /// Nanoseconds an operation: of each process, the median of its batches.
    pub ns: Vec<f64>,
    /// The same as a multiple of work that no change of the program makes faster
    /// or slower, timed in turn with it.
    pub relative: Vec<f64>,
}

impl CaseResult {
    /// Nanoseconds an operation, the median of the processes.
    #[must_use]
    pub fn median(&self) -> f64 {
        median(&self.ns)
    }

    /// Processes that were far from the others (Tukey's fences).
    #[must_use]
    pub fn outliers(&self) -> usize {
        outliers(&self.ns)
    }

    /// The least and the most of the processes.
    #[must_use]
    pub fn ends(&self) -> (f64, f64) {
        let least = self.ns.iter().copied().fold(f64::INFINITY, f64::min);
        (least, self.ns.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }
}

/// What the suites came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Results {
    /// [`BENCH_SCHEMA`].
    pub schema: String,
    /// The program's version.
    pub version: String,
    /// When, UTC.
    pub at: String,
    /// On what.
    pub machine: Machine,
    /// Whether each process was kept on one processor.
    pub pinned: bool,
    /// Processes.
    pub rounds: usize,
    /// What there was.
    pub cases: Vec<CaseResult>,
}

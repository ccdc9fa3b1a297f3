//! What was collected: spans and moments with their times.

use std::time::Duration;

/// The value of a field of a span or a moment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FieldValue {
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// Anything else, as text.
    Text(String),
}

impl FieldValue {
    /// The number, if it is a whole one.
    #[must_use]
    pub const fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub const fn as_float(&self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(*n as f64),
            Self::Float(n) => Some(*n),
            _ => None,
        }
    }
}

/// Fields by name, in the order in which they came.
pub type Fields = Vec<(&'static str, FieldValue)>;

/// A span: something that took time.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SpanRecord {
    /// What it was.
    pub name: &'static str,
    /// The place in [`Trace::spans`] of the span that it is a part of.
    pub parent: Option<usize>,
    /// The place in [`Trace::threads`] of the thread that began it.
    pub thread: usize,
    /// When it began, from the start of the trace.
    pub start: Duration,
    /// When it ended, from the start of the trace.
    pub end: Duration,
    /// What else is known of it.
    pub fields: Fields,
    /// Allocations of the whole process meanwhile, and their bytes, where they
    /// are counted.
    pub allocated: Option<(u64, u64)>,
}

impl SpanRecord {
    /// How long it took.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }

    /// Parts of it that are known by their sum alone: fields whose names end in
    /// `_ns`, as a name and a time.
    pub fn sums(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        self.fields.iter().filter_map(|(name, value)| {
            let name = name.strip_suffix("_ns")?;
            Some((name, Duration::from_nanos(u64::try_from(value.as_int()?).ok()?)))
        })
    }
}

/// A moment: something that was told of.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Moment {
    /// What was told.
    pub message: String,
    /// The place in [`Trace::threads`] of the thread that told it.
    pub thread: usize,
    /// When, from the start of the trace.
    pub at: Duration,
    /// What else was told.
    pub fields: Fields,
}

/// All that was collected of one piece of work.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Trace {
    /// Spans in the order in which they began.
    pub spans: Vec<SpanRecord>,
    /// Moments in their order.
    pub moments: Vec<Moment>,
    /// Names of the threads.
    pub threads: Vec<String>,
    /// The most memory of a program that was run, in bytes, as far as it was seen.
    pub child_peak: Option<u64>,
}

impl Trace {
    /// The span that all others of its work are a part of: the longest of those
    /// that are no part of another.
    #[must_use]
    pub fn root(&self) -> Option<usize> {
        let roots = self.spans.iter().enumerate().filter(|(_, span)| span.parent.is_none());
        roots.max_by_key(|(_, span)| span.duration()).map(|(at, _)| at)
    }

    /// The last moment that tells of `field`.
    #[must_use]
    pub fn moment_with(&self, field: &str) -> Option<&Moment> {
        self.moments.iter().rev().find(|moment| moment.fields.iter().any(|(name, _)| *name == field))
    }

    /// How long `root` took, and how much of that lies in none of the phases
    /// that it has.
    #[must_use]
    pub fn in_no_phase(&self, root: usize) -> (Duration, Duration) {
        let Some(whole) = self.spans.get(root) else { return Default::default() };
        let mut phases: Vec<(Duration, Duration)> = self
            .spans
            .iter()
            .filter(|span| span.parent == Some(root))
            .map(|span| (span.start.max(whole.start), span.end.min(whole.end)))
            .filter(|(start, end)| start < end)
            .collect();
        phases.sort_unstable();
        let mut covered = Duration::ZERO;
        let mut until = whole.start;
        for (start, end) in phases {
            covered += end.saturating_sub(start.max(until));
            until = until.max(end);
        }
        (whole.duration(), whole.duration().saturating_sub(covered))
    }
}

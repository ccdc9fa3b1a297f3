//! What the traces of the same work, run once or often, amount to.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{SpanRecord, Trace};

/// The `schema` of a profile as JSON.
pub const PROFILE_SCHEMA: &str = "claude-cli/profile@1";

/// A time over several runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spread {
    /// The median.
    pub median: Duration,
    /// The shortest.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
}

impl Spread {
    /// The spread of these times; zero if there are none.
    #[must_use]
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let (Some(&least), Some(&most)) = (times.first(), times.last()) else { return Self::default() };
        let middle = times.len() / 2;
        let median =
            if times.len().is_multiple_of(2) { (times[middle - 1] + times[middle]) / 2 } else { times[middle] };
        Self { median, least, most }
    }

    fn to_json(self) -> Value {
        json!({ "median": millis(self.median), "min": millis(self.least), "max": millis(self.most) })
    }
}

/// A phase: all spans of one name within spans of the same names, together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Phase {
    /// The names of what it is a part of, and its own.
    pub path: Vec<&'static str>,
    /// It ran on another thread, beside the main line.
    pub beside: bool,
    /// Spans in the typical run; 0 for a part of which only the sum is known.
    pub count: u64,
    /// How long they took together.
    pub time: Spread,
    /// Allocations of the whole process meanwhile, and their bytes, in the typical run.
    pub allocated: Option<(u64, u64)>,
    /// When they began and ended in the typical run, from the start of the work.
    pub spans: Vec<(Duration, Duration)>,
}

impl Phase {
    /// Its own name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.path.last().copied().unwrap_or_default()
    }
}

/// Where the time of one piece of work went, over one or more runs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// What was run.
    pub work: String,
    /// How often.
    pub runs: usize,
    /// The place of the run whose time is nearest to the median.
    pub typical: usize,
    /// How long it took.
    pub wall: Spread,
    /// How much of that lies in no phase.
    pub no_phase: Spread,
    /// The largest share of a run's time that lies in no phase, from 0 to 1.
    pub no_phase_share: f64,
    /// What it consists of: parts follow what they are a part of, in the order
    /// in which they began; what ran beside it is last.
    pub phases: Vec<Phase>,
    /// The most memory of this process, in bytes.
    pub own_peak: Option<u64>,
    /// The most memory of the program that was run, in bytes.
    pub child_peak: Option<u64>,
}

/// What the spans of a path come to in one run.
#[derive(Default)]
struct Sum {
    time: Duration,
    count: u64,
    allocated: Option<(u64, u64)>,
    spans: Vec<(Duration, Duration)>,
}

/// The main line comes first, and what ran beside it after it.
type Key = (bool, Vec<&'static str>);
type Sums = BTreeMap<Key, Sum>;

impl Profile {
    /// What these traces of `work` amount to; `own_peak` is the most memory that
    /// this process took.
    #[must_use]
    pub fn of(work: &str, traces: &[Trace], own_peak: Option<u64>) -> Self {
        let ends: Vec<_> = traces
            .iter()
            .map(|trace| trace.root().map_or_else(Default::default, |root| trace.in_no_phase(root)))
            .collect();
        let wall = Spread::of(ends.iter().map(|(whole, _)| *whole).collect());
        let typical = (0..ends.len()).min_by_key(|&at| ends[at].0.abs_diff(wall.median)).unwrap_or(0);
        let mut sums: Vec<Sums> = traces.iter().map(sums).collect();
        let mut order: BTreeMap<Key, Duration> = BTreeMap::new();
        for (key, sum) in sums.iter().flatten() {
            let first = sum.spans.first().map_or(Duration::MAX, |span| span.0);
            let known = order.entry(key.clone()).or_insert(first);
            *known = first.min(*known);
        }
        let mut keys: Vec<&Key> = order.keys().collect();
        keys.sort_by_cached_key(|(beside, path)| {
            let starts = (1..=path.len()).map(|n| {
                let part = path[..n].to_vec();
                let start = order.get(&(*beside, part)).copied().unwrap_or(Duration::MAX);
                (start, path[n - 1])
            });
            (*beside, starts.collect::<Vec<_>>())
        });
        let phases = keys.into_iter().map(|key| {
            let time =
                Spread::of(sums.iter().map(|sums| sums.get(key).map_or(Duration::ZERO, |sum| sum.time)).collect());
            let sum =
                sums.get_mut(typical).and_then(|sums| sums.get_mut(key)).map(std::mem::take).unwrap_or_default();
            // Its time is still wanted by none: each key comes once.
            let Sum { count, allocated, spans, .. } = sum;
            Phase { path: key.1.clone(), beside: key.0, count, time, allocated, spans }
        });
        let phases = phases.collect();
        let share = |(whole, none): &(Duration, Duration)| match whole.as_secs_f64() {
            0.0 => 0.0,
            whole => none.as_secs_f64() / whole,
        };
        Self {
            work: work.to_owned(),
            runs: traces.len(),
            typical,
            wall,
            no_phase: Spread::of(ends.iter().map(|(_, none)| *none).collect()),
            no_phase_share: ends.iter().map(share).fold(0.0, f64::max),
            phases,
            own_peak,
            child_peak: traces.iter().filter_map(|trace| trace.child_peak).max(),
        }
    }

    /// The profile as JSON (`claude-cli/profile@1`); times in milliseconds.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let phases: Vec<Value> = self.phases.iter().map(|phase| self.phase(phase)).collect();
        json!({
            "schema": PROFILE_SCHEMA,
            "work": self.work,
            "runs": self.runs,
            "wall_ms": self.wall.to_json(),
            "no_phase_ms": self.no_phase.to_json(),
            "no_phase_share": self.no_phase_share,
            "phases": phases,
            "memory": { "own_peak_bytes": self.own_peak, "child_peak_bytes": self.child_peak },
        })
    }

    fn phase(&self, phase: &Phase) -> Value {
        let whole = self.wall.median.as_secs_f64();
        let share = if whole > 0.0 { phase.time.median.as_secs_f64() / whole } else { 0.0 };
        json!({
            "path": phase.path,
            "beside": phase.beside,
            "count": phase.count,
            "start_ms": phase.spans.first().map(|span| millis(span.0)),
            "ms": phase.time.to_json(),
            "share": share,
            "allocations": phase.allocated.map(|made| made.0),
            "allocated_bytes": phase.allocated.map(|made| made.1),
        })
    }
}

fn millis(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e6
}

/// The sums of one run, by path.
fn sums(trace: &Trace) -> Sums {
    let mut sums = Sums::new();
    let Some(root) = trace.root() else { return sums };
    let began = trace.spans[root].start;
    for (at, span) in trace.spans.iter().enumerate() {
        let (path, top) = path(&trace.spans, at);
        let key = (top != root, path);
        for (part, time) in span.sums() {
            let mut key = key.clone();
            key.1.push(part);
            sums.entry(key).or_default().time += time;
        }
        let sum = sums.entry(key).or_default();
        sum.time += span.duration();
        sum.count += 1;
        sum.spans.push((span.start.saturating_sub(began), span.end.saturating_sub(began)));
        if let Some((count, bytes)) = span.allocated {
            let (counts, all) = sum.allocated.unwrap_or_default();
            sum.allocated = Some((counts + count, all + bytes));
        }
    }
    sums
}

/// The names of what a span is a part of, and its own; and the outermost of them.
fn path(spans: &[SpanRecord], at: usize) -> (Vec<&'static str>, usize) {
    let mut path = vec![spans[at].name];
    let mut top = at;
    while let Some(parent) = spans[top].parent {
        top = parent;
        path.push(spans[top].name);
    }
    path.reverse();
    (path, top)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::FieldValue;

    fn span(name: &'static str, parent: Option<usize>, start: u64, end: u64) -> SpanRecord {
        SpanRecord {
            name,
            parent,
            thread: 0,
            start: Duration::from_millis(start),
            end: Duration::from_millis(end),
            fields: Vec::new(),
            allocated: None,
        }
    }

    fn trace(step: u64) -> Trace {
        let mut scan = span("scan", None, step, 3 * step);
        scan.fields.push(("read_ns", FieldValue::Int(1_000_000)));
        let spans = vec![
            scan,
            span("import", None, 0, 10 * step),
            span("plan", Some(1), step, 2 * step),
            // Two of a name, and one that reaches into the next.
            span("append", Some(1), 3 * step, 5 * step),
            span("commit", Some(3), 4 * step, 5 * step),
            span("append", Some(1), 4 * step, 6 * step),
        ];
        Trace { spans, ..Trace::default() }
    }

    #[test]
    fn phases_are_summed_by_path_and_what_lies_between_them_is_told() {
        let profile = Profile::of("import", &[trace(1), trace(3), trace(2)], None);
        let millis = |n| Duration::from_millis(n);
        assert_eq!(profile.wall, Spread { median: millis(20), least: millis(10), most: millis(30) });
        assert_eq!((profile.runs, profile.typical), (3, 2));
        // 1 to 2 and 3 to 6 of 10 are covered, once.
        assert_eq!(profile.no_phase.median, millis(12));
        assert!((profile.no_phase_share - 0.6).abs() < 1e-9);
        let told: Vec<_> =
            profile.phases.iter().map(|p| (p.path.join("/"), p.beside, p.count, p.time.median)).collect();
        let expected = [
            ("import", false, 1, 20),
            ("import/plan", false, 1, 2),
            ("import/append", false, 2, 8),
            ("import/append/commit", false, 1, 2),
            ("scan", true, 1, 4),
            ("scan/read", true, 0, 1),
        ];
        let expected = expected.map(|(path, beside, count, ms)| (path.to_owned(), beside, count, millis(ms)));
        assert_eq!(told, expected);
    }

    #[test]
    fn a_profile_of_nothing_is_empty() {
        let profile = Profile::of("import", &[], None);
        assert_eq!((profile.runs, profile.phases.len(), profile.wall), (0, 0, Spread::default()));
        assert_eq!(
            Spread::of(vec![Duration::from_secs(1), Duration::from_secs(2)]).median,
            Duration::from_millis(1500)
        );
    }
}

//! Flame graphs of wall time.

use std::{collections::BTreeMap, time::Duration};

use inferno::flamegraph::{self, Options};

use super::Trace;
use crate::{Error, Result};

/// Draws a flame graph as SVG: how wide a frame is, is how long its spans took,
/// all of them together. What runs beside the main line stands beside it, below
/// the name of its thread.
///
/// # Errors
/// If nothing was traced.
pub fn flame_graph(traces: &[Trace], title: &str) -> Result<Vec<u8>> {
    let lines = stacks(traces);
    if lines.is_empty() {
        return Err(Error::Invalid("there is nothing to draw: no span took any time".to_owned()));
    }
    let mut options = Options::default();
    options.title = title.to_owned();
    options.count_name = "ns".to_owned();
    options.name_type = "Phase:".to_owned();
    options.deterministic = true;
    // Times are compared with each other, and hardly with a right margin.
    options.no_sort = false;
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)
        .map_err(|e| Error::Invalid(format!("the flame graph could not be drawn: {e}")))?;
    Ok(svg)
}

/// Stacks and the time of each alone, as `a;b;c 123` in nanoseconds.
fn stacks(traces: &[Trace]) -> Vec<String> {
    let mut stacks: BTreeMap<String, Duration> = BTreeMap::new();
    for trace in traces {
        let mut alone: Vec<Duration> = trace.spans.iter().map(super::SpanRecord::duration).collect();
        for span in &trace.spans {
            if let Some(parent) = span.parent {
                alone[parent] = alone[parent].saturating_sub(span.duration());
            }
        }
        let root = trace.root();
        for (at, span) in trace.spans.iter().enumerate() {
            let mut path = vec![span.name];
            let mut top = at;
            while let Some(parent) = trace.spans[top].parent {
                top = parent;
                path.push(trace.spans[top].name);
            }
            let thread = trace.threads.get(span.thread).map_or("", String::as_str);
            if root != Some(top) {
                path.push(thread);
            }
            path.reverse();
            let stack = path.join(";").replace(char::is_whitespace, "\u{a0}");
            for (part, took) in span.sums() {
                let took = took.min(alone[at]);
                alone[at] = alone[at].saturating_sub(took);
                *stacks.entry(format!("{stack};{part}")).or_default() += took;
            }
            *stacks.entry(stack).or_default() += alone[at];
        }
    }
    let told = stacks.into_iter().filter(|(_, took)| !took.is_zero());
    told.map(|(stack, took)| format!("{stack} {}", took.as_nanos())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::trace::{FieldValue, SpanRecord};

    #[test]
    fn a_frame_is_as_wide_as_its_time_without_its_parts() {
        let span = |name, parent, start, end, fields| SpanRecord {
            name,
            parent,
            thread: 0,
            start: Duration::from_nanos(start),
            end: Duration::from_nanos(end),
            fields,
            allocated: None,
        };
        let trace = Trace {
            spans: vec![
                span("work", None, 0, 100, vec![]),
                span("read", Some(0), 10, 40, vec![("parse_ns", FieldValue::Int(5))]),
                span("beside it", None, 20, 30, vec![]),
            ],
            threads: vec!["main".to_owned()],
            ..Trace::default()
        };
        let expected = ["main;beside\u{a0}it 10", "work 70", "work;read 25", "work;read;parse 5"];
        assert_eq!(stacks(std::slice::from_ref(&trace)), expected);
        let svg = String::from_utf8(flame_graph(&[trace], "A title").unwrap()).unwrap();
        assert!(svg.contains("A title") && svg.contains("parse (5 ns"), "{svg}");
        assert!(flame_graph(&[], "nothing").is_err());
    }
}

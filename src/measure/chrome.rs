//! Traces in the Trace Event Format, which Perfetto and `chrome://tracing` open.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{FieldValue, Trace, lanes::lanes, trace::Fields};

/// A trace as a document in the Trace Event Format: complete events (`X`) of
/// spans, instant events (`i`) of moments, and the names of threads (`M`).
///
/// Times are microseconds from the start of the trace. The process is 1, and
/// each lane of a thread has a `tid` of its own, so that events of one `tid`
/// never overlap but where one lies within another.
#[must_use]
pub fn chrome_trace(trace: &Trace, process: &str) -> Value {
    let (lane_of, lanes) = lanes(trace);
    let tid = |lane: usize| lane + 1;
    let mut events = vec![
        json!({ "ph": "M", "name": "process_name", "pid": 1, "tid": 0, "ts": 0, "args": { "name": process } }),
    ];
    for (lane, (thread, number)) in lanes.iter().enumerate() {
        let name = trace.threads.get(*thread).map_or("thread", String::as_str);
        let name = if *number == 0 { name.to_owned() } else { format!("{name} ({})", number + 1) };
        events.push(json!({
            "ph": "M", "name": "thread_name", "pid": 1, "tid": tid(lane), "ts": 0, "args": { "name": name },
        }));
    }
    let mut order: Vec<usize> = (0..trace.spans.len()).collect();
    order.sort_by_key(|&at| trace.spans[at].start);
    for at in order {
        let span = &trace.spans[at];
        let mut args = arguments(&span.fields);
        if let Some((count, bytes)) = span.allocated {
            args.insert("allocations".to_owned(), json!(count));
            args.insert("allocated_bytes".to_owned(), json!(bytes));
        }
        // Both ends are rounded, and not the length: what lies within stays within.
        let (start, end) = (micros(span.start), micros(span.end));
        events.push(json!({
            "ph": "X", "name": span.name, "cat": "claude-cli", "pid": 1, "tid": tid(lane_of[at]),
            "ts": start, "dur": end - start, "args": args,
        }));
    }
    for moment in &trace.moments {
        let lane = lanes.iter().position(|(thread, _)| *thread == moment.thread);
        events.push(json!({
            "ph": "i", "s": "t", "name": moment.message, "cat": "claude-cli", "pid": 1,
            "tid": lane.map_or(0, tid), "ts": micros(moment.at), "args": arguments(&moment.fields),
        }));
    }
    json!({ "displayTimeUnit": "ms", "traceEvents": events })
}

/// Whole nanoseconds as microseconds: a sum or difference of two is exact up to
/// a double's last digit, far below a nanosecond.
fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

fn arguments(fields: &Fields) -> Map<String, Value> {
    let value = |value: &FieldValue| match value {
        FieldValue::Int(n) => json!(n),
        FieldValue::Float(n) => json!(n),
        FieldValue::Bool(b) => json!(b),
        FieldValue::Text(text) => json!(text),
    };
    fields.iter().map(|(name, field)| ((*name).to_owned(), value(field))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::measure::SpanRecord;

    fn span(start: u64, length: u64, thread: usize) -> SpanRecord {
        SpanRecord {
            name: "work",
            parent: None,
            thread,
            start: Duration::from_nanos(start),
            end: Duration::from_nanos(start + length),
            fields: vec![("text", FieldValue::Text("\"quoted\"".to_owned()))],
            allocated: None,
        }
    }

    proptest! {
        #[test]
        fn events_of_one_tid_never_overlap_by_halves(
            spans in prop::collection::vec((0..2_000_000_u64, 0..1_000_000_u64, 0..3_usize), 0..40),
        ) {
            let trace = Trace {
                spans: spans.iter().map(|&(start, length, thread)| span(start, length, thread)).collect(),
                threads: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
                ..Trace::default()
            };
            let document = chrome_trace(&trace, "test");
            let events = document["traceEvents"].as_array().unwrap();
            let mut complete: Vec<(i64, u64, u64)> = events
                .iter()
                .filter(|event| event["ph"] == "X")
                .map(|event| {
                    let nanos = |name: &str| (event[name].as_f64().unwrap() * 1e3).round() as u64;
                    (event["tid"].as_i64().unwrap(), nanos("ts"), nanos("ts") + nanos("dur"))
                })
                .collect();
            prop_assert_eq!(complete.len(), spans.len());
            complete.sort_unstable_by_key(|&(tid, start, end)| (tid, start, std::cmp::Reverse(end)));
            let mut open: Vec<(i64, u64, u64)> = Vec::new();
            for event in complete {
                while open.last().is_some_and(|around| around.0 != event.0 || around.2 <= event.1) {
                    open.pop();
                }
                if let Some(around) = open.last() {
                    prop_assert!(event.2 <= around.2, "{event:?} reaches out of {around:?}");
                }
                open.push(event);
            }
        }
    }
}

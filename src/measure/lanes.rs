//! Lanes: spans of one thread, so that within a lane each lies within another or
//! beside it, as a trace viewer wants them.

use std::time::Duration;

use super::Trace;

/// The lane of each span; and the thread and a number for each lane.
pub(super) fn lanes(trace: &Trace) -> (Vec<usize>, Vec<(usize, usize)>) {
    let mut order: Vec<usize> = (0..trace.spans.len()).collect();
    // Of two that begin at once, the longer one is around the other.
    order.sort_by_key(|&at| {
        let span = &trace.spans[at];
        (span.start, std::cmp::Reverse(span.end), at)
    });
    let mut lane_of = vec![0; trace.spans.len()];
    let mut lanes: Vec<Lane> = Vec::new();
    for at in order {
        let span = &trace.spans[at];
        let fits = |lane: &mut Lane| lane.thread == span.thread && lane.fits(span.start, span.end);
        let lane = lanes.iter_mut().position(fits).unwrap_or_else(|| {
            let number = lanes.iter().filter(|lane| lane.thread == span.thread).count();
            lanes.push(Lane { thread: span.thread, number, open: Vec::new() });
            lanes.len() - 1
        });
        lanes[lane].open.push(span.end);
        lane_of[at] = lane;
    }
    (lane_of, lanes.into_iter().map(|lane| (lane.thread, lane.number)).collect())
}

struct Lane {
    thread: usize,
    number: usize,
    /// Ends of the spans around the next one.
    open: Vec<Duration>,
}

impl Lane {
    fn fits(&mut self, start: Duration, end: Duration) -> bool {
        while self.open.last().is_some_and(|around| *around <= start) {
            self.open.pop();
        }
        self.open.last().is_none_or(|around| end <= *around)
    }
}

//! What is kept of all requests: counts and distributions, whose size does not
//! depend on how many there were.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::{
    metric::Metric,
    sample::{Outcome, Sample},
    slo::Slo,
    threshold::{Aggregate, Counted, Subject, Threshold, Verdict},
};

/// Times are recorded in nanoseconds, from 0.1 µs to an hour, with three digits.
const LOWEST: u64 = 100;
const HIGHEST: u64 = 3_600_000_000_000;
const DIGITS: u8 = 3;

/// A request that was sent so much after it was due is late.
pub(super) const LATE_AFTER: Duration = Duration::from_millis(10);

fn histogram() -> Histogram<u64> {
    // These bounds are constants that are within what is allowed.
    Histogram::new_with_bounds(LOWEST, HIGHEST, DIGITS).unwrap_or_else(|_| unreachable!("the bounds are sound"))
}

/// A distribution of times.
#[derive(Clone, Debug)]
pub(super) struct Distribution {
    pub(super) histogram: Histogram<u64>,
    /// Histograms round; means and extremes need not.
    sum: f64,
    min: u64,
    max: u64,
}

impl Distribution {
    fn new() -> Self {
        Self { histogram: histogram(), sum: 0.0, min: u64::MAX, max: 0 }
    }

    pub(super) fn record(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.histogram.saturating_record(nanos);
        self.sum += nanos as f64;
        (self.min, self.max) = (self.min.min(nanos), self.max.max(nanos));
    }

    fn add(&mut self, other: &Self) {
        // Both have the same bounds.
        let _ = self.histogram.add(&other.histogram);
        self.sum += other.sum;
        (self.min, self.max) = (self.min.min(other.min), self.max.max(other.max));
    }

    pub(super) fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Milliseconds; `None` of no times.
    pub(super) fn percentile(&self, percent: f64) -> Option<f64> {
        if self.histogram.is_empty() {
            return None;
        }
        let nanos = self.histogram.value_at_quantile(percent / 100.0);
        // The middle of a cell may lie beyond what was seen.
        Some(nanos.clamp(self.min, self.max) as f64 / 1e6)
    }

    pub(super) fn mean(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.sum / self.count() as f64 / 1e6)
    }

    pub(super) fn min(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.min as f64 / 1e6)
    }

    pub(super) fn max(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.max as f64 / 1e6)
    }
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// By [`Outcome::ALL`].
    pub(super) outcomes: [u64; Outcome::ALL.len()],
    pub(super) good: u64,
    pub(super) retried: u64,
    pub(super) retries: u64,
    pub(super) late: u64,
    pub(super) dropped: u64,
    pub(super) unpaid: u64,
    pub(super) reconnected: u64,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) pieces: u64,
    pub(super) bytes: u64,
    /// Nano-dollars.
    pub(super) cost: i64,
    pub(super) unpriced: u64,
}

impl Counts {
    pub(super) fn ended(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    pub(super) fn of(&self, outcome: Outcome) -> u64 {
        Outcome::ALL.iter().position(|known| *known == outcome).map_or(0, |at| self.outcomes[at])
    }

    fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.outcomes.iter_mut().zip(other.outcomes) {
            *mine += theirs;
        }
        for (mine, theirs) in [
            (&mut self.good, other.good),
            (&mut self.retried, other.retried),
            (&mut self.retries, other.retries),
            (&mut self.late, other.late),
            (&mut self.dropped, other.dropped),
            (&mut self.unpaid, other.unpaid),
            (&mut self.reconnected, other.reconnected),
            (&mut self.input_tokens, other.input_tokens),
            (&mut self.output_tokens, other.output_tokens),
            (&mut self.pieces, other.pieces),
            (&mut self.bytes, other.bytes),
            (&mut self.unpriced, other.unpriced),
        ] {
            *mine += theirs;
        }
        self.cost = self.cost.saturating_add(other.cost);
    }
}

/// What ended within an interval, for charts.
#[derive(Clone, Debug)]
pub(super) struct Interval {
    pub(super) e2e: Distribution,
    pub(super) ttft: Distribution,
    pub(super) ok: u64,
    pub(super) failed: u64,
    pub(super) tokens: u64,
}

impl Interval {
    pub(super) fn new() -> Self {
        Self { e2e: Distribution::new(), ttft: Distribution::new(), ok: 0, failed: 0, tokens: 0 }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.e2e.add(&other.e2e);
        self.ttft.add(&other.ttft);
        self.ok += other.ok;
        self.failed += other.failed;
        self.tokens += other.tokens;
    }
}

/// Everything that is kept.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    pub(super) counts: Counts,
    /// By [`Metric::ALL`].
    times: Vec<Distribution>,
    pub(super) interval: Interval,
    slo: Slo,
    warmup: Duration,
    /// What an answer that was not read to its end is taken to have cost.
    worst: Option<i64>,
}

impl Recorder {
    /// Requests that are due before the end of the warm-up leave nothing.
    pub(super) fn new(slo: Slo, warmup: Duration, worst: Option<i64>) -> Self {
        Self {
            counts: Counts::default(),
            times: Metric::ALL.iter().map(|_| Distribution::new()).collect(),
            interval: Interval::new(),
            slo,
            warmup,
            worst,
        }
    }

    pub(super) fn times(&self, metric: Metric) -> &Distribution {
        &self.times[metric as usize]
    }

    fn record(&mut self, metric: Metric, time: Option<Duration>) {
        if let Some(time) = time {
            self.times[metric as usize].record(time);
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        for (mine, theirs) in self.times.iter_mut().zip(&other.times) {
            mine.add(theirs);
        }
        self.interval.add(&other.interval);
    }

    /// The generator got to a request that was due then.
    pub(super) fn lagged(&mut self, intended: Duration, lag: Duration) {
        if intended >= self.warmup {
            self.record(Metric::Lag, Some(lag));
        }
    }

    /// A request was not sent: there was no room to wait for a connection.
    pub(super) fn dropped(&mut self, intended: Duration) {
        self.counts.dropped += u64::from(intended >= self.warmup);
    }

    /// A request has ended. What it cost was paid, in the warm-up or not.
    pub(super) fn ended(&mut self, sample: &Sample) {
        self.counts.cost = self.counts.cost.saturating_add(sample.cost_at_worst(self.worst.unwrap_or(0)));
        self.counts.unpriced += u64::from(sample.cost.is_none() && sample.output_tokens > 0);
        if sample.intended < self.warmup {
            return;
        }
        let index = Outcome::ALL.iter().position(|known| *known == sample.outcome).unwrap_or_default();
        self.counts.outcomes[index] += 1;
        self.counts.bytes += sample.bytes;
        self.counts.retries += u64::from(sample.attempts.saturating_sub(1));
        self.counts.reconnected += u64::from(sample.connect.is_some());
        self.counts.late += u64::from(sample.sent.saturating_sub(sample.intended) > LATE_AFTER);
        self.record(Metric::Connect, sample.connect.filter(|time| *time != Duration::MAX));
        if sample.outcome != Outcome::Ok {
            // How long a failure took says nothing of how long answers take.
            self.interval.failed += 1;
            return;
        }
        self.interval.ok += 1;
        self.interval.tokens += sample.output_tokens;
        self.counts.input_tokens += sample.input_tokens;
        self.counts.output_tokens += sample.output_tokens;
        self.counts.pieces += sample.gaps.len() as u64 + u64::from(sample.first.is_some());
        let e2e = sample.end.saturating_sub(sample.intended);
        if sample.attempts > 1 {
            self.counts.retried += 1;
            self.record(Metric::Retried, Some(e2e));
            return;
        }
        self.counts.good += u64::from(!self.slo.is_empty() && self.slo.is_kept(sample));
        for metric in [Metric::Ttft, Metric::Thinking, Metric::Itl, Metric::FirstByService, Metric::Queue] {
            self.record(metric, metric.of(sample));
        }
        for gap in &sample.gaps {
            self.times[Metric::Gap as usize].record(*gap);
        }
        if let Some(first) = Metric::Ttft.of(sample) {
            self.interval.ttft.record(first);
        }
        if !sample.is_subscription {
            self.record(Metric::E2e, Some(e2e));
            self.record(Metric::Service, Metric::Service.of(sample));
            self.interval.e2e.record(e2e);
        }
    }

    /// How gates do, `seconds` into the run.
    pub(super) fn judge(&self, thresholds: &[Threshold], seconds: f64) -> Vec<Verdict> {
        thresholds.iter().map(|threshold| threshold.judge(self.value(threshold, seconds), false)).collect()
    }

    pub(super) fn value(&self, threshold: &Threshold, seconds: f64) -> Option<f64> {
        match threshold.subject {
            Subject::Trend(metric) => {
                let times = self.times(metric);
                match threshold.aggregate {
                    Aggregate::Average => times.mean(),
                    Aggregate::Min => times.min(),
                    Aggregate::Max => times.max(),
                    Aggregate::Percentile(percent) => times.percentile(percent),
                    Aggregate::Count | Aggregate::Rate => Some(times.count() as f64),
                }
            }
            Subject::Counter(counted) => self.counted(counted, threshold.aggregate, seconds),
        }
    }

    fn counted(&self, counted: Counted, aggregate: Aggregate, seconds: f64) -> Option<f64> {
        let counts = &self.counts;
        let all = counts.ended() + counts.dropped;
        if all == 0 || (counted == Counted::Good && self.slo.is_empty()) {
            return None;
        }
        let count = match counted {
            Counted::Requests => counts.ended(),
            Counted::Failed => counts.ended() - counts.of(Outcome::Ok),
            Counted::RateLimited => counts.of(Outcome::RateLimited),
            Counted::Overloaded => counts.of(Outcome::Overloaded),
            Counted::Good => counts.good,
            Counted::Late => counts.late,
            Counted::Dropped => counts.dropped,
            Counted::OutputTokens => counts.output_tokens,
        } as f64;
        Some(match aggregate {
            Aggregate::Rate if counted.is_share() => count / all as f64,
            Aggregate::Rate => count / seconds.max(1e-9),
            _ => count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn recorder() -> Recorder {
        Recorder::new("ttft<500".parse().unwrap(), ms(1_000), Some(7))
    }

    fn answered(intended: u64) -> Sample {
        Sample {
            intended: ms(intended),
            sent: ms(intended + 30),
            end: ms(intended + 1_000),
            attempts: 1,
            status: 200,
            ..Sample::default()
        }
    }

    #[test]
    fn failures_are_counted_and_never_timed() {
        let mut recorder = recorder();
        for outcome in Outcome::ALL {
            recorder.ended(&Sample { outcome, ..answered(2_000) });
        }
        assert_eq!(recorder.counts.outcomes, [1; Outcome::ALL.len()]);
        assert_eq!(recorder.times(Metric::E2e).count(), 1);
        recorder.ended(&Sample { attempts: 3, ..answered(2_000) });
        assert_eq!((recorder.times(Metric::E2e).count(), recorder.times(Metric::Retried).count()), (1, 1));
        assert_eq!((recorder.counts.retried, recorder.counts.retries), (1, 2));
        assert_eq!(recorder.counts.late, 10);
    }

    #[test]
    fn the_warm_up_leaves_nothing_but_its_cost() {
        let mut recorder = recorder();
        recorder.ended(&Sample { cost: Some(5), ..answered(999) });
        recorder.ended(&Sample { outcome: Outcome::Cut, ..answered(10) });
        recorder.dropped(ms(1));
        recorder.lagged(ms(1), ms(1));
        assert_eq!((recorder.counts.ended(), recorder.counts.dropped), (0, 0));
        assert_eq!(recorder.times(Metric::Lag).count(), 0);
        assert_eq!(recorder.counts.cost, 5 + 7, "an answer that broke off may have cost the most it can");
    }

    #[test]
    fn tokens_are_told_from_pieces() {
        let mut recorder = recorder();
        let mut sample = answered(2_000);
        for (at, thinking) in [(2_100, true), (2_200, true), (2_300, false), (2_500, false)] {
            sample.piece(ms(at), thinking);
        }
        sample.output_tokens = 9;
        recorder.ended(&sample);
        let only = |metric| recorder.times(metric).max().unwrap();
        assert_eq!(
            (only(Metric::Ttft), only(Metric::Thinking), only(Metric::FirstByService)),
            (300.0, 100.0, 270.0)
        );
        assert_eq!(only(Metric::Itl), 50.0, "400 ms for the eight tokens behind the first");
        assert_eq!(recorder.times(Metric::Gap).count(), 3);
        assert_eq!((recorder.counts.good, recorder.counts.pieces), (1, 4));
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let (mut a, mut b, mut whole) = (recorder(), recorder(), recorder());
        for n in 0..1_000 {
            let sample = Sample { end: ms(2_000 + n), ..answered(2_000) };
            if n % 3 == 0 {
                a.ended(&sample);
            } else {
                b.ended(&sample);
            }
            whole.ended(&sample);
        }
        a.add(&b);
        let told = |recorder: &Recorder| {
            format!(
                "{:?}{:?}",
                recorder.counts,
                recorder.judge(
                    &["e2e.p(99)<1", "e2e.avg<1", "e2e.max<1", "requests.rate<1"]
                        .map(|text| text.parse().unwrap()),
                    10.0,
                )
            )
        };
        assert_eq!(told(&a), told(&whole));
    }
}

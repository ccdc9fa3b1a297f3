//! A run: threads that generate load, and one that watches.

use std::{
    ops::ControlFlow,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{
    metric::Metric,
    plan::{Load, Plan},
    recorder::{Interval, Recorder},
    result::{Cost, Generator, Goodput, Point, RunResult, Tokens, counts, metrics},
    sample::Outcome,
    samples::Samples,
    worker::{self, Figures, Shared},
};
use crate::{Error, Result};

/// How often it is told how a run goes.
const TICK: Duration = Duration::from_millis(100);
/// How often gates that end a run are looked at.
const GATE_CHECK: Duration = Duration::from_secs(1);
/// Threads get so long to start before the first request is due.
const START: Duration = Duration::from_millis(20);
/// About so many points are drawn, but none of a shorter time than this.
const POINTS: u32 = 120;
const SHORTEST_POINT: Duration = Duration::from_millis(250);
/// Beyond this the generator is taken for the bottleneck.
const CPU_LIMIT: f64 = 0.9;

/// How a run goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Since its begin.
    pub elapsed: Duration,
    /// Answered so far, that of the warm-up left out.
    pub ok: u64,
    /// Failed so far.
    pub failed: u64,
    /// Under way.
    pub in_flight: u64,
    /// Nano-dollars spent so far.
    pub cost: i64,
    /// Answered requests a second, lately.
    pub rate: f64,
    /// The median end to end in milliseconds, lately.
    pub e2e_p50: Option<f64>,
    /// The 99th percentile of it.
    pub e2e_p99: Option<f64>,
}

/// Runs a load test, and tells meanwhile how it goes; `Break` ends it at once.
/// This blocks, and is not for a runtime's own threads.
///
/// # Errors
/// If threads, timers or the file of samples cannot be had.
pub fn run(plan: &Plan, mut tell: impl FnMut(&Progress) -> ControlFlow<()>) -> Result<RunResult> {
    let threads = plan.threads.max(1);
    let worst = plan.budget.as_ref().map(|budget| budget.worst());
    let recorder = || Recorder::new(plan.slo.clone(), plan.warmup, worst);
    let samples = Samples::open(plan.samples.as_deref())?;
    let shared = Arc::new(Shared::new(plan.clone(), Instant::now() + START, samples));
    let figures: Vec<_> = (0..threads).map(|_| Arc::new(Figures::new(recorder()))).collect();
    let workers: Vec<_> = figures
        .iter()
        .enumerate()
        .map(|(index, figures)| {
            let (shared, figures) = (Arc::clone(&shared), Arc::clone(figures));
            thread::Builder::new()
                .name(format!("load-{index}"))
                .spawn(move || worker::run(&shared, &figures, index))
                .map_err(|e| Error::io("cannot start a thread", e))
        })
        .collect::<Result<_>>()?;
    let mut watch = Watch::new(&shared, &figures);
    while !workers.iter().all(thread::JoinHandle::is_finished) {
        thread::sleep(TICK);
        let progress = watch.look();
        if tell(&progress).is_break() && watch.ended_by.is_none() {
            watch.end("it was interrupted", true);
        }
    }
    let wall = shared.begin.elapsed();
    for worker in workers {
        worker.join().map_err(|_| Error::Invalid("a thread of the load test failed".to_owned()))??;
    }
    watch.point();
    let (series, ended_by) = (watch.series, watch.ended_by);
    let mut all = recorder();
    for figures in &figures {
        all.add(&figures.lock());
    }
    let cpu = figures.iter().map(|f| f.cpu.load(Ordering::Relaxed)).max().unwrap_or(0) as f64 / 1e9;
    let cpu = cpu / (wall + START).as_secs_f64();
    let shared = Arc::into_inner(shared).ok_or_else(|| Error::Invalid("the load test did not end".to_owned()))?;
    shared.samples.finish()?;
    Ok(conclude(plan, &all, wall, cpu, series, ended_by))
}

fn conclude(
    plan: &Plan,
    all: &Recorder,
    wall: Duration,
    cpu: f64,
    series: Vec<Point>,
    ended_by: Option<String>,
) -> RunResult {
    let seconds = wall.saturating_sub(plan.warmup).as_secs_f64().max(1e-9);
    let cap_reached = plan.budget.as_ref().is_some_and(|budget| budget.was_reached());
    let ended_by = ended_by.or_else(|| cap_reached.then(|| "the next request might cost too much".to_owned()));
    let due = all.counts.ended() + all.counts.dropped;
    let generator = generator(plan, all, cpu);
    let mut thresholds = all.judge(&plan.thresholds, seconds);
    for (verdict, threshold) in thresholds.iter_mut().zip(&plan.thresholds) {
        verdict.aborted = threshold.aborts && !verdict.ok && ended_by.is_some();
        // What the generator did says nothing of the server.
        verdict.ok &= generator.valid;
    }
    let (loop_kind, users, intended_rate, arrivals) = match &plan.load {
        Load::Open(arrivals) => {
            let rate = arrivals.expected(plan.duration) / plan.duration.as_secs_f64().max(1e-9);
            ("open", None, Some(rate), arrivals.describe())
        }
        Load::Closed { users } => ("closed", Some(*users as u64), None, format!("{users} users")),
    };
    RunResult {
        arrivals,
        loop_kind: loop_kind.to_owned(),
        users,
        intended_rate,
        seconds,
        rate: all.counts.of(Outcome::Ok) as f64 / seconds,
        counts: counts(all),
        metrics: metrics(all),
        tokens: Tokens {
            input: all.counts.input_tokens,
            output: all.counts.output_tokens,
            pieces: all.counts.pieces,
            output_per_second: all.counts.output_tokens as f64 / seconds,
        },
        goodput: (!plan.slo.is_empty()).then(|| Goodput {
            requests: all.counts.good,
            share: if due == 0 { 0.0 } else { all.counts.good as f64 / due as f64 },
            rate: all.counts.good as f64 / seconds,
        }),
        cost: Cost { usd: all.counts.cost as f64 / 1e9, unpriced_requests: all.counts.unpriced, cap_reached },
        generator,
        thresholds,
        ended_by,
        series,
    }
}

/// Whether the generator was the bottleneck.
fn generator(plan: &Plan, all: &Recorder, cpu: f64) -> Generator {
    let mut reasons = Vec::new();
    let lag = all.times(Metric::Lag).percentile(99.0);
    if let Some(lag) = lag.filter(|lag| *lag > plan.max_lag.as_secs_f64() * 1e3) {
        reasons.push(format!(
            "the generator got to 1 % of the requests more than {lag:.0} ms after they were due; use more --threads, \
             or a less busy machine"
        ));
    }
    if cpu > CPU_LIMIT {
        let share = cpu * 100.0;
        reasons.push(format!("a thread of the generator worked {share:.0} % of the time; use more --threads"));
    }
    Generator { valid: reasons.is_empty(), reasons, threads: plan.threads.max(1) as u64, cpu }
}

/// Watches a run.
struct Watch<'a> {
    shared: &'a Shared,
    figures: &'a [Arc<Figures>],
    /// What has ended since the last point, and since the last look.
    interval: Interval,
    last_point: Instant,
    every: Duration,
    last_gate: Instant,
    progress: Progress,
    series: Vec<Point>,
    ended_by: Option<String>,
}

impl<'a> Watch<'a> {
    fn new(shared: &'a Shared, figures: &'a [Arc<Figures>]) -> Self {
        Self {
            shared,
            figures,
            interval: Interval::new(),
            last_point: shared.begin,
            every: (shared.plan.duration / POINTS).max(SHORTEST_POINT),
            last_gate: shared.begin,
            progress: Progress::default(),
            series: Vec::new(),
            ended_by: None,
        }
    }

    fn end(&mut self, why: &str, at_once: bool) {
        self.ended_by = Some(why.to_owned());
        self.shared.stopped.store(true, Ordering::Relaxed);
        if at_once {
            self.shared.abandoned.store(true, Ordering::Relaxed);
        }
    }

    fn look(&mut self) -> Progress {
        let progress = &mut self.progress;
        progress.elapsed = self.shared.begin.elapsed();
        progress.in_flight = self.shared.in_flight.load(Ordering::Relaxed);
        (progress.ok, progress.failed, progress.cost) = (0, 0, 0);
        for figures in self.figures {
            let counts = &figures.lock().counts;
            progress.ok += counts.of(Outcome::Ok);
            progress.failed += counts.ended() - counts.of(Outcome::Ok);
            progress.cost += counts.cost;
        }
        if self.last_point.elapsed() >= self.every {
            self.point();
        }
        if self.last_gate.elapsed() >= GATE_CHECK {
            self.last_gate = Instant::now();
            self.check();
        }
        self.progress
    }

    /// Closes an interval.
    fn point(&mut self) {
        let now = Instant::now();
        let seconds = now.saturating_duration_since(self.last_point).as_secs_f64();
        for figures in self.figures {
            // Made outside of the lock, which the generator waits for.
            let fresh = Interval::new();
            let taken = std::mem::replace(&mut figures.lock().interval, fresh);
            self.interval.add(&taken);
        }
        let interval = std::mem::replace(&mut self.interval, Interval::new());
        self.last_point = now;
        if seconds <= 0.0 {
            return;
        }
        self.progress.rate = interval.ok as f64 / seconds;
        self.progress.e2e_p50 = interval.e2e.percentile(50.0);
        self.progress.e2e_p99 = interval.e2e.percentile(99.0);
        self.series.push(Point {
            at: self.shared.begin.elapsed().as_secs_f64(),
            ok_rate: self.progress.rate,
            failed_rate: interval.failed as f64 / seconds,
            tokens_rate: interval.tokens as f64 / seconds,
            in_flight: self.shared.in_flight.load(Ordering::Relaxed),
            e2e_p50: self.progress.e2e_p50,
            e2e_p99: self.progress.e2e_p99,
            ttft_p50: interval.ttft.percentile(50.0),
            ttft_p99: interval.ttft.percentile(99.0),
        });
    }

    /// Looks at the gates that end a run.
    fn check(&mut self) {
        let plan = &self.shared.plan;
        let aborting: Vec<_> = plan.thresholds.iter().filter(|threshold| threshold.aborts).cloned().collect();
        if aborting.is_empty() || self.ended_by.is_some() {
            return;
        }
        let mut all = Recorder::new(plan.slo.clone(), plan.warmup, None);
        for figures in self.figures {
            let copy = figures.lock().clone();
            all.add(&copy);
        }
        let seconds = self.shared.begin.elapsed().saturating_sub(plan.warmup).as_secs_f64();
        let tripped =
            all.judge(&aborting, seconds).into_iter().find(|verdict| verdict.value.is_some() && !verdict.ok);
        if let Some(verdict) = tripped {
            self.end(&format!("the threshold {} does not hold", verdict.threshold), true);
        }
    }
}

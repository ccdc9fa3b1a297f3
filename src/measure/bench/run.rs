//! Running suites in processes of their own.

use std::path::{Path, PathBuf};

use super::{
    results::{BENCH_SCHEMA, CaseResult, Machine, Results},
    statistics::median,
    worker::{REFERENCE, Worker, processors},
};
use crate::{Result, measure::suites};

/// The fewest operations of a batch; all batches are multiples of it.
const FEWEST: u64 = 10;
/// A batch takes about so long, in nanoseconds, if that is more.
const BATCH: f64 = 2e6;
/// The batches of a case in one process take about so long together.
const BUDGET: f64 = 60e6;
/// So many batches there are, whatever they take.
const BATCHES: std::ops::RangeInclusive<usize> = 5..=25;

/// How suites are run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The program whose suites they are.
    pub program: PathBuf,
    /// The cases, as `suite/case`.
    pub cases: Vec<String>,
    /// So many processes, or pairs of them, one after the other.
    pub rounds: usize,
    /// Keeps each process, or each pair, on one processor.
    pub pinned: bool,
}

impl Options {
    /// Runs these cases of a program, in 15 rounds.
    #[must_use]
    pub fn new(program: PathBuf, cases: Vec<String>) -> Self {
        Self { program, cases, rounds: 15, pinned: true }
    }
}

/// What two builds took, in turn.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Pairs {
    /// For each case, the logarithm of how many times as long ours took, one of
    /// each pair of processes.
    pub log_ratios: Vec<(String, Vec<f64>)>,
    /// Cases that one of the builds lacks.
    pub without_counterpart: Vec<String>,
}

/// How many operations make a batch, and how many batches there are.
#[derive(Clone, Copy, Debug)]
struct Plan {
    operations: u64,
    batches: usize,
}

impl Plan {
    /// By a first batch, which warms up, too.
    fn of(worker: &mut Worker, case: &str) -> Result<Self> {
        let mut operations = FEWEST;
        let took = loop {
            let took = worker.run(case, operations)?.max(1.0);
            if took >= BATCH / 4.0 {
                break took;
            }
            // The first time is none to go by.
            let times = (BATCH / 2.0 / took).clamp(1.5, 10.0);
            operations = (operations as f64 * times) as u64;
        };
        let each = took / operations as f64;
        // Tens, so that a tenth of them is a tenth.
        let operations = ((BATCH / each) as u64).max(FEWEST) / FEWEST * FEWEST;
        let batch = each * operations as f64;
        let batches = (BUDGET / batch.max(BATCH)) as usize;
        Ok(Self { operations, batches: batches.clamp(*BATCHES.start(), *BATCHES.end()) })
    }
}

/// Runs suites; `each` hears before every round how many there were.
///
/// # Errors
/// If a process cannot be started or fails.
pub fn run(options: &Options, at: String, each: &mut dyn FnMut(usize) -> Result<()>) -> Result<Results> {
    let once = |name: &String| suites::case(name).map_or("", |case| case.once).to_owned();
    let mut cases: Vec<CaseResult> = options
        .cases
        .iter()
        .map(|name| CaseResult { name: name.clone(), once: once(name), ..CaseResult::default() })
        .collect();
    let mut plans: Vec<Option<Plan>> = vec![None; cases.len()];
    let mut reference = None;
    let mut version = String::new();
    let places = places(options.pinned);
    for round in 0..options.rounds {
        each(round)?;
        let mut worker = Worker::start(&options.program, place(&places, round))?;
        version.clone_from(&worker.hello().version);
        for (case, plan) in cases.iter_mut().zip(&mut plans) {
            let plan = planned(plan, &mut worker, &case.name)?;
            let against = planned(&mut reference, &mut worker, REFERENCE)?;
            let (mut own, mut relative) = (Vec::new(), Vec::new());
            for _ in 0..plan.batches {
                let took = worker.run(&case.name, plan.operations)? / plan.operations as f64;
                let scale = worker.run(REFERENCE, against.operations)? / against.operations as f64;
                own.push(took);
                relative.push(took / scale);
            }
            case.operations = plan.operations;
            case.ns.push(median(&own));
            case.relative.push(median(&relative));
        }
    }
    Ok(Results {
        schema: BENCH_SCHEMA.to_owned(),
        version,
        at,
        machine: Machine::this(),
        pinned: !places.is_empty(),
        rounds: options.rounds,
        cases,
    })
}

/// Runs the suites of two programs in turn: in each round a process of each, on
/// the same processor, which take turns batch by batch, in random order. What
/// disturbs one of them disturbs the other.
///
/// # Errors
/// If a process cannot be started or fails.
pub fn run_against(options: &Options, other: &Path, each: &mut dyn FnMut(usize) -> Result<()>) -> Result<Pairs> {
    let places = places(options.pinned);
    let mut pairs = Pairs::default();
    let mut plans: Vec<Option<Plan>> = Vec::new();
    for round in 0..options.rounds {
        each(round)?;
        let place = place(&places, round);
        let (mut ours, mut theirs) =
            in_any_order(|| Worker::start(&options.program, place), || Worker::start(other, place))?;
        if round == 0 {
            let has = |worker: &Worker, case: &String| worker.hello().cases.contains(case);
            let (both, one): (Vec<_>, Vec<_>) =
                options.cases.iter().cloned().partition(|case| has(&ours, case) && has(&theirs, case));
            plans = vec![None; both.len()];
            pairs.log_ratios = both.into_iter().map(|case| (case, Vec::new())).collect();
            pairs.without_counterpart = one;
        }
        for ((case, ratios), plan) in pairs.log_ratios.iter_mut().zip(&mut plans) {
            let Plan { operations, batches } = planned(plan, &mut ours, case)?;
            theirs.run(case, operations)?;
            let mut logs = Vec::with_capacity(batches);
            for _ in 0..batches {
                let (a, b) = in_any_order(|| ours.run(case, operations), || theirs.run(case, operations))?;
                logs.push((a.max(1.0) / b.max(1.0)).ln());
            }
            ratios.push(median(&logs));
        }
    }
    Ok(pairs)
}

/// The plan of a case: made once, and afterwards the process is only warmed up.
fn planned(plan: &mut Option<Plan>, worker: &mut Worker, case: &str) -> Result<Plan> {
    match *plan {
        Some(plan) => {
            worker.run(case, plan.operations)?;
            Ok(plan)
        }
        None => Ok(*plan.insert(Plan::of(worker, case)?)),
    }
}

fn in_any_order<A, B>(one: impl FnOnce() -> Result<A>, other: impl FnOnce() -> Result<B>) -> Result<(A, B)> {
    if fastrand::bool() {
        let one = one()?;
        Ok((one, other()?))
    } else {
        let other = other()?;
        Ok((one()?, other))
    }
}

fn places(pinned: bool) -> Vec<usize> {
    if pinned { processors() } else { Vec::new() }
}

fn place(places: &[usize], round: usize) -> Option<usize> {
    (!places.is_empty()).then(|| places[round % places.len()])
}

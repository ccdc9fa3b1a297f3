//! What the ledger counts depends on the set of its witnesses alone.

use std::collections::BTreeSet;

use claude_cli::{
    Usage,
    pricing::PriceTable,
    store::{
        Batch, Dimension, Entry, Ledger, LedgerReader, Level, ModelTotal, RollupQuery, RowQuery, Run, RunQuery,
        SessionQuery, Simulated, SqliteLedger, Witness, WitnessKind,
    },
};
use proptest::prelude::*;

const MODELS: [&str; 3] = ["claude-opus-4-8", "claude-haiku-4-5", "no-such-model"];
/// A quarter to midnight UTC: the witnesses fall on both sides.
const EPOCH: i64 = 1_780_271_100_000;

fn usage() -> impl Strategy<Value = Usage> {
    prop_oneof![2 => any_usage(), 1 => Just(the_usual())]
}

/// Counts that many requests share, so that sights without ids find a match.
fn the_usual() -> Usage {
    let mut usage = Usage::default();
    usage.output_tokens = 10;
    usage
}

fn any_usage() -> impl Strategy<Value = Usage> {
    (0..4_u64, 0..4_u64, 0..3_u64, 0..3_u64, 0..3_u64, any::<bool>()).prop_map(|(i, o, r, s, l, advised)| {
        let mut usage = Usage::default();
        usage.input_tokens = i * 100;
        usage.output_tokens = o * 10;
        usage.cache_read_tokens = r * 1000;
        usage.cache_write_5m_tokens = s * 7;
        usage.cache_write_1h_tokens = l * 5;
        if advised && i == 3 {
            let mut inner = Usage::default();
            inner.output_tokens = 3;
            usage.advisors = vec![claude_cli::stream::AdvisorUsage {
                model: "claude-haiku-4-5".into(),
                usage: Box::new(inner),
            }];
        }
        usage
    })
}

/// Few ids, so that sights share them in every combination.
fn id(prefix: &'static str) -> impl Strategy<Value = Option<String>> {
    prop_oneof![2 => Just(None), 3 => (0..3_u8).prop_map(move |n| Some(format!("{prefix}{n}")))]
}

fn text(prefix: &'static str) -> impl Strategy<Value = Option<String>> {
    prop_oneof![1 => Just(None), 2 => (0..2_u8).prop_map(move |n| Some(format!("{prefix}{n}")))]
}

fn witness() -> impl Strategy<Value = Witness> {
    let who = prop_oneof![Just(WitnessKind::Run), Just(WitnessKind::Transcript), Just(WitnessKind::Telemetry)];
    let line = prop_oneof![1 => Just(None), 4 => (0..4_u8).prop_map(|n| Some(format!("line-{n}")))];
    let ids = (id("msg_"), id("req_"), line);
    let place = (text("session-"), text("project-"), text("branch-"), text("host-"), text("run-"));
    let flags = (any::<bool>(), prop::bool::weighted(0.1), prop::bool::weighted(0.3), prop::bool::weighted(0.2));
    let figures = (prop::option::of(0..3_i64), prop::option::of(0..2000_i64), 0..2_000_000_i64, 0..MODELS.len());
    (who, ids, place, flags, figures, usage()).prop_map(
        |(by, (message_id, request_id, uuid), (session, project, branch, host, run), flags, figures, usage)| {
            let (sidechain, simulated, tagged, failed) = flags;
            let (cost, duration_ms, after, model) = figures;
            let mut w = Witness::default();
            w.by = by;
            w.message_id = message_id;
            w.request_id = request_id;
            w.uuid = uuid;
            w.sidechain = sidechain;
            w.ts = EPOCH + after / 1000 * 1000;
            w.session = session.map(Into::into);
            w.run = run.filter(|_| by == WitnessKind::Run);
            w.model = (!failed).then(|| MODELS[model].into());
            w.usage = if failed { Usage::default() } else { usage };
            w.cost = cost.map(|c| c * 1_000_000);
            w.duration_ms = duration_ms;
            w.error = failed.then(|| "overloaded_error".to_owned());
            w.project = project.map(Into::into);
            w.branch = branch.map(Into::into);
            w.host = host.map(Into::into);
            w.tags = if tagged { BTreeSet::from(["team=a".to_owned()]) } else { BTreeSet::new() };
            w.simulated = simulated;
            w
        },
    )
}

fn run() -> impl Strategy<Value = Run> {
    let total = (0..MODELS.len(), usage(), prop::option::of(0..5_i64)).prop_map(|(model, mut usage, cost)| {
        usage.advisors.clear();
        ModelTotal { model: MODELS[model].into(), usage, cost: cost.map(|c| c * 1_000_001) }
    });
    let totals = prop::collection::btree_map(0..MODELS.len(), total, 0..3);
    let ids = (0..2_u8, text("result-"));
    (ids, 0..1_000_000_i64, prop::option::of(0..1_500_000_i64), text("session-"), totals).prop_map(
        |((n, result_id), start, length, session, totals)| {
            let mut run = Run::default();
            run.id = format!("run-{n}");
            run.started_at = EPOCH + start;
            run.ended_at = length.map(|l| EPOCH + start + l);
            run.session = session;
            run.result_id = result_id;
            run.totals = totals
                .into_iter()
                .map(|(model, total)| ModelTotal { model: MODELS[model].into(), ..total })
                .collect();
            run
        },
    )
}

#[derive(Clone, Debug)]
enum Fact {
    Witness(Witness),
    Run(Run),
}

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    prop::collection::vec(
        prop_oneof![5 => witness().prop_map(Fact::Witness), 1 => run().prop_map(Fact::Run)],
        1..14,
    )
}

/// Appends the facts, so many at a time.
fn ledger_of(facts: &[Fact], split: usize) -> (tempfile::TempDir, SqliteLedger) {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
    for chunk in facts.chunks(split.max(1)) {
        let mut batch = Batch::default();
        for fact in chunk {
            match fact {
                Fact::Witness(w) => batch.witnesses.push(w.clone()),
                Fact::Run(r) => batch.runs.push(r.clone()),
            }
        }
        ledger.append(&batch).unwrap();
    }
    (folder, ledger)
}

/// Everything a ledger says, in an order of its own.
pub(crate) fn content(ledger: &SqliteLedger) -> Vec<String> {
    let mut said = Vec::new();
    let mut everything = RowQuery::default();
    everything.simulated = Simulated::Include;
    ledger.requests(&everything, &mut |row| said.push(format!("{row:?}"))).unwrap();
    said.sort();
    said.extend(rollups(ledger));
    said.extend(ledger.runs(&RunQuery::default()).unwrap().iter().map(|run| format!("{run:?}")));
    said
}

fn rollups(ledger: &SqliteLedger) -> Vec<String> {
    let mut said = Vec::new();
    for level in Level::ALL {
        for dimension in Dimension::ALL {
            for simulated in [Simulated::Exclude, Simulated::Include] {
                let query =
                    RollupQuery { level, dimension, since: i64::MIN, until: i64::MAX, key: None, simulated };
                for row in ledger.rollups(&query).unwrap() {
                    said.push(format!("{level:?} {dimension:?} {simulated:?} {row:?}"));
                }
            }
        }
    }
    let mut sessions = SessionQuery::default();
    sessions.simulated = Simulated::Include;
    let mut sessions: Vec<_> =
        ledger.sessions(&sessions).unwrap().iter().map(|s| format!("{:?} {:?}", s.session, s.sums)).collect();
    sessions.sort();
    said.extend(sessions);
    said
}

/// Says only where two ledgers differ.
pub(crate) fn same(ours: &[String], theirs: &[String]) -> Result<(), TestCaseError> {
    let only = |a: &[String], b: &[String]| a.iter().filter(|s| !b.contains(s)).cloned().collect::<Vec<_>>();
    let (ours_only, theirs_only) = (only(ours, theirs), only(theirs, ours));
    prop_assert!(
        ours.len() == theirs.len() && ours_only.is_empty() && theirs_only.is_empty(),
        "only in one: {:#?}\nonly in the other: {:#?}",
        &ours_only[..ours_only.len().min(5)],
        &theirs_only[..theirs_only.len().min(5)]
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, max_shrink_iters: 4096, ..ProptestConfig::default() })]

    /// Any order, split and repetition of the same witnesses gives the same
    /// ledger and the same rollups.
    #[test]
    fn order_split_and_repetition_do_not_matter(
        (facts, shuffled) in facts().prop_flat_map(|facts| {
            let again = facts.iter().cloned().chain(facts.iter().take(4).cloned()).collect::<Vec<_>>();
            (Just(facts), Just(again).prop_shuffle())
        }),
        split in 1..6_usize,
        other_split in 1..16_usize,
    ) {
        let (_a, mut once) = ledger_of(&facts, split);
        let (_b, mut again) = ledger_of(&shuffled, other_split);
        same(&content(&once), &content(&again))?;
        for ledger in [&mut once, &mut again] {
            let report = ledger.verify(false).unwrap();
            prop_assert!(report.problems.is_empty(), "{:?}", report.problems);
        }
        // All of it once more, and after the file was closed and opened.
        let path = once.path().to_owned();
        let before = content(&once);
        drop(once);
        let mut reopened = SqliteLedger::open(&path).unwrap();
        for fact in &shuffled {
            let mut batch = Batch::default();
            match fact {
                Fact::Witness(w) => batch.witnesses.push(w.clone()),
                Fact::Run(r) => batch.runs.push(r.clone()),
            }
            reopened.append(&batch).unwrap();
        }
        same(&before, &content(&reopened))?;
    }

    /// Ledgers that each saw a part, merged in any order and more than once,
    /// count what one that saw all of it counts.
    #[test]
    fn merged_ledgers_add_up(
        facts in facts(),
        parts in prop::collection::vec(0..3_usize, 14),
        split in 1..6_usize,
    ) {
        let (_all, whole) = ledger_of(&facts, split);
        let (_merged, mut merged) = ledger_of(&[], 1);
        for part in [2, 0, 1, 0] {
            let of_part: Vec<Fact> =
                facts.iter().zip(&parts).filter(|(_, p)| **p == part).map(|(fact, _)| fact.clone()).collect();
            let (_folder, ledger) = ledger_of(&of_part, split);
            merged.append(&exported(&ledger)).unwrap();
        }
        same(&content(&whole), &content(&merged))?;
        let report = merged.verify(false).unwrap();
        prop_assert!(report.problems.is_empty(), "{:?}", report.problems);
    }

    /// What is exported of one session is enough to count that session alike.
    #[test]
    fn a_part_of_a_ledger_counts_elsewhere(facts in facts(), split in 1..6_usize) {
        let witnesses: Vec<Fact> = facts.into_iter().filter(|f| matches!(f, Fact::Witness(_))).collect();
        let (_whole, whole) = ledger_of(&witnesses, split);
        let mut query = everything();
        query.filter.session = Some("session-1".to_owned());
        let (_part, mut part) = ledger_of(&[], 1);
        part.append(&exported_of(&whole, &query)).unwrap();
        prop_assert_eq!(rows(&whole, &query), rows(&part, &query));
    }

    /// What repricing is said to change beforehand is what it changes.
    #[test]
    fn repricing_is_foretold(facts in facts(), split in 1..6_usize) {
        let (folder, ledger) = ledger_of(&facts, split);
        drop(ledger);
        let mut prices: serde_json::Value =
            serde_json::from_str(include_str!("../../src/pricing/claude-prices.json")).unwrap();
        prices["models"]["claude-opus-4-8"]["output"] = 1000.into();
        prices["models"]["no-such-model"] = prices["models"]["claude-haiku-4-5"].clone();
        let prices = std::sync::Arc::new(PriceTable::from_json(&prices.to_string()).unwrap());
        let ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
        let mut ledger = ledger.with_prices(prices);
        let foretold = ledger.would_reprice().unwrap();
        prop_assert_eq!(foretold, ledger.reprice().unwrap());
        prop_assert_eq!(ledger.reprice().unwrap().changed, 0);
        let report = ledger.verify(false).unwrap();
        prop_assert!(report.problems.is_empty(), "{:?}", report.problems);
    }

    /// Dropping old rows changes no total, and nothing that was dropped is
    /// counted again.
    #[test]
    fn pruning_changes_no_total(facts in facts(), split in 1..6_usize, days in 0..2_i64) {
        let (_folder, mut ledger) = ledger_of(&facts, split);
        let before = rollups(&ledger);
        let foretold = ledger.would_prune(EPOCH + days * 86_400_000).unwrap();
        let done = ledger.prune(EPOCH + days * 86_400_000).unwrap();
        prop_assert_eq!((foretold.before, foretold.rows), (done.before, done.rows));
        prop_assert_eq!(&before, &rollups(&ledger));
        for fact in &facts {
            let mut batch = Batch::default();
            match fact {
                Fact::Witness(w) => batch.witnesses.push(w.clone()),
                Fact::Run(r) => batch.runs.push(r.clone()),
            }
            ledger.append(&batch).unwrap();
        }
        prop_assert_eq!(&before, &rollups(&ledger));
        let report = ledger.verify(true).unwrap();
        prop_assert!(report.problems.is_empty(), "{:?}", report.problems);
        prop_assert_eq!(&before, &rollups(&ledger));
    }
}

/// All that a ledger tells another, through its written form.
fn exported(ledger: &SqliteLedger) -> Batch {
    exported_of(ledger, &everything())
}

fn everything() -> RowQuery {
    let mut everything = RowQuery::default();
    everything.simulated = Simulated::Include;
    everything
}

fn rows(ledger: &SqliteLedger, query: &RowQuery) -> Vec<String> {
    let mut rows = Vec::new();
    ledger.requests(query, &mut |row| rows.push(format!("{row:?}"))).unwrap();
    rows.sort();
    rows
}

fn exported_of(ledger: &SqliteLedger, query: &RowQuery) -> Batch {
    let mut batch = Batch::default();
    ledger
        .export(query, &mut |entry| {
            match entry {
                Entry::Run(run) => batch.runs.push(*run),
                Entry::Request(_, records) | Entry::Uncounted(records) => batch.records.extend(records),
                other => panic!("{other:?}"),
            }
            Ok(())
        })
        .unwrap();
    serde_json::from_str(&serde_json::to_string(&batch).unwrap()).unwrap()
}

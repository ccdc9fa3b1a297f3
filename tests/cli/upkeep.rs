//! `analytics reprice`, `prune` and `verify`: a ledger that stays true.

use claude_cli::store::size_on_disk;
use serde_json::{Value, json};

use crate::{
    harness::Home,
    machines::{machine, record, request},
};

/// A price table that is newer than the built-in one: haiku costs twice as
/// much, and the new model has a price.
fn newer_prices(home: &Home) {
    let mut prices: Value = serde_json::from_str(include_str!("../../src/pricing/claude-prices.json")).unwrap();
    prices["as_of"] = "2099-01".into();
    for figure in ["input", "output", "cache_read"] {
        let price = &mut prices["models"]["claude-haiku-4-5"][figure];
        *price = json!(price.as_f64().unwrap() * 2.0);
    }
    prices["models"]["brand-new-model"] = json!({ "input": 1, "output": 1, "cache_read": 1 });
    home.write("config/claude-cli/prices.json", prices.to_string());
}

fn totals(home: &Home) -> Value {
    home.json(["analytics", "summary"])["totals"].clone()
}

#[test]
fn a_newer_table_changes_costs_only_by_reprice() {
    let home = machine("desk", 70);
    let before = totals(&home);
    newer_prices(&home);
    assert_eq!(totals(&home), before, "a newer table alone changes nothing");

    let foretold = home.run(["analytics", "reprice", "--dry-run", "--format", "json"]);
    assert!(foretold.err.contains("this was a dry run"));
    let foretold: Value = serde_json::from_str(&foretold.out).unwrap();
    assert_eq!(totals(&home), before, "a dry run changes nothing");
    let done = home.json(["analytics", "reprice"]);
    assert_eq!((&done["schema"], &done["as_of"]), (&"claude-cli/reprice@1".into(), &"2099-01".into()));
    for field in ["rows", "changed", "newly_priced", "before_nanos", "after_nanos"] {
        assert_eq!(done[field], foretold[field], "{field}");
    }
    // 10 of 70 failed; of the others 12 were on the model without a price.
    assert_eq!((&done["rows"], &done["changed"], &done["newly_priced"]), (&70.into(), &60.into(), &12.into()));
    assert_eq!(done["before_usd"], before["cost_usd"]);
    let after = totals(&home);
    assert_eq!(done["after_usd"], after["cost_usd"]);
    assert_eq!((&before["unpriced_requests"], &after["unpriced_requests"]), (&12.into(), &0.into()));
    assert_eq!(home.json(["analytics", "reprice"])["changed"], 0);
    home.verify();
}

#[test]
fn pruning_says_what_it_does_and_changes_no_total() {
    let home = Home::new();
    for start in 0..4 {
        record(
            &home,
            (start * 5000..(start + 1) * 5000).map(|n| request("desk", n % 1000 + n / 1000 * 24)).collect(),
        );
    }
    let reports = || {
        ["day", "month", "model", "project", "session", "host"]
            .map(|by| home.json(["analytics", "summary", "--by", by]))
    };
    let (before, rows) = (reports(), home.rows().len());
    let foretold = home.json(["analytics", "prune", "--before", "2026-07-20T15:00:00Z", "--dry-run"]);
    assert_eq!(
        (&foretold["schema"], &foretold["before"]),
        (&"claude-cli/prune@1".into(), &"2026-07-20T00:00:00Z".into())
    );
    assert_eq!((&foretold["freed_bytes"], home.rows().len()), (&Value::Null, rows));
    let size = size_on_disk(&home.ledger_path());
    let done = home.run(["analytics", "prune", "--before", "2026-07-20T15:00:00Z", "--format", "json"]);
    assert!(done.err.contains("--vacuum makes the file smaller"), "{done:?}");
    let done: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(done["rows"], foretold["rows"]);
    assert!(done["freed_bytes"].as_u64().unwrap() > 0);
    assert_eq!(home.rows().len() as u64, rows as u64 - done["rows"].as_u64().unwrap());
    assert_eq!(reports(), before);

    let vacuumed = home.json(["analytics", "prune", "--before", "2026-07-25", "--vacuum"]);
    assert_eq!(vacuumed["vacuumed"], true);
    assert!(size_on_disk(&home.ledger_path()) < size, "{vacuumed}");
    assert_eq!(vacuumed["file_bytes_after"], size_on_disk(&home.ledger_path()));
    assert_eq!(reports(), before);
    let verified = home.json(["analytics", "verify"]);
    assert!(verified["unprovable"].as_u64().unwrap() > 0, "{verified}");
    let shown = home.run(["analytics", "verify", "--format", "table"]).out;
    assert!(shown.contains("cannot be proved: their rows were pruned"), "{shown}");
}

#[test]
fn pruning_refuses_what_it_cannot_mean() {
    let home = machine("desk", 3);
    for args in
        [&["--before", "2999-01-01"][..], &["--before", "soon"], &[], &["--before", "7d", "--vacuum", "--dry-run"]]
    {
        let args: Vec<&str> = ["analytics", "prune"].iter().chain(args).copied().collect();
        let refused = home.run(args.iter().copied());
        assert_eq!(refused.code, Some(2), "{refused:?}");
    }
    assert_eq!(home.rows().len(), 3);
}

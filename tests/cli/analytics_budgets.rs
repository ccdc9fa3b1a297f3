//! `analytics budget` and `analytics alerts`.

use claude_cli::store::{Batch, Ledger, SqliteLedger, Witness};
use jiff::Timestamp;

use crate::{analytics_reports::home_with, harness::Home};

/// A request of now; a million output tokens of this model cost 5 dollars.
fn spend(n: usize, output: u64, model: &str, team: &str) -> Witness {
    let mut w = Witness::default();
    w.message_id = Some(format!("m{n}"));
    w.ts = Timestamp::now().as_millisecond();
    w.model = Some(model.into());
    w.tags = [format!("team={team}")].into();
    w.usage.output_tokens = output;
    w
}

fn add(home: &Home, witness: Witness) {
    let mut ledger = SqliteLedger::open(&home.ledger_path()).unwrap();
    ledger.append(&Batch { witnesses: vec![witness], ..Batch::default() }).unwrap();
}

fn set(home: &Home, args: &[&str]) {
    let done = home.run(["analytics", "budget", "set"].iter().chain(args).copied());
    assert_eq!((done.code, done.out.as_str()), (Some(0), ""), "{done:?}");
}

fn check(home: &Home, args: &[&str]) -> crate::harness::Done {
    home.run(["analytics", "budget", "check"].iter().chain(args).copied())
}

#[test]
fn budgets_are_set_listed_replaced_and_removed() {
    let home = Home::new();
    set(&home, &["ci", "--limit", "10"]);
    set(&home, &["b", "--limit", "0.5", "--period", "day", "--warn", "50%", "--tag", "team=b", "--model", "m"]);
    set(&home, &["ci", "--limit", "20", "--period", "week"]);
    let list = home.json(["analytics", "budget", "list"]);
    assert_eq!(list["schema"], "claude-cli/budgets@1");
    let budgets = list["budgets"].as_array().unwrap();
    assert_eq!(budgets.len(), 2);
    assert_eq!((&budgets[0]["name"], &budgets[0]["warn_percent"]), (&"b".into(), &50.into()));
    assert_eq!(budgets[0]["filter"], serde_json::json!({ "model": "m", "tag": "team=b" }));
    assert_eq!((&budgets[1]["limit_usd"], &budgets[1]["period"]), (&20.0.into(), &"week".into()));
    assert_eq!(home.run(["analytics", "budget", "remove", "b"]).code, Some(0));
    let gone = home.run(["analytics", "budget", "remove", "b"]);
    assert_eq!(gone.code, Some(2));
    assert!(gone.err.contains("there is no budget `b`"), "{gone:?}");
    assert_eq!(check(&home, &["b"]).code, Some(2));
    for args in [["x", "--limit", "-1"], ["x", "--limit", "much"], ["", "--limit", "1"]] {
        assert_eq!(
            home.run(["analytics", "budget", "set"].iter().chain(&args).copied()).code,
            Some(2),
            "{args:?}"
        );
    }
    assert_eq!(home.run(["analytics", "budget", "set", "x", "--limit", "1", "--warn", "120%"]).code, Some(2));
}

#[test]
fn a_check_says_how_budgets_stand_and_trips_when_one_is_crossed() {
    // 4.50 dollars by team a, 0.05 by team b.
    let home =
        home_with(vec![spend(0, 900_000, "claude-haiku-4-5", "a"), spend(1, 10_000, "claude-haiku-4-5", "b")]);
    set(&home, &["a", "--limit", "5", "--tag", "team=a"]);
    set(&home, &["b", "--limit", "5", "--tag", "team=b", "--period", "day"]);
    let report = home.json(["analytics", "budget", "check"]);
    let [a, b] = report["budgets"].as_array().unwrap().as_slice() else { panic!("{report:#}") };
    assert_eq!((&a["spent_usd"], &a["share"], &a["state"]), (&4.5.into(), &0.9.into(), &"warning".into()));
    assert_eq!((&b["spent_usd"], &b["state"]), (&0.05.into(), &"ok".into()));
    assert_eq!(report["projection"], "linear by elapsed time");
    if let Some(projected) = a["projected_usd"].as_f64() {
        let at = |name: &str| a[name].as_str().unwrap().parse::<Timestamp>().unwrap().as_millisecond() as f64;
        let elapsed = (at("now") - at("since")) / (at("until") - at("since"));
        assert!((projected - 4.5 / elapsed).abs() < 1e-6, "{projected}");
    }
    assert_eq!(check(&home, &["--fail-over"]).code, Some(0), "a warning does not trip");

    add(&home, spend(2, 100_001, "claude-haiku-4-5", "a"));
    assert_eq!(check(&home, &[]).code, Some(0), "without --fail-over it is a report");
    assert_eq!(check(&home, &["b", "--fail-over"]).code, Some(0));
    let over = check(&home, &["a", "--fail-over"]);
    assert_eq!(over.code, Some(3));
    assert!(over.err.contains("gate: budget a: spent $5.000005 this month, limit $5.00"), "{over:?}");
}

#[test]
fn the_unknown_and_nothing_trip_the_gate() {
    let home = home_with(vec![spend(0, 10, "brand-new-model", "a")]);
    assert_eq!(check(&home, &["--fail-over"]).code, Some(3), "no budget is nothing to judge by");
    set(&home, &["all", "--limit", "5"]);
    let unknown = check(&home, &["--fail-over"]);
    assert_eq!(unknown.code, Some(3));
    assert!(unknown.err.contains("the cost of 1 requests is unknown (brand-new-model)"), "{unknown:?}");
    assert_eq!(check(&home, &["--fail-over", "--allow-unpriced"]).code, Some(0));
    let report = home.json(["analytics", "budget", "check"]);
    assert_eq!(report["budgets"][0]["spent_usd"], serde_json::Value::Null, "unknown is not zero");
    set(&home, &["none", "--limit", "5", "--project", "/nowhere"]);
    let nothing = check(&home, &["none", "--fail-over", "--allow-unpriced"]);
    assert_eq!(nothing.code, Some(3));
    assert!(nothing.err.contains("there is no data for this month"), "{nothing:?}");
}

#[test]
fn a_crossing_is_recorded_once() {
    let home = home_with(vec![spend(0, 900_000, "claude-haiku-4-5", "a")]);
    set(&home, &["ci", "--limit", "5"]);
    let thresholds = || -> Vec<i64> {
        let list = home.json(["analytics", "alerts"]);
        assert_eq!(list["schema"], "claude-cli/alerts@1");
        let mut found: Vec<i64> = list["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|alert| alert["threshold_percent"].as_i64().unwrap())
            .collect();
        found.sort_unstable();
        found
    };
    assert_eq!(thresholds(), [0_i64; 0], "nobody looked yet");
    let first = check(&home, &[]);
    assert!(first.err.contains("alert: budget ci crossed 80 % of $5.00 (spent $4.50)"), "{first:?}");
    assert!(!check(&home, &[]).err.contains("alert:"), "once");
    assert_eq!(thresholds(), [80]);
    add(&home, spend(1, 900_000, "claude-haiku-4-5", "a"));
    assert!(check(&home, &[]).err.contains("crossed 100 %"));
    assert_eq!(thresholds(), [80, 100]);
    // Another limit is another crossing.
    set(&home, &["ci", "--limit", "8"]);
    assert!(check(&home, &[]).err.contains("crossed 100 % of $8.00"));
    assert_eq!(home.run(["analytics", "budget", "remove", "ci"]).code, Some(0));
    assert_eq!(thresholds(), [80, 100], "what happened stays listed");
}

#[test]
fn a_ledger_that_cannot_be_written_still_reports() {
    let home = home_with(vec![spend(0, 2_000_000, "claude-haiku-4-5", "a")]);
    set(&home, &["ci", "--limit", "5"]);
    let db = rusqlite::Connection::open(home.ledger_path()).unwrap();
    db.execute_batch(
        "CREATE TRIGGER closed BEFORE INSERT ON alerts BEGIN SELECT RAISE(ABORT, 'closed to writers'); END",
    )
    .unwrap();
    drop(db);
    let done = check(&home, &["--fail-over", "--format", "csv"]);
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(done.out.contains("ci,month,"), "{done:?}");
    assert!(
        done.err.contains("alerts could not be recorded") && done.err.contains("closed to writers"),
        "{done:?}"
    );
}

#[test]
fn a_workflow_is_told_in_its_own_words() {
    let home = home_with(vec![spend(0, 900_000, "claude-haiku-4-5", "a")]);
    set(&home, &["50%: a, b", "--limit", "5"]);
    let args = ["--annotate", "github", "--fail-over", "--format", "markdown", "--quiet"];
    let warned = check(&home, &args);
    assert_eq!(warned.code, Some(0));
    assert_eq!(warned.err, "::warning title=Budget 50%25%3A a%2C b::budget 50%25: a, b: spent $4.50 of $5.00\n");
    assert!(warned.out.lines().nth(1).unwrap().starts_with("|--"), "{warned:?}");
    add(&home, spend(1, 900_000, "claude-haiku-4-5", "a"));
    let over = check(&home, &args);
    assert_eq!(over.code, Some(3));
    assert!(over.err.starts_with("::error title=Budget 50%25%3A a%2C b::budget"), "{over:?}");
}

/// As the workflow in the README has it: every runner a ledger of its own.
#[test]
fn ledgers_of_runners_add_up_to_one_budget() {
    let runners = [
        home_with(vec![
            spend(0, 600_000, "claude-haiku-4-5", "ci"),
            spend(1, 400_000, "claude-haiku-4-5", "other"),
        ]),
        home_with(vec![spend(2, 500_000, "claude-haiku-4-5", "ci"), spend(0, 600_000, "claude-haiku-4-5", "ci")]),
    ];
    let home = Home::new();
    for _ in 0..2 {
        let mut command = home.cli(["import"]);
        command.args(runners.iter().map(Home::ledger_path));
        assert_eq!(crate::harness::done(&mut command).code, Some(0));
        set(&home, &["ci", "--limit", "5.50", "--tag", "team=ci"]);
        let report = home.json(["analytics", "budget", "check"]);
        assert_eq!(report["budgets"][0]["spent_usd"], 5.5, "a request of two ledgers counts once");
    }
    assert_eq!(check(&home, &["--fail-over"]).code, Some(0), "as much as the limit is not more");
    set(&home, &["ci", "--limit", "5.49", "--tag", "team=ci"]);
    assert_eq!(check(&home, &["--fail-over"]).code, Some(3));
}

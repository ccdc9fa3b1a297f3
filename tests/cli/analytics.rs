//! `analytics` and `timeseries`: the same numbers in every form.

use std::fs;

use claude_cli::store::{Batch, Ledger, SqliteLedger, Witness};
use serde_json::Value;

use crate::harness::{Done, Home};

/// Three days, two models with a price and one without, one failure.
fn filled() -> Home {
    let home = Home::new();
    let mut ledger = SqliteLedger::open(&home.ledger_path()).unwrap();
    let mut batch = Batch::default();
    for (n, (ts, model, project, input, output, ms)) in [
        ("2026-08-01T23:30:00Z", "claude-opus-4-8", "/a", 1_000_000, 10_000, Some(900)),
        ("2026-08-02T00:15:00Z", "claude-haiku-4-5", "/a", 2_000, 300, Some(100)),
        ("2026-08-03T12:00:00Z", "claude-haiku-4-5", "/b, \"c\"", 4_000, 500, None),
    ]
    .into_iter()
    .enumerate()
    {
        let mut w = Witness::default();
        w.message_id = Some(format!("m{n}"));
        w.ts = ts.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        w.model = Some(model.into());
        w.project = Some(project.into());
        w.session = Some("s1".into());
        w.usage.input_tokens = input;
        w.usage.output_tokens = output;
        w.duration_ms = ms;
        w.tags = ["team=a".to_owned()].into();
        batch.witnesses.push(w);
    }
    let mut failed = Witness::default();
    failed.uuid = Some("u".to_owned());
    failed.ts = batch.witnesses[2].ts;
    failed.error = Some("overloaded_error".to_owned());
    batch.witnesses.push(failed);
    ledger.append(&batch).unwrap();
    home
}

fn unpriced(home: &Home) {
    let mut ledger = SqliteLedger::open(&home.ledger_path()).unwrap();
    let mut w = Witness::default();
    w.message_id = Some("m9".to_owned());
    w.ts = "2026-08-03T13:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
    w.model = Some("brand-new-model".into());
    w.usage.output_tokens = 5;
    ledger.append(&Batch { witnesses: vec![w], ..Batch::default() }).unwrap();
}

#[test]
fn a_summary_as_json_keeps_its_contract() {
    let home = filled();
    let summary = home.json(["analytics", "summary", "--since", "2026-08-01", "--until", "2026-08-03"]);
    assert_eq!((&summary["schema"], &summary["group_by"]), (&"claude-cli/summary@1".into(), &"day".into()));
    assert_eq!(summary["range"]["since"], "2026-08-01T00:00:00Z");
    assert_eq!(summary["range"]["until"], "2026-08-04T00:00:00Z");
    let totals = &summary["totals"];
    assert_eq!(
        (&totals["requests"], &totals["errors"], &totals["success_rate"]),
        (&4.into(), &1.into(), &0.75.into())
    );
    assert_eq!((&totals["input_tokens"], &totals["output_tokens"]), (&1_006_000.into(), &10_800.into()));
    assert_eq!(totals["total_tokens"], 1_016_800);
    // 5 + 0.25 for the large one, 0.0035 and 0.0065 for the small ones.
    assert_eq!(totals["cost_usd"], 5.26);
    assert_eq!((&totals["unpriced_requests"], &totals["unpriced_models"]), (&0.into(), &Value::Array(Vec::new())));
    let p50 = totals["duration_ms"]["p50"].as_f64().unwrap();
    assert!((p50 - 100.0).abs() <= 3.0, "{p50}");
    let keys: Vec<_> = summary["groups"].as_array().unwrap().iter().map(|g| g["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["2026-08-01", "2026-08-02", "2026-08-03"]);
    assert_eq!(summary["groups"][2]["duration_ms"]["p50"], Value::Null, "unknown is not zero");
}

#[test]
fn days_are_those_of_the_zone() {
    let home = filled();
    let keys = |zone: &str| -> Vec<String> {
        let summary = home.json(["analytics", "summary", "--tz", zone]);
        summary["groups"].as_array().unwrap().iter().map(|g| g["key"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(keys("America/New_York"), ["2026-08-01", "2026-08-03"]);
    assert_eq!(keys("+00:30"), ["2026-08-02", "2026-08-03"]);
}

#[test]
fn every_grouping_adds_up() {
    let home = filled();
    for (by, count) in [
        ("day", 3),
        ("week", 2),
        ("month", 1),
        ("hour", 3),
        ("model", 3),
        ("project", 3),
        ("session", 2),
        ("source", 1),
        ("tag", 1),
        ("agent", 1),
        ("user", 1),
        ("host", 1),
        ("branch", 1),
        ("block", 2),
    ] {
        let summary = home.json(["analytics", "summary", "--by", by]);
        let groups = summary["groups"].as_array().unwrap();
        assert_eq!(groups.len(), count, "{by}: {summary:#}");
        let sum: i64 = groups.iter().map(|g| g["total_tokens"].as_i64().unwrap()).sum();
        assert_eq!(sum, 1_016_800, "{by}");
    }
    let weeks = home.json(["analytics", "summary", "--by", "week"]);
    assert_eq!(weeks["groups"][0]["key"], "2026-07-27", "a week is named by its Monday");
}

#[test]
fn filters_choose_what_counts() {
    let home = filled();
    for (filter, value, requests) in [
        ("--model", "claude-haiku-4-5", 2),
        ("--project", "/a", 2),
        ("--project", "", 1),
        ("--session", "s1", 3),
        ("--branch", "main", 0),
        ("--tag", "team=a", 3),
        ("--agent", "main", 0),
        ("--user", "", 4),
        ("--host", "elsewhere", 0),
    ] {
        let summary = home.json(["analytics", "summary", filter, value]);
        assert_eq!(summary["totals"]["requests"], requests, "{filter} {value}");
        let args = ["--bucket", "1w", "--since", "2026-07-27", "--until", "2026-08-03", "--metric", "commands"];
        let series = home.json(["timeseries", filter, value].into_iter().chain(args));
        let points = series["series"][0]["points"].as_array().unwrap();
        let sum: f64 = points.iter().map(|point| point[1].as_f64().unwrap()).sum();
        assert_eq!(sum, f64::from(requests), "{filter} {value}: {series}");
    }
    let both = home.json(["analytics", "summary", "--model", "claude-haiku-4-5", "--project", "/a"]);
    assert_eq!(both["totals"]["requests"], 1);
}

#[test]
fn groups_are_sorted_and_limited() {
    let home = filled();
    let keys = |args: &[&str]| -> Vec<String> {
        let summary = home.json(["analytics", "summary"].iter().chain(args).copied());
        assert_eq!(summary["totals"]["requests"], 4, "the totals are of all");
        summary["groups"].as_array().unwrap().iter().map(|g| g["key"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(keys(&["-n", "2"]), ["2026-08-02", "2026-08-03"], "the latest days");
    assert_eq!(keys(&["--sort", "cost", "-n", "1"]), ["2026-08-01"]);
    assert_eq!(keys(&["--by", "model", "-n", "1"]), ["claude-opus-4-8"]);
    assert_eq!(keys(&["--by", "model", "--sort", "key", "-n", "2"]), ["", "claude-haiku-4-5"]);
    assert_eq!(keys(&["--by", "model", "--sort", "requests", "-n", "1"]), ["claude-haiku-4-5"]);
    assert_eq!(keys(&["--by", "model", "--sort", "errors", "-n", "1"]), [""]);
    assert_eq!(keys(&["--by", "project", "--sort", "last", "-n", "1"]), [""]);
}

#[test]
fn all_formats_say_the_same() {
    let home = filled();
    let args = |format| ["analytics", "summary", "--by", "project", "--format", format];
    let csv = home.run(args("csv")).out;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(&reader.headers().unwrap()[0], "project");
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(&rows[1][0], "/b, \"c\"", "what needs quotes has them");
    let lines: Vec<Value> =
        home.run(args("ndjson")).out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let json = home.json(args("json"));
    assert_eq!(json["groups"].as_array().unwrap(), &lines);
    let cost: f64 = rows[0][9].parse().unwrap();
    assert_eq!(json["groups"][0]["cost_usd"], cost);
    let markdown = home.run(args("markdown")).out;
    assert!(markdown.lines().nth(1).unwrap().starts_with("|--"), "{markdown}");
    let table = home.run(args("table")).out;
    assert!(table.contains("$5.26") && table.contains("total"), "{table}");
}

#[test]
fn tables_fit_the_terminal() {
    let home = filled();
    for width in ["60", "80", "140"] {
        let mut command = home.cli(["analytics", "summary", "--by", "model", "--format", "table"]);
        let table = crate::harness::done(command.env("COLUMNS", width)).out;
        let widest = table.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width.parse().unwrap(), "{width}:\n{table}");
    }
}

fn gate(home: &Home, args: &[&str]) -> Done {
    home.run(["analytics", "summary", "--format", "table"].iter().chain(args).copied())
}

#[test]
fn the_gate_trips_on_money_on_the_unknown_and_on_nothing() {
    let home = filled();
    assert_eq!(gate(&home, &["--fail-over", "5.26"]).code, Some(0));
    let over = gate(&home, &["--fail-over", "5.259999999"]);
    assert_eq!(over.code, Some(3));
    assert!(over.err.contains("gate: spent $5.26, limit $5.259999999") && over.out.contains("total"), "{over:?}");
    let nothing = gate(&home, &["--fail-over", "100", "--since", "2027-01-01"]);
    assert_eq!(nothing.code, Some(3));
    assert!(nothing.err.contains("no data"), "{nothing:?}");
    assert_eq!(gate(&Home::new(), &["--fail-over", "100"]).code, Some(3), "no ledger is no data");
    unpriced(&home);
    let unknown = gate(&home, &["--fail-over", "100"]);
    assert_eq!(unknown.code, Some(3));
    assert!(unknown.err.contains("the cost of 1 requests is unknown (brand-new-model)"), "{unknown:?}");
    assert_eq!(gate(&home, &["--fail-over", "100", "--allow-unpriced"]).code, Some(0));
    assert_eq!(gate(&home, &["--fail-over", "1", "--allow-unpriced"]).code, Some(3));
}

#[test]
fn an_unknown_cost_is_never_zero() {
    let home = filled();
    unpriced(&home);
    let summary = home.json(["analytics", "summary", "--by", "model"]);
    assert_eq!(summary["totals"]["unpriced_models"], serde_json::json!(["brand-new-model"]));
    let group = summary["groups"].as_array().unwrap().iter().find(|g| g["key"] == "brand-new-model").unwrap();
    assert_eq!((&group["cost_usd"], &group["unpriced_requests"]), (&Value::Null, &1.into()));
    assert!(gate(&home, &["--by", "model"]).out.contains("unknown"));
}

#[test]
fn a_newer_price_table_in_the_config_folder_wins_for_new_requests() {
    let home = Home::new();
    fs::create_dir_all(home.path("config/claude-cli")).unwrap();
    let embedded = include_str!("../../src/pricing/claude-prices.json");
    let mut table: Value = serde_json::from_str(embedded).unwrap();
    table["as_of"] = "2099-01-01".into();
    table["models"]["claude-opus-4-8"]["output"] = 1000.into();
    fs::write(home.path("config/claude-cli/prices.json"), table.to_string()).unwrap();
    let mut command = home.fake("tell", ["query", "hi"]);
    assert_eq!(crate::harness::done(&mut command).code, Some(0));
    let summary = home.json(["analytics", "summary", "--cost-mode", "calculate"]);
    let cost = summary["totals"]["cost_usd"].as_f64().unwrap();
    assert!(cost > 0.015, "15 tokens at 1000 USD per million: {cost}");
    fs::write(home.path("config/claude-cli/prices.json"), "{").unwrap();
    let broken = crate::harness::done(&mut home.fake("tell", ["query", "hi"]));
    assert_eq!(broken.code, Some(0));
    assert!(broken.err.contains("prices.json") && broken.err.contains("built-in prices"), "{broken:?}");
}

#[test]
fn a_time_series_keeps_its_contract() {
    let home = filled();
    let args = ["timeseries", "--bucket", "1d", "--since", "2026-08-01", "--until", "2026-08-03"];
    let series =
        home.json(args.into_iter().chain(["--metric", "cost,commands,success_rate,response_time,tokens"]));
    assert_eq!((&series["schema"], &series["bucket"]), (&"claude-cli/timeseries@1".into(), &"1d".into()));
    let all = series["series"].as_array().unwrap();
    let values = |n: usize| -> Vec<Value> {
        all[n]["points"].as_array().unwrap().iter().map(|point| point[1].clone()).collect()
    };
    assert_eq!((&all[0]["metric"], &all[0]["unit"]), (&"cost".into(), &"USD".into()));
    assert_eq!(all[0]["points"][0][0], "2026-08-01T00:00:00Z");
    assert_eq!(values(0), [Value::from(5.25), Value::from(0.0035), Value::from(0.0065)]);
    assert_eq!(values(1), [Value::from(1.0), Value::from(1.0), Value::from(2.0)]);
    assert_eq!(values(2), [Value::from(1.0), Value::from(1.0), Value::from(0.5)]);
    assert_eq!(values(3)[2], Value::Null);
    assert_eq!(values(4)[0], 1_010_000.0);
    let table = home.run(args.into_iter().chain(["--format", "table"])).out;
    assert!(table.contains('█') && table.contains("2026-08-02 00:00"), "{table}");
    assert_eq!(
        home.json(["analytics", "timeseries", "--bucket", "1d", "--since", "2026-08-01", "--until", "2026-08-03"])
            ["series"][0],
        all[0],
        "the command has two names"
    );
}

#[test]
fn without_a_ledger_reports_are_empty_and_create_none() {
    let home = Home::new();
    for args in [vec!["analytics", "summary"], vec!["timeseries"], vec!["analytics", "runs"]] {
        let done = home.run(args.iter().copied());
        assert_eq!(done.code, Some(0));
        assert!(done.err.contains("no ledger yet at"), "{done:?}");
    }
    assert_eq!(home.run(["analytics", "summary", "--quiet"]).err, "");
    assert!(!home.path("data").exists());
}

#[test]
fn runs_are_listed_newest_first() {
    let home = Home::new();
    for (how, status) in [("tell", ""), ("error", "529")] {
        crate::harness::done(home.fake(how, ["query", "hi"]).env("FAKE_STATUS", status));
    }
    let list = home.json(["analytics", "runs"]);
    assert_eq!(list["schema"], "claude-cli/runs@1");
    let exits: Vec<_> = list["runs"].as_array().unwrap().iter().map(|run| run["exit"].as_str().unwrap()).collect();
    assert_eq!(exits, ["overloaded", "ok"]);
    assert_eq!(home.json(["analytics", "runs", "-n", "1"])["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn damage_is_found_and_repaired() {
    let home = filled();
    let before = home.json(["analytics", "summary"]);
    let db = rusqlite::Connection::open(home.ledger_path()).unwrap();
    db.execute("UPDATE rollups SET requests = requests + 1", []).unwrap();
    drop(db);
    let found = home.run(["analytics", "verify", "--format", "table"]);
    assert_eq!(found.code, Some(1));
    assert!(found.out.contains("damaged"), "{found:?}");
    let repaired = home.json(["analytics", "verify", "--repair"]);
    assert_eq!((&repaired["schema"], &repaired["repaired"]), (&"claude-cli/verify@1".into(), &true.into()));
    home.verify();
    assert_eq!(home.json(["analytics", "summary"]), before);
}

//! `analytics sessions` and `analytics blocks`.

use claude_cli::store::{Batch, Ledger, SqliteLedger, Witness};
use jiff::Timestamp;
use serde_json::Value;

use crate::harness::Home;

const HOUR: i64 = 3_600_000;

fn request(n: usize, ts: i64, session: &str, tokens: u64) -> Witness {
    let mut w = Witness::default();
    w.message_id = Some(format!("m{n}"));
    w.ts = ts;
    w.model = Some("claude-haiku-4-5".into());
    w.session = Some(session.into());
    w.project = Some(format!("/{session}").into());
    w.branch = Some("main".into());
    w.usage.output_tokens = tokens;
    w
}

pub(crate) fn home_with(witnesses: Vec<Witness>) -> Home {
    let home = Home::new();
    let mut ledger = SqliteLedger::open(&home.ledger_path()).unwrap();
    ledger.append(&Batch { witnesses, ..Batch::default() }).unwrap();
    home
}

fn ids(list: &Value) -> Vec<&str> {
    list["sessions"].as_array().unwrap().iter().map(|s| s["session_id"].as_str().unwrap()).collect()
}

#[test]
fn sessions_are_listed_by_time_and_by_cost() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
    let home = home_with(vec![
        request(0, at("2026-08-01T10:00:00Z"), "costly", 9000),
        request(1, at("2026-08-03T10:00:00Z"), "long", 100),
        request(2, at("2026-08-04T11:30:00Z"), "long", 100),
        request(3, at("2026-08-02T10:00:00Z"), "short", 50),
    ]);
    let list = home.json(["analytics", "sessions"]);
    assert_eq!(list["schema"], "claude-cli/sessions@1");
    assert_eq!(ids(&list), ["long", "short", "costly"]);
    let long = &list["sessions"][0];
    assert_eq!((&long["requests"], &long["total_tokens"]), (&2.into(), &200.into()));
    assert_eq!(
        (&long["project"], &long["branch"], &long["model"]),
        (&"/long".into(), &"main".into(), &"claude-haiku-4-5".into())
    );
    assert_eq!((&long["first"], &long["last"]), (&"2026-08-03T10:00:00Z".into(), &"2026-08-04T11:30:00Z".into()));
    assert_eq!(ids(&home.json(["analytics", "sessions", "--sort", "cost", "-n", "2"])), ["costly", "long"]);
    let since = home.json(["analytics", "sessions", "--since", "2026-08-04"]);
    assert_eq!(ids(&since), ["long"], "a session counts by its last request");
    assert_eq!(since["sessions"][0]["requests"], 2, "and whole");
    assert_eq!(ids(&home.json(["analytics", "sessions", "--until", "2026-08-02"])), ["short", "costly"]);
    assert_eq!(ids(&home.json(["analytics", "sessions", "--project", "/short"])), ["short"]);
    assert_eq!(ids(&home.json(["analytics", "sessions", "--model", "other"])), Vec::<&str>::new());
    let mut command = home.cli(["analytics", "sessions", "--format", "table"]);
    let table = crate::harness::done(command.env("COLUMNS", "60")).out;
    assert!(table.lines().all(|line| line.chars().count() <= 60) && table.contains("2026-08-04 11:30"), "{table}");
}

#[test]
fn blocks_show_the_one_in_use_and_where_it_leads() {
    let now = Timestamp::now().as_millisecond();
    // Two hours before the hour of now, for two hours: the window has begun,
    // and does not end while this test runs.
    let start = now / HOUR * HOUR - 2 * HOUR;
    let home = home_with(vec![
        request(0, start - 30 * HOUR, "a", 1000),
        request(1, start - 29 * HOUR, "a", 1000),
        request(2, start, "b", 60_000),
        request(3, start + 2 * HOUR, "b", 60_000),
    ]);
    let report = home.json(["analytics", "blocks", "--token-limit", "150000"]);
    assert_eq!((&report["schema"], &report["token_limit"]), (&"claude-cli/blocks@1".into(), &150_000.into()));
    let blocks = report["blocks"].as_array().unwrap();
    assert_eq!(blocks.len(), 2);
    assert_eq!((&blocks[0]["active"], &blocks[0]["projection"]), (&false.into(), &Value::Null));
    let active = &blocks[1];
    assert_eq!((&active["active"], &active["total_tokens"]), (&true.into(), &120_000.into()));
    assert_eq!(active["burn_rate"]["tokens_per_minute"], 1000.0);
    assert_eq!(active["limit_share"], 0.8);
    let left = active["remaining_minutes"].as_i64().unwrap();
    assert!((119..=180).contains(&left), "{left}");
    let projected = active["projection"]["total_tokens"].as_i64().unwrap();
    assert!((projected - 120_000 - left * 1000).abs() <= 2000, "{projected} with {left} minutes left");

    let gaps = home.json(["analytics", "blocks", "--gaps"]);
    assert_eq!(gaps["blocks"][1]["gap"], true);
    assert_eq!(home.json(["analytics", "blocks", "--active"])["blocks"].as_array().unwrap().len(), 1);
    assert_eq!(home.json(["analytics", "blocks", "--project", "/a"])["blocks"].as_array().unwrap().len(), 1);

    let most = home.run(["analytics", "blocks", "--token-limit", "max", "--format", "table"]);
    assert!(most.err.contains("warning: the window in use took 6000 % of 2,000 tokens"), "{most:?}");
    assert!(most.out.contains("left") && most.out.contains("6000 % !"), "{most:?}");
    let coming = home.run(["analytics", "blocks", "--token-limit", "151000"]);
    assert!(coming.err.contains("on its way to"), "{coming:?}");
    assert_eq!(home.run(["analytics", "blocks", "--token-limit", "10000000"]).err, "");
    assert_eq!(home.run(["analytics", "blocks", "--token-limit", "some"]).code, Some(2));
}

#[test]
fn blocks_are_told_in_every_format() {
    let start = Timestamp::now().as_millisecond() - 30 * HOUR;
    let home = home_with(vec![request(0, start, "a", 10), request(1, start + 12 * HOUR, "a", 10)]);
    let args = |format| ["analytics", "blocks", "--gaps", "--format", format];
    let csv = home.run(args("csv")).out;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(&reader.headers().unwrap()[1], "state");
    let states: Vec<String> = reader.records().map(|row| row.unwrap()[1].to_owned()).collect();
    assert_eq!(states, ["ended", "gap", "ended"]);
    assert_eq!(home.run(args("ndjson")).out.lines().count(), 3);
    let table = home.run(args("table")).out;
    assert!(table.contains("12h 00m without requests"), "{table}");
    assert!(home.run(args("markdown")).out.lines().nth(1).unwrap().starts_with("|--"));
}

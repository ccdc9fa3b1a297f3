//! `analytics cache` and `--no-cache`.

use std::fs;

use claude_cli::{
    cache::{CacheKey, DEFAULT_CACHE_BYTES, DiskCache, Freshness},
    store::{Batch, Ledger, SqliteLedger, Witness},
};
use serde_json::Value;

use crate::harness::Home;

/// A ledger whose file is large, though little is in it.
fn large() -> Home {
    let home = Home::new();
    write(&home, 0);
    let db = rusqlite::Connection::open(home.ledger_path()).unwrap();
    db.execute_batch("CREATE TABLE room (x); INSERT INTO room VALUES (zeroblob(17000000)); DROP TABLE room")
        .unwrap();
    home
}

fn write(home: &Home, n: u64) {
    let mut w = Witness::default();
    w.message_id = Some(format!("m{n}"));
    w.ts = 1_785_542_400_000;
    w.model = Some("claude-opus-4-8".into());
    w.usage.output_tokens = 1000;
    SqliteLedger::open(&home.ledger_path())
        .unwrap()
        .append(&Batch { witnesses: vec![w], ..Batch::default() })
        .unwrap();
}

#[test]
fn what_is_asked_often_is_asked_ahead_and_no_cache_asks_anew() {
    let home = large();
    let by_model = ["analytics", "summary", "--by", "model", "--project", ""];
    let first = home.run(by_model).out;
    assert_eq!(home.run(by_model).out, first);
    assert_eq!(home.run(by_model.into_iter().chain(["--no-cache"])).out, first);
    home.run(["analytics", "sessions", "--project", ""]);
    home.run(by_model.into_iter().chain(["--fail-over", "0.00001"]));
    // What comes from sums is computed sooner than it is found.
    home.run(["analytics", "summary", "--by", "model"]);
    let stats = home.json(["analytics", "cache", "stats"]);
    let summary = &stats["kinds"].as_array().unwrap().iter().find(|kind| kind["kind"] == "summary").unwrap();
    let asked = ["hits", "misses", "stale"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(asked.iter().sum::<u64>(), 3, "not the one without a cache: {stats}");
    write(&home, 1);
    let warmed = home.json(["analytics", "cache", "warm"]);
    assert_eq!(warmed["schema"], "claude-cli/cache-warm@1");
    let questions = warmed["questions"].as_array().unwrap();
    assert_eq!(
        (questions.len(), &questions[0]["args"], &questions[0]["times"]),
        (3, &by_model.to_vec().into(), &2.into())
    );
    assert!(questions.iter().all(|question| question["answered"] == true), "{warmed}");
    // A picture that was drawn once is not drawn again unasked.
    let picture = home.path("cost.svg");
    let both = ["--project", "", "--model", "claude-opus-4-8"];
    let drawn = ["timeseries", "--bucket", "1d", "--plot", picture.to_str().unwrap()].into_iter().chain(both);
    assert_eq!(home.run(drawn).code, Some(0));
    fs::write(&picture, "mine").unwrap();
    let warmed = home.json(["analytics", "cache", "warm"]);
    let plotted = |question: &Value| question["args"][0] == "timeseries" && question["answered"] == true;
    assert!(warmed["questions"].as_array().unwrap().iter().any(plotted), "{warmed}");
    assert_eq!(fs::read_to_string(&picture).unwrap(), "mine");
    let again = home.json(["analytics", "cache", "warm", "--top", "1"]);
    assert_eq!(again["questions"][0]["times"], 2, "asking ahead is not asking");
    assert_ne!(home.run(by_model).out, first, "there is one request more");
    home.write("cache/claude-cli/asked.json", "no list");
    assert_eq!(home.json(["analytics", "cache", "warm"])["questions"].as_array().unwrap().len(), 0);
    assert_eq!(home.run(by_model).code, Some(0), "what cannot be read is made anew");
}

#[test]
fn what_is_kept_is_told_and_forgotten() {
    let home = Home::new();
    let stats = home.json(["analytics", "cache", "stats"]);
    assert_eq!((&stats["schema"], &stats["entries"]), (&"claude-cli/cache-stats@1".into(), &0.into()));
    assert!(!home.path("cache").exists(), "to look makes none");
    let path = home.path("cache/claude-cli/cache.db");
    let cache = DiskCache::open(&path, DEFAULT_CACHE_BYTES);
    let key = |n: &str| CacheKey::builder("test").field("n", n).finish();
    for n in ["a", "b"] {
        cache.put("summary", &key(n), &[7; 1000], Freshness::default());
    }
    cache.put("dashboard", &key("a"), &[7; 1000], Freshness::default());
    cache.get("summary", &key("a"), Freshness::default());
    cache.get("summary", &key("c"), Freshness::default());
    cache.note_saved("summary", std::time::Duration::from_millis(1500));
    drop(cache);
    let stats = home.json(["analytics", "cache", "stats"]);
    assert_eq!((&stats["entries"], &stats["hits"], &stats["misses"]), (&3.into(), &1.into(), &1.into()));
    assert_eq!((&stats["hit_ratio"], &stats["saved_ms"]), (&0.5.into(), &1500.0.into()));
    assert_eq!(stats["path"], path.to_str().unwrap());
    let kinds = stats["kinds"].as_array().unwrap();
    assert_eq!((kinds.len(), &kinds[0]["kind"], &kinds[0]["hit_ratio"]), (2, &"dashboard".into(), &().into()));
    let shown =
        crate::harness::done(home.cli(["analytics", "cache", "stats", "--format", "table"]).env("COLUMNS", "120"));
    let table = shown.out;
    assert!(table.contains("50.0 %") && table.contains("1.5 s") && table.contains("total"), "{table}");
    let cleared = home.json(["analytics", "cache", "clear", "--kind", "summary"]);
    assert_eq!((&cleared["schema"], &cleared["removed"]), (&"claude-cli/cache-clear@1".into(), &2.into()));
    assert_eq!(home.json(["analytics", "cache", "stats"])["entries"], 1);
    assert_eq!(home.json(["analytics", "cache", "clear"])["removed"], 1);
}

//! `analytics cache` and `--no-cache`.

use claude_cli::cache::{CacheKey, DEFAULT_CACHE_BYTES, DiskCache, Freshness};

use crate::harness::Home;

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

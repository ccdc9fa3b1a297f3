//! The guide's memory optimizer, and what it does for what this crate does.

use std::sync::Arc;

use claude_cli::analytics::{DashboardQuery, Engine};
use jiff::{Timestamp, tz::TimeZone};

use crate::dashboard::ledger;

#[test]
fn the_guides_snippet() {
    use claude_cli::analytics::{MemoryConfig, MemoryOptimizer};

    let memory_config = MemoryConfig {
        max_memory_mb: 1000,
        enable_object_pooling: true,
        enable_streaming_processing: true,
        memory_pressure_threshold: 0.8,
        ..Default::default()
    };

    let optimizer = MemoryOptimizer::new(memory_config);

    assert!(optimizer.budget() <= 1000 << 20);
    assert!(optimizer.chunk_bytes() <= 1000 << 20);
    if cfg!(target_os = "linux") {
        let before = optimizer.usage();
        let resident = before.resident_bytes.unwrap();
        assert!(resident > 0 && before.pressure.process.unwrap() > 0.0, "{before:?}");
        // It is measured: what is taken shows.
        let taken = vec![1u8; 64 << 20];
        let after = optimizer.usage().resident_bytes.unwrap();
        assert!(after > resident + (32 << 20), "{resident} {after} {}", taken.len());
    }
}

#[test]
fn readers_are_closed_where_memory_is_short_and_answers_stay_the_same() {
    use claude_cli::analytics::{MemoryConfig, MemoryOptimizer};

    let (_folder, path) = ledger();
    let now: Timestamp = "2026-08-15T13:00:00Z".parse().unwrap();
    let query = DashboardQuery::new(now, TimeZone::UTC);
    let plain = Engine::open(&path).unwrap().dashboard(&query).unwrap();
    // No process gets by with 1 MB: it is short all the time.
    let tight = MemoryConfig { max_memory_mb: 1, check_interval_ms: 0, ..Default::default() };
    let memory = MemoryOptimizer::new(tight);
    let engine = Engine::open(&path).unwrap().with_memory(&memory);
    let engine = Arc::new(engine);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(engine.dashboard(&query).unwrap(), plain);
                }
            });
        }
    });
    if cfg!(target_os = "linux") {
        let relief = memory.relieve();
        let asked: Vec<&str> = relief.given_back.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(asked, ["buffers", "idle readers"], "it is asked in the stated order");
    }
    assert_eq!(engine.dashboard(&query).unwrap(), plain, "another reader is opened");
}

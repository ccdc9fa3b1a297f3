//! The on-disk cache, as several processes use it.

use std::{
    env, fs,
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use claude_cli::cache::{CacheKey, DiskCache, Freshness, Lookup};

const MOST: u64 = 300_000;
const ROUNDS: u64 = 400;
const WORKERS: u64 = 4;

fn key(n: u64) -> CacheKey {
    CacheKey::builder("test@1").field("n", n.to_le_bytes()).finish()
}

/// A value that says which one it is.
fn value(n: u64, size: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(n);
    n.to_le_bytes().into_iter().chain((0..size).map(|_| random.u8(..))).collect()
}

fn names(found: &[u8]) -> u64 {
    u64::from_le_bytes(found[..8].try_into().unwrap())
}

fn worker(file: &Path, seed: u64, forgiving: bool) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["cache::one_of_several_processes", "--exact", "--ignored"])
        .env("CACHE_FILE", file)
        .env("CACHE_SEED", seed.to_string())
        .env("CACHE_FORGIVING", forgiving.to_string())
        .spawn()
        .unwrap()
}

/// What the processes of the tests below do.
#[test]
#[ignore = "run by other tests"]
fn one_of_several_processes() {
    let Some(file) = env::var_os("CACHE_FILE") else { return };
    let seed: u64 = env::var("CACHE_SEED").unwrap().parse().unwrap();
    let forgiving = env::var("CACHE_FORGIVING").unwrap() == "true";
    let mut random = fastrand::Rng::with_seed(seed);
    let cache = DiskCache::open(Path::new(&file), MOST);
    for _ in 0..ROUNDS {
        let n = random.u64(..60);
        match cache.get("shared", &key(n), Freshness::within(Duration::from_secs(600))) {
            Lookup::Hit(found) => {
                let size = found.bytes.len() - 8;
                assert_eq!(names(&found.bytes), n);
                assert_eq!(found.bytes, value(n, size), "a value of its own");
            }
            _ => {
                let kept = cache.put("shared", &key(n), &value(n, random.usize(..20_000)), Freshness::default());
                assert!(kept || forgiving);
            }
        }
    }
    let warning = cache.take_warning();
    assert!(forgiving || warning.is_none(), "{warning:?}");
}

#[test]
fn many_processes_share_it_and_its_counts_are_true() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new/cache.db");
    let children: Vec<Child> = (0..WORKERS).map(|seed| worker(&file, seed, false)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let cache = DiskCache::open(&file, MOST);
    let total = cache.stats().total();
    assert_eq!(total.hits + total.misses + total.stale, WORKERS * ROUNDS, "{total:?}");
    assert!(total.bytes <= MOST && total.evictions > 0 && total.hits > 0, "{total:?}");
    let there = (0..60).filter(|n| cache.get("shared", &key(*n), Freshness::default()).hit().is_some()).count();
    assert_eq!(there as u64, total.entries);
    // Nothing is left of how it was made, and only its owner may read it.
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let parts = fs::read_dir(file.parent().unwrap())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".part"));
    assert_eq!(parts.count(), 0);
}

#[test]
fn it_may_be_deleted_while_many_processes_use_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cache/cache.db");
    let mut children: Vec<Child> = (0..WORKERS).map(|seed| worker(&file, seed, true)).collect();
    let mut deleted = 0;
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        // In turn only the file, and all there is.
        deleted += 1;
        let _ = if deleted % 2 == 0 { fs::remove_file(&file) } else { fs::remove_dir_all(file.parent().unwrap()) };
        std::thread::sleep(Duration::from_millis(7));
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let cache = DiskCache::open(&file, MOST);
    assert!(cache.put("shared", &key(99), b"still works", Freshness::default()), "{:?}", cache.take_warning());
    assert_eq!(cache.get("shared", &key(99), Freshness::default()).hit().unwrap().bytes, b"still works");
}

#[test]
fn a_handle_notices_that_its_file_is_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cache.db");
    let (one, other) = (DiskCache::open(&file, MOST), DiskCache::open(&file, MOST));
    assert!(one.put("k", &key(1), b"old", Freshness::default()));
    assert!(other.get("k", &key(1), Freshness::default()).hit().is_some());
    fs::remove_file(&file).unwrap();
    assert_eq!(one.get("k", &key(1), Freshness::default()), Lookup::Miss);
    assert!(one.put("k", &key(2), b"new", Freshness::default()));
    assert_eq!(other.get("k", &key(2), Freshness::default()).hit().unwrap().bytes, b"new");
    assert_eq!((one.take_warning(), other.take_warning()), (None, None));
}

#[test]
fn threads_share_a_handle() {
    let folder = tempfile::tempdir().unwrap();
    let cache = DiskCache::open(&folder.path().join("cache.db"), MOST);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let cache = &cache;
            scope.spawn(move || {
                for n in 0..50 {
                    let n = thread * 100 + n;
                    assert!(cache.put("k", &key(n), &value(n, 100), Freshness::default()));
                    let found = cache.get("k", &key(n), Freshness::default()).hit().unwrap();
                    assert_eq!(names(&found.bytes), n);
                }
            });
        }
    });
    assert_eq!((cache.stats().total().entries, cache.stats().total().hits), (200, 200));
}

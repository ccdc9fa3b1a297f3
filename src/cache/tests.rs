//! Where time and damage matter; what users see is tested in `tests/sdk/cache.rs`.

use std::{collections::HashMap, fs, io::Write};

use proptest::prelude::*;
use rusqlite::Connection;

use super::*;

const KINDS: [&str; 2] = ["answer", "view"];
const MINUTE: Duration = Duration::from_secs(60);

fn key(n: u8) -> CacheKey {
    CacheKey::builder("test@1").field("n", [n]).finish()
}

fn cache(max_bytes: u64) -> (tempfile::TempDir, DiskCache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = DiskCache::open(&folder.path().join("a/cache.db"), max_bytes);
    (folder, cache)
}

#[derive(Clone, Debug)]
enum Step {
    Get { kind: usize, key: u8, age: Option<i64>, stamp: u8 },
    Put { kind: usize, key: u8, value: Vec<u8>, ttl: Option<i64>, stamp: u8 },
    Remove { kind: usize, key: u8 },
    Clear { kind: Option<usize> },
    Wait { millis: i64 },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let at = || (0..KINDS.len(), 0..6_u8);
    let time = || proptest::option::of(1..5_000_i64);
    // Random bytes do not shrink; repeated ones do, far below the bound.
    let value = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..1_500),
        (any::<u8>(), 0..3_000_usize).prop_map(|(byte, n)| vec![byte; n]),
    ];
    prop_oneof![
        8 => (at(), time(), 0..2_u8).prop_map(|((kind, key), age, stamp)| Step::Get { kind, key, age, stamp }),
        8 => (at(), value, time(), 0..2_u8)
            .prop_map(|((kind, key), value, ttl, stamp)| Step::Put { kind, key, value, ttl, stamp }),
        1 => at().prop_map(|(kind, key)| Step::Remove { kind, key }),
        1 => proptest::option::of(0..KINDS.len()).prop_map(|kind| Step::Clear { kind }),
        3 => (0..2_000_i64).prop_map(|millis| Step::Wait { millis }),
        1 => Just(Step::Reopen),
    ]
}

struct Kept {
    value: Vec<u8>,
    created: i64,
    expires: Option<i64>,
    stamp: u8,
    turn: u64,
    size: u64,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Against a plain map: what is fresh comes back as it was put, what is not
    /// never does, the least recently used go first, and the counts are true.
    #[test]
    fn it_is_a_map_with_lifetimes_and_a_bound(steps in proptest::collection::vec(step(), 1..60)) {
        const MOST: u64 = 4_000;
        let (_folder, mut cache) = cache(MOST);
        let mut kept: HashMap<(usize, u8), Kept> = HashMap::new();
        let mut counts = [[0_u64; 3]; 2];
        let (mut now, mut turn) = (1_000_000_i64, 0_u64);
        for step in steps {
            turn += 1;
            match step {
                Step::Get { kind, key: k, age, stamp } => {
                    let millis = |ms: i64| Duration::from_millis(ms as u64);
                    let stamps = [stamp];
                    let wanted = Freshness { age: age.map(millis), stamp: &stamps };
                    let lookup = cache.get_at(KINDS[kind], &key(k), wanted, now);
                    let model = kept.get_mut(&(kind, k));
                    let expired = model.as_ref().is_some_and(|m| {
                        m.expires.is_some_and(|at| at <= now) || age.is_some_and(|age| now - m.created >= age)
                    });
                    let which = match (&lookup, model) {
                        (Lookup::Hit(found), Some(m)) => {
                            prop_assert!(!expired && m.stamp == stamp);
                            prop_assert_eq!(&found.bytes, &m.value);
                            prop_assert_eq!(found.created_at, m.created);
                            m.turn = turn;
                            0
                        }
                        (Lookup::Stale(Staleness::Expired), Some(_)) => { prop_assert!(expired); 2 }
                        (Lookup::Stale(Staleness::Stamp), Some(m)) => { prop_assert!(m.stamp != stamp); 2 }
                        (Lookup::Miss, None) => 1,
                        // What expired may be swept.
                        (Lookup::Miss, Some(m)) => { prop_assert!(m.expires.is_some_and(|at| at <= now)); 1 }
                        (found, _) => return Err(TestCaseError::fail(format!("{found:?} of nothing"))),
                    };
                    counts[kind][which] += 1;
                }
                Step::Put { kind, key: k, value, ttl, stamp } => {
                    let stamps = [stamp];
                    let age = ttl.map(|ms| Duration::from_millis(ms as u64));
                    let good = Freshness { age, stamp: &stamps };
                    let size = table::New::pack(KINDS[kind], &key(k), &value, good, now).size() as u64;
                    let fits = cache.put_at(KINDS[kind], &key(k), &value, good, now);
                    prop_assert_eq!(fits, size <= MOST);
                    kept.remove(&(kind, k));
                    kept.retain(|_, m| m.expires.is_none_or(|at| at > now));
                    if fits {
                        let mut bytes: u64 = kept.values().map(|m| m.size).sum();
                        while bytes + size > MOST {
                            let oldest = *kept.iter().min_by_key(|(_, m)| m.turn).unwrap().0;
                            bytes -= kept.remove(&oldest).unwrap().size;
                        }
                        let expires = ttl.map(|ttl| now + ttl);
                        kept.insert((kind, k), Kept { value, created: now, expires, stamp, turn, size });
                    }
                }
                Step::Remove { kind, key: k } => {
                    let there = cache.remove(KINDS[kind], &key(k));
                    prop_assert_eq!(there, kept.remove(&(kind, k)).is_some());
                }
                Step::Clear { kind } => {
                    cache.clear(kind.map(|kind| KINDS[kind]));
                    kept.retain(|(k, _), _| kind.is_some_and(|kind| kind != *k));
                    for (k, counts) in counts.iter_mut().enumerate() {
                        if kind.is_none_or(|kind| kind == k) { *counts = [0; 3]; }
                    }
                }
                Step::Wait { millis } => now += millis,
                Step::Reopen => cache = DiskCache::open(cache.path(), MOST),
            }
            let stats = cache.stats();
            for (kind, name) in KINDS.iter().enumerate() {
                let of_kind = || kept.iter().filter(|((k, _), _)| *k == kind).map(|(_, m)| m.size);
                let counted = stats.kinds.get(*name).copied().unwrap_or_default();
                prop_assert_eq!((counted.entries, counted.bytes), (of_kind().count() as u64, of_kind().sum()));
                prop_assert_eq!([counted.hits, counted.misses, counted.stale], counts[kind]);
            }
            prop_assert!(stats.total().bytes <= MOST);
        }
        prop_assert_eq!(cache.take_warning(), None);
    }

    /// Whatever becomes of its bytes, no value comes back as another one.
    #[test]
    fn damage_never_changes_an_answer(at in any::<prop::sample::Index>(), noise in proptest::collection::vec(any::<u8>(), 1..64)) {
        let (_folder, cache) = cache(1 << 20);
        let value = |n: u8| vec![n; 100 * usize::from(n) + 1];
        for n in 0..40 {
            prop_assert!(cache.put("answer", &key(n), &value(n), Freshness::default()));
        }
        let path = cache.path().to_owned();
        drop(cache);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        for (byte, noise) in bytes[at..].iter_mut().zip(noise) {
            *byte = noise;
        }
        fs::write(&path, bytes).unwrap();
        let cache = DiskCache::open(&path, 1 << 20);
        for n in 0..40 {
            if let Lookup::Hit(found) = cache.get("answer", &key(n), Freshness::default()) {
                prop_assert!(found.bytes == value(n));
            }
        }
        // And it works again.
        for n in 0..40 {
            cache.put("answer", &key(n), &value(n), Freshness::default());
        }
        let back = cache.get("answer", &key(39), Freshness::default()).hit();
        prop_assert!(back.is_some_and(|found| found.bytes == value(39)), "{:?} {:?}", cache.take_warning(), cache.stats());
    }

    /// Fields that differ in any way make another key.
    #[test]
    fn keys_do_not_run_together(a in fields(), b in fields()) {
        let of = |fields: &[(String, Option<String>)]| {
            fields.iter().fold(CacheKey::builder("k"), |key, (name, value)| key.optional(name, value.as_ref())).finish()
        };
        prop_assert_eq!(of(&a) == of(&b), a == b);
    }
}

fn fields() -> impl Strategy<Value = Vec<(String, Option<String>)>> {
    proptest::collection::vec(("[ab]{0,2}", proptest::option::of("[ab]{0,2}")), 0..4)
}

#[test]
fn a_clock_that_was_set_back_keeps_nothing_for_ever() {
    let (_folder, cache) = cache(1 << 20);
    cache.put_at("answer", &key(1), b"x", Freshness::within(MINUTE), 10_000_000);
    let lookup = cache.get_at("answer", &key(1), Freshness::within(MINUTE), 5_000_000);
    assert_eq!(lookup, Lookup::Stale(Staleness::Expired));
}

#[test]
fn a_newer_file_is_left_alone() {
    let (_folder, cache) = cache(1 << 20);
    cache.put("answer", &key(1), b"x", Freshness::default());
    let path = cache.path().to_owned();
    drop(cache);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(&path).unwrap();
    let cache = DiskCache::open(&path, 1 << 20);
    assert_eq!(cache.get("answer", &key(1), Freshness::default()), Lookup::Miss);
    assert!(!cache.put("answer", &key(1), b"y", Freshness::default()));
    assert!(cache.take_warning().unwrap().contains("newer claude-cli"));
    assert_eq!(cache.take_warning(), None);
    drop(cache);
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn what_is_no_cache_is_replaced_with_a_word() {
    for content in
        [b"what is this?".to_vec(), b"SQLite format 3\0and then nothing".to_vec(), vec![0; 8192], Vec::new()]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.db");
        fs::write(&path, content).unwrap();
        let cache = DiskCache::open(&path, 1 << 20);
        assert_eq!(cache.get("answer", &key(1), Freshness::default()), Lookup::Miss);
        assert!(cache.put("answer", &key(1), b"x", Freshness::default()));
        assert!(cache.get("answer", &key(1), Freshness::default()).hit().is_some());
        assert!(cache.take_warning().unwrap().contains("replaced"));
    }
}

#[test]
fn where_there_can_be_no_file_it_is_done_without() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("cache.db")).unwrap();
    fs::File::create(folder.path().join("file")).unwrap().write_all(b"x").unwrap();
    for path in ["cache.db", "file/cache.db"] {
        let cache = DiskCache::open(&folder.path().join(path), 1 << 20);
        assert_eq!(cache.get("answer", &key(1), Freshness::default()), Lookup::Miss);
        assert!(!cache.put("answer", &key(1), b"x", Freshness::default()));
        assert_eq!(cache.clear(None), 0);
        assert!(cache.take_warning().unwrap().contains("is not used"));
    }
}

#[test]
fn what_is_worth_it_is_compressed() {
    let (_folder, cache) = cache(1 << 20);
    let text = "the same words again and again ".repeat(1000);
    cache.put("answer", &key(1), text.as_bytes(), Freshness::default());
    assert!(cache.stats().total().bytes < 1_000);
    assert_eq!(cache.get("answer", &key(1), Freshness::default()).hit().unwrap().bytes, text.as_bytes());
    assert_eq!(pack::unpack(b"no zstd", Some(9)), None);
    assert_eq!(pack::unpack(&pack::pack(text.as_bytes()).bytes, Some(usize::MAX)), None);
}

#[test]
fn cleared_room_is_given_back() {
    let (_folder, cache) = cache(64 << 20);
    for n in 0..20 {
        let noise: Vec<u8> = (0..200_000).map(|_| fastrand::u8(..)).collect();
        cache.put("answer", &key(n), &noise, Freshness::default());
    }
    assert!(cache.stats().file_bytes > 4_000_000);
    assert_eq!(cache.clear(Some("view")), 0);
    assert_eq!(cache.clear(Some("answer")), 20);
    assert!(cache.stats().file_bytes < 200_000, "{:?}", cache.stats());
}

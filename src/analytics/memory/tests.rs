use std::{fs, path::Path, sync::atomic::AtomicUsize};

use super::*;

const MB: u64 = MEGABYTE;

/// Files as Linux has them: so many pages of the process, a machine of 1 GB.
fn files(pages: u64, available_kb: u64, cgroup: &str, more: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("proc/self/statm", &format!("9999 {pages} 421 392 5 0 123 0\n"));
    put("proc/meminfo", &format!("MemTotal: 1048576 kB\nMemFree: 1 kB\nMemAvailable: {available_kb} kB\n"));
    put("proc/self/cgroup", cgroup);
    for (name, text) in more {
        put(name, text);
    }
    folder
}

fn optimizer(folder: &Path, config: MemoryConfig) -> MemoryOptimizer {
    MemoryOptimizer::within(config, System::at(&folder.join("proc"), &folder.join("sys")))
}

#[test]
fn the_smallest_limit_is_the_budget() {
    let config = MemoryConfig { max_memory_mb: 600, ..MemoryConfig::default() };
    for (cgroup, more, budget) in [
        ("", &[][..], 600),
        ("0::/\n", &[("sys/memory.max", "max\n")], 600),
        ("0::/a/b\n", &[("sys/a/b/memory.max", "314572800"), ("sys/a/memory.max", "104857600")], 100),
        ("0::/gone/in/container\n", &[("sys/memory.max", "52428800\n")], 50),
        ("4:memory:/x\n0::/\n", &[("sys/memory/x/memory.limit_in_bytes", "209715200\n")], 200),
        ("4:cpu,memory:/x\n", &[("sys/memory/x/memory.limit_in_bytes", "9223372036854771712\n")], 600),
        ("0::/u\n", &[("sys/unified/u/memory.max", "10485760")], 10),
        ("nonsense\n\n0::/\n", &[("sys/memory.max", "-3")], 600),
    ] {
        let folder = files(10, 900_000, cgroup, more);
        assert_eq!(optimizer(folder.path(), config.clone()).budget(), budget * MB, "{cgroup} {more:?}");
    }
    let folder = files(10, 900_000, "", &[]);
    let large = MemoryConfig { max_memory_mb: u64::MAX, ..MemoryConfig::default() };
    assert_eq!(optimizer(folder.path(), large).budget(), 1024 * MB, "a machine has no more than it has");
}

#[test]
fn pressure_is_what_was_measured() {
    let page = rustix::param::page_size() as u64;
    let stat = "anon 5\ninactive_file 31457280\nactive_file 7\n";
    let folder = files(
        30 * MB / page,
        262_144,
        "0::/\n",
        &[
            ("sys/memory.max", "104857600"),
            ("sys/memory.current", "83886080"),
            ("sys/memory.stat", stat),
            ("sys/memory.pressure", "some avg10=2.50 avg60=0.00 avg300=0.00 total=0\nfull avg10=1.00\n"),
        ],
    );
    let usage = optimizer(folder.path(), MemoryConfig::default()).usage();
    assert_eq!((usage.resident_bytes, usage.budget_bytes), (Some(30 * MB), 100 * MB));
    let pressure = usage.pressure;
    assert_eq!((pressure.process, pressure.group, pressure.machine), (Some(0.3), Some(0.5), Some(0.75)));
    assert_eq!((pressure.stalled, pressure.share()), (Some(0.025), Some(0.75)));
    let nowhere = tempfile::tempdir().unwrap();
    let blind = optimizer(nowhere.path(), MemoryConfig::default());
    assert_eq!((blind.usage().pressure.share(), blind.is_under_pressure()), (None, false), "unknown is not short");
    assert_eq!(blind.budget(), 500 * MB);
}

/// Gives back what it holds; asks for the memory that then is left.
struct Held {
    bytes: AtomicU64,
    statm: std::path::PathBuf,
    left: u64,
    asked: AtomicUsize,
}

impl Shed for Held {
    fn shed(&self) -> Option<u64> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        fs::write(&self.statm, format!("1 {} 1", self.left * MB / rustix::param::page_size() as u64)).unwrap();
        Some(self.bytes.swap(0, Ordering::Relaxed))
    }
}

#[test]
fn memory_is_asked_back_in_order_and_no_longer_than_it_is_short() {
    let page = rustix::param::page_size() as u64;
    let folder = files(95 * MB / page, 1_000_000, "", &[]);
    let config = MemoryConfig { max_memory_mb: 100, check_interval_ms: 0, ..MemoryConfig::default() };
    let memory = optimizer(folder.path(), config);
    let held = |left: u64| {
        let statm = folder.path().join("proc/self/statm");
        Arc::new(Held { bytes: AtomicU64::new(5), statm, left, asked: AtomicUsize::new(0) })
    };
    let (readers, answers, more, gone) = (held(10), held(85), held(40), held(1));
    let register = |order, name: &str, what: &Arc<Held>| {
        let what: Arc<dyn Shed> = what.clone();
        memory.register(order, name, &what);
    };
    register(ShedOrder::Readers, "readers", &readers);
    register(ShedOrder::Answers, "answers", &answers);
    register(ShedOrder::Answers, "more answers", &more);
    register(ShedOrder::Buffers, "gone", &gone);
    drop(gone);
    memory.buffer().extend_from_slice(&[0; 4096]);
    assert!(memory.pool_stats().idle_bytes >= 4096);
    let relief = memory.relieve_if_short().unwrap();
    let asked: Vec<(&str, u64)> = relief.given_back.iter().map(|(name, n)| (name.as_str(), n.unwrap())).collect();
    assert_eq!(asked[1..], [("answers", 5), ("more answers", 5)]);
    assert!(asked[0].0 == "buffers" && asked[0].1 >= 4096, "{asked:?}");
    assert_eq!((relief.before.resident_bytes, relief.after.resident_bytes), (Some(95 * MB), Some(40 * MB)));
    assert_eq!(readers.asked.load(Ordering::Relaxed), 0, "there was enough before their turn");
    assert_eq!(memory.relieve_if_short(), None, "it is not short any more");
}

#[test]
fn buffers_are_used_again_within_bounds() {
    let config = MemoryConfig { max_pooled_buffers: 2, max_pooled_buffer_kb: 4, ..MemoryConfig::default() };
    let memory = MemoryOptimizer::new(config.clone());
    for _ in 0..100 {
        let mut buffer = memory.buffer();
        assert!(buffer.is_empty());
        buffer.extend_from_slice(b"something");
    }
    assert_eq!((memory.pool_stats().made, memory.pool_stats().reused), (1, 99));
    let mut many: Vec<_> = (0..5).map(|_| memory.buffer()).collect();
    many.iter_mut().for_each(|buffer| buffer.push(1));
    many[0].reserve(8192);
    drop(many);
    assert_eq!(memory.pool_stats().idle, 2, "no more than that, and no large ones");
    assert!(memory.pool_stats().idle_bytes <= 2 * 4096);
    let off = MemoryOptimizer::new(MemoryConfig { enable_object_pooling: false, ..config });
    for _ in 0..3 {
        off.buffer().push(1);
    }
    assert_eq!((off.pool_stats().made, off.pool_stats().reused), (3, 0));
}

#[test]
fn what_streams_holds_a_part_of_what_is_left() {
    let page = rustix::param::page_size() as u64;
    for (resident, chunk) in [(20, 10 * MB), (99, LEAST_CHUNK), (500, LEAST_CHUNK)] {
        let folder = files(resident * MB / page, 900_000, "", &[]);
        let config = MemoryConfig { max_memory_mb: 100, ..MemoryConfig::default() };
        assert_eq!(optimizer(folder.path(), config.clone()).chunk_bytes(), chunk, "{resident}");
        let whole = MemoryConfig { enable_streaming_processing: false, ..config };
        assert_eq!(optimizer(folder.path(), whole).chunk_bytes(), u64::MAX);
    }
}

//! What the process takes up, under the names that Prometheus' clients use.

use std::fs;

use super::{MetricKind, MetricsText};

/// Writes what the system tells; what it does not is left out.
pub(super) fn write(out: &mut MetricsText) {
    if let Some(bytes) = resident_bytes() {
        let help = "Resident memory size in bytes.";
        out.one("process_resident_memory_bytes", MetricKind::Gauge, help, bytes as f64);
    }
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    let help = "Total user and system CPU time spent in seconds.";
    out.one("process_cpu_seconds_total", MetricKind::Counter, help, seconds);
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        // The folder itself is one of them.
        let open = files.count().saturating_sub(1);
        out.one("process_open_fds", MetricKind::Gauge, "Number of open file descriptors.", open as f64);
    }
    if let Some(most) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        let help = "Maximum number of open file descriptors.";
        out.one("process_max_fds", MetricKind::Gauge, help, most as f64);
    }
}

fn resident_bytes() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

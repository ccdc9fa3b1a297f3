//! The most memory of a process.

use std::fs;

/// Has the system count this process's most memory from now on; where it
/// cannot, what was before counts, too.
pub fn forget_peak_memory() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The most memory that this process took, in bytes; `None` where the system
/// does not tell.
#[must_use]
pub fn peak_memory() -> Option<u64> {
    read("/proc/self/status")
}

/// The same of another process, while it runs.
#[cfg(feature = "measure")]
pub(super) fn peak_memory_of(pid: u32) -> Option<u64> {
    read(&format!("/proc/{pid}/status"))
}

fn read(path: &str) -> Option<u64> {
    let status = fs::read_to_string(path).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

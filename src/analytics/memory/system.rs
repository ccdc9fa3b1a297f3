//! What the operating system says of memory. Where it does not say (there is no
//! /proc, or no control group), the answer is `None`.

use std::{
    fs,
    path::{Path, PathBuf},
};

const KILOBYTE: u64 = 1 << 10;
/// Version 1 of control groups writes "no limit" as a number about this large.
const NO_LIMIT: u64 = 1 << 60;

/// Where to read: the files of Linux, or copies of them.
#[derive(Debug)]
pub(super) struct System {
    proc: PathBuf,
    group: Option<GroupFiles>,
}

/// The files of the control group whose limit is the smallest.
#[derive(Clone, Debug, PartialEq, Eq)]
struct GroupFiles {
    folder: PathBuf,
    limit: &'static str,
    used: &'static str,
}

/// A control group with a limit.
pub(super) struct Group {
    pub(super) limit: u64,
    used: Option<u64>,
}

impl Group {
    pub(super) const fn used(&self) -> Option<u64> {
        self.used
    }
}

impl System {
    pub(super) fn here() -> Self {
        Self::at(Path::new("/proc"), Path::new("/sys/fs/cgroup"))
    }

    pub(super) fn at(proc: &Path, mount: &Path) -> Self {
        let groups = fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
        Self { proc: proc.to_owned(), group: limited(&groups, mount) }
    }

    /// Bytes of memory that the process takes.
    pub(super) fn resident(&self) -> Option<u64> {
        let statm = fs::read_to_string(self.proc.join("self/statm")).ok()?;
        let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
        Some(pages * rustix::param::page_size() as u64)
    }

    /// Bytes of memory that the machine has, and that are available.
    pub(super) fn machine(&self) -> Option<(u64, u64)> {
        let text = fs::read_to_string(self.proc.join("meminfo")).ok()?;
        let field = |name: &str| -> Option<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * KILOBYTE)
        };
        Some((field("MemTotal:")?, field("MemAvailable:")?))
    }

    /// The control group, if it has a limit.
    pub(super) fn group(&self) -> Option<Group> {
        let files = self.group.as_ref()?;
        let used = number(&files.folder.join(files.used)).map(|used| used.saturating_sub(files.idle_cache()));
        Some(Group { limit: number(&files.folder.join(files.limit))?, used })
    }

    /// The share of the last 10 seconds in which some task of the control group,
    /// else of the machine, waited for memory.
    pub(super) fn stalled(&self) -> Option<f64> {
        let of_group = self.group.as_ref().map(|files| files.folder.join("memory.pressure"));
        let text = of_group
            .and_then(|path| fs::read_to_string(path).ok())
            .or_else(|| fs::read_to_string(self.proc.join("pressure/memory")).ok())?;
        let some = text.lines().find(|line| line.starts_with("some "))?;
        let percent: f64 = some.split(' ').find_map(|field| field.strip_prefix("avg10="))?.parse().ok()?;
        Some(percent / 100.0)
    }
}

impl GroupFiles {
    /// Bytes of the file cache that were not used of late: they go at once.
    fn idle_cache(&self) -> u64 {
        let text = fs::read_to_string(self.folder.join("memory.stat")).unwrap_or_default();
        let field = |name: &str| -> Option<u64> {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
        };
        field("total_inactive_file").or_else(|| field("inactive_file")).unwrap_or(0)
    }
}

/// The control group of a process, or the one around it, with the smallest limit. Within a
/// container, the path that the process is told may not be there: the root of
/// the mount is its group then.
fn limited(groups: &str, mount: &Path) -> Option<GroupFiles> {
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let (mounts, limit, used) = if controllers.is_empty() {
            (vec![mount.to_owned(), mount.join("unified")], "memory.max", "memory.current")
        } else if controllers.split(',').any(|name| name == "memory") {
            (vec![mount.join("memory")], "memory.limit_in_bytes", "memory.usage_in_bytes")
        } else {
            continue;
        };
        for mount in mounts {
            let own = mount.join(path.trim_start_matches('/'));
            let folders = own.ancestors().take_while(|folder| folder.starts_with(&mount));
            let mut smallest: Option<(u64, &Path)> = None;
            for folder in folders {
                if let Some(bytes) = number(&folder.join(limit)).filter(|bytes| *bytes < NO_LIMIT)
                    && smallest.is_none_or(|(least, _)| bytes < least)
                {
                    smallest = Some((bytes, folder));
                }
            }
            if let Some((_, folder)) = smallest {
                return Some(GroupFiles { folder: folder.to_owned(), limit, used });
            }
        }
    }
    None
}

/// A file that holds a number; `max` is none.
fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

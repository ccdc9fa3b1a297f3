//! Outliving us: a watcher that ends a process group if we die without doing so.

use std::{
    io::{PipeWriter, Write, pipe},
    process::Stdio,
};

use rustix::process::Pid;
use tokio::process::Command;

/// Reads the group, then one more line. Where that does not come, its writer is
/// gone, and so are we: end the group.
const SCRIPT: &str = r#"read -r group || exit 0
read -r _ && exit 0
kill -s TERM -- "-$group" 2>/dev/null || exit 0
sleep 2
kill -s KILL -- "-$group" 2>/dev/null"#;

/// A shell that waits on a pipe whose other end only we hold. When we die, even
/// by SIGKILL, the pipe closes and the shell ends the group. It is in a group
/// of its own, so that Ctrl-C on the terminal does not reach it.
#[derive(Debug)]
pub(super) struct Guard {
    line: PipeWriter,
}

impl Guard {
    /// Starts a guard that has nothing to guard yet; `None` where there is no
    /// shell to do it. Started before the program, so that the program is never
    /// without it for longer than it takes to tell it of the group.
    pub(super) fn start() -> Option<Self> {
        let (reader, line) = pipe().ok()?;
        // Dropped here, and reaped in the background whenever it ends.
        Command::new("/bin/sh")
            .args(["-c", SCRIPT])
            .stdin(reader)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .ok()?;
        Some(Self { line })
    }

    /// Guards `group` from now on.
    pub(super) fn over(mut self, group: Pid) -> Self {
        self.tell(&format!("{}\n", group.as_raw_nonzero()));
        self
    }

    /// The group is gone: nothing is left to guard.
    pub(super) fn disarm(mut self) {
        self.tell("\n");
    }

    fn tell(&mut self, line: &str) {
        // A few bytes in an empty pipe never wait. A guard that is gone cannot
        // be told anything, and there is nothing else to be done about it.
        let _ = self.line.write_all(line.as_bytes());
    }
}

//! Outliving us: a watcher that ends a process group if we die without doing so.

use std::process::Stdio;

use rustix::process::Pid;
use tokio::{
    io::AsyncWriteExt,
    process::{ChildStdin, Command},
};

/// Reads one line. Without it, its reader is gone, and so are we: end the group.
const SCRIPT: &str = r#"read -r _ && exit 0
kill -TERM -- "-$0" 2>/dev/null || exit 0
sleep 2
kill -KILL -- "-$0" 2>/dev/null"#;

/// A shell that waits on a pipe whose other end only we hold. When we die, even
/// by SIGKILL, the pipe closes and the shell ends the group. It is in a group
/// of its own, so that Ctrl-C on the terminal does not reach it.
#[derive(Debug)]
pub(super) struct Guard {
    line: ChildStdin,
}

impl Guard {
    /// Starts guarding `group`; `None` where there is no shell to do it.
    pub(super) fn over(group: Pid) -> Option<Self> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, &group.as_raw_nonzero().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .ok()?;
        let line = child.stdin.take()?;
        // Reaped in the background, whenever it ends.
        Some(Self { line })
    }

    /// The group is gone: nothing is left to guard.
    pub(super) fn disarm(mut self) {
        // The pipe is empty, so that a single byte never waits.
        let mut write = std::pin::pin!(self.line.write_all(b"\n"));
        let _ = futures_now(write.as_mut());
    }
}

/// Polls a future that is ready at once.
fn futures_now<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

//! A program in a process group of its own, and how it ends.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::AsyncReadExt,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
    time::timeout,
};

use super::{Request, Secrets, guard::Guard};
use crate::{Error, ProcessFailure, Result, error::program_name};

/// How long it may take to obey SIGTERM.
const GRACE_AFTER_TERM: Duration = Duration::from_secs(2);
/// How long the pipes of a group that was killed may take to drain.
pub(super) const GRACE_FOR_PIPES: Duration = Duration::from_secs(1);
/// So much of the program's stderr is kept for an error message.
const STDERR_KEPT: usize = 8 << 10;

/// A program that runs. Where it is dropped and not [ended](Self::end), its
/// guard ends the group.
#[derive(Debug)]
pub(super) struct ChildProcess {
    pub(super) program: &'static str,
    child: Child,
    group: Option<Pid>,
    guard: Option<Guard>,
    stderr: JoinHandle<String>,
}

impl ChildProcess {
    /// Starts the program in the environment and folder that a request asks for.
    pub(super) fn start(
        program: &Path,
        args: &[String],
        request: &Request,
        secrets: &Secrets,
    ) -> Result<(Self, ChildStdin, ChildStdout)> {
        let name = program_name(&program.display().to_string());
        let mut command = Command::new(program);
        command
            .args(args)
            .envs(&request.env)
            // Set when we run inside of a session; the program then refuses to start.
            .env_remove("CLAUDECODE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(cwd) = &request.cwd {
            command.current_dir(cwd);
        }
        tracing::debug!(program = %name, args = ?shown(args, secrets), "starting the program");
        let guard = Guard::start();
        let mut child = command.spawn().map_err(|e| Error::process(name, format!("cannot start it: {e}")))?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        // Told at once: until then only we know of it.
        let guard = guard.zip(group).map(|(guard, group)| guard.over(group));
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Error::process(name, "its pipes are missing"));
        };
        let started = Self { program: name, child, group, guard, stderr: tokio::spawn(tail(stderr)) };
        Ok((started, stdin, stdout))
    }

    /// Its process, until it was waited for.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it exits.
    pub(super) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Makes sure that nothing is left of it and of what it started.
    pub(super) async fn end(&mut self, has_exited: bool) {
        if !has_exited {
            self.terminate().await;
        }
        self.signal(Signal::KILL);
        if let Some(guard) = self.guard.take() {
            guard.disarm();
        }
    }

    async fn terminate(&mut self) {
        self.signal(Signal::TERM);
        if timeout(GRACE_AFTER_TERM, self.child.wait()).await.is_err() {
            self.signal(Signal::KILL);
            // Nothing survives SIGKILL; this reaps it.
            let _ = self.child.wait().await;
        }
    }

    /// Signals the whole group. That it is gone already is no error.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, signal);
        }
    }

    /// What went wrong, with the end of what it wrote to stderr.
    pub(super) async fn failure(&mut self, failure: impl Into<ProcessFailure>) -> Error {
        let stderr = timeout(GRACE_FOR_PIPES, &mut self.stderr).await;
        let stderr = stderr.ok().and_then(Result::ok).unwrap_or_default();
        Error::Process { program: self.program, failure: failure.into(), stderr: stderr.into() }
    }
}

/// The arguments without the texts and secrets in them.
fn shown(args: &[String], secrets: &Secrets) -> Vec<String> {
    let long = |option: &str| matches!(option, "--system-prompt" | "--json-schema");
    args.iter()
        .map(|arg| match arg.split_once('=') {
            Some((option, text)) if long(option) => format!("{option}=({} bytes)", text.len()),
            _ => secrets.mask(arg).into_owned(),
        })
        .collect()
}

/// Reads stderr to its end, so that the program never blocks on it, and keeps
/// the last of it.
async fn tail(mut stderr: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(n) = stderr.read(&mut chunk).await {
        if n == 0 {
            break;
        }
        kept.extend_from_slice(&chunk[..n]);
        if kept.len() > 2 * STDERR_KEPT {
            kept.drain(..kept.len() - STDERR_KEPT);
        }
    }
    let from = kept.len().saturating_sub(STDERR_KEPT);
    String::from_utf8_lossy(&kept[from..]).trim().to_owned()
}

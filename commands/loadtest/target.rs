//! The simulated API that is tested where no other is named: a process of its
//! own, so that it takes nothing from the generator.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::Context as _;
use claude_cli::Error;

/// A simulated API. It ends when this is dropped, or when we do.
#[derive(Debug)]
pub(super) struct Simulator {
    child: Child,
    pub(super) url: String,
}

impl Simulator {
    /// Starts one with these options.
    pub(super) fn start(options: Option<&str>) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut child = Command::new(program)
            .arg("simulate")
            .args(options.unwrap_or_default().split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the simulated API")?;
        let mut url = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut url).context("cannot read the simulated API's address")?;
        }
        let url = url.trim().to_owned();
        if url.is_empty() {
            // It has said why on stderr.
            let _ = child.wait();
            return Err(Error::Invalid("the simulated API did not start; see --simulate".to_owned()).into());
        }
        Ok(Self { child, url })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        // It writes its log to the end.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

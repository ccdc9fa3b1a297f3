//! Output that goes nowhere, though it is written.

use std::{
    fs::OpenOptions,
    io::{self, Write, stdout},
    os::fd::OwnedFd,
};

/// Until it is dropped, stdout is `/dev/null`: what is measured writes its
/// output as ever.
pub(super) struct Silence {
    stdout: OwnedFd,
}

impl Silence {
    pub(super) fn begin() -> io::Result<Self> {
        stdout().flush()?;
        let nowhere = OpenOptions::new().write(true).open("/dev/null")?;
        let saved = rustix::io::dup(stdout())?;
        rustix::stdio::dup2_stdout(&nowhere)?;
        Ok(Self { stdout: saved })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // What is still buffered belongs to the silence.
        let _ = stdout().flush();
        let _ = rustix::stdio::dup2_stdout(&self.stdout);
    }
}

//! Programs on a terminal, as a person has them.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::fd::OwnedFd,
    process::{Child, Command},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use crate::harness::{SOON, ends};

/// A program that ends with the test, whatever becomes of that. An interactive
/// shell minds no other signal.
pub(crate) struct Started(Child);

impl Started {
    pub(crate) fn ends(&mut self) -> Option<i32> {
        ends(&mut self.0)
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        crate::harness::signal(&self.0, signal);
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A terminal of which one end is ours.
pub(crate) struct Terminal {
    ours: File,
    theirs: Option<File>,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Terminal {
    pub(crate) fn new(columns: u16) -> Self {
        let ours: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        tcsetwinsize(&ours, Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let theirs = OpenOptions::new().read(true).write(true).open(name).unwrap();
        let ours = File::from(ours);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut from, to) = (ours.try_clone().unwrap(), Arc::clone(&shown));
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            // The end of the other side is an error on Linux.
            while let Ok(n @ 1..) = from.read(&mut chunk) {
                to.lock().unwrap().extend_from_slice(&chunk[..n]);
            }
        });
        Self { ours, theirs: Some(theirs), shown, reader: Some(reader) }
    }

    /// The side of the program, for its stdin, stdout or stderr.
    pub(crate) fn end(&self) -> File {
        self.theirs.as_ref().unwrap().try_clone().unwrap()
    }

    /// Starts a program with this as its stdin, stdout and stderr.
    pub(crate) fn start(&self, command: &mut Command) -> Started {
        Started(command.stdin(self.end()).stdout(self.end()).stderr(self.end()).spawn().unwrap())
    }

    /// Runs a program on this terminal; its exit code and all that was shown.
    pub(crate) fn run(self, command: &mut Command) -> (Option<i32>, String) {
        let mut child = self.start(command);
        let code = child.ends();
        // The command keeps its copies of our end of theirs.
        command.stdin(std::process::Stdio::null());
        command.stdout(std::process::Stdio::null());
        command.stderr(std::process::Stdio::null());
        (code, self.close())
    }

    pub(crate) fn types(&mut self, keys: &str) {
        self.ours.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    pub(crate) fn forget(&self) {
        self.shown.lock().unwrap().clear();
    }

    pub(crate) fn waits_for(&self, text: &str) {
        let until = Instant::now() + SOON;
        while !self.shown().contains(text) {
            assert!(Instant::now() < until, "waited in vain for {text:?} in {:?}", self.shown());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// All that was shown, once nothing more can be.
    pub(crate) fn close(mut self) -> String {
        self.theirs = None;
        self.reader.take().unwrap().join().unwrap();
        self.shown()
    }
}

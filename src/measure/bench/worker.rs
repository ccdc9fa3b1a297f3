//! A process that runs the suites of its own build, on demand.
//!
//! It says on its stdout what it has, one line of JSON, and then answers each
//! line on its stdin: `run CASE N` with the nanoseconds that N operations took,
//! or `error` and a message. It ends where its stdin does.

use std::{
    collections::HashMap,
    hint::black_box,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    measure::suites::{self, Place, Work},
};

/// The name and version of what workers speak.
const PROTOCOL: &str = "claude-cli/bench-worker@1";
/// What errors call it.
const ROLE: &str = "benchmark worker";
/// The case that is the same in every build.
pub const REFERENCE: &str = "reference";

/// What a worker says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hello {
    protocol: String,
    /// The program's version.
    pub version: String,
    /// What it can run.
    pub cases: Vec<String>,
}

/// Serves as a worker until `input` ends.
///
/// # Errors
/// If `input` cannot be read or `output` written.
pub fn serve(input: impl BufRead, mut output: impl Write) -> std::io::Result<()> {
    let cases = suites::names().map(|(name, _)| name).collect();
    let hello = Hello { protocol: PROTOCOL.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), cases };
    serde_json::to_writer(&mut output, &hello)?;
    output.write_all(b"\n")?;
    output.flush()?;
    let place = Place::new();
    let mut prepared = HashMap::new();
    for line in input.lines() {
        match run(&line?, &place, &mut prepared) {
            Ok(nanos) => writeln!(output, "{nanos}")?,
            Err(e) => writeln!(output, "error {}", e.to_string().replace('\n', " "))?,
        }
        output.flush()?;
    }
    // Data before the place that it is in.
    drop(prepared);
    Ok(())
}

fn run(line: &str, place: &Place, prepared: &mut HashMap<String, Work>) -> Result<u128> {
    let words: Vec<&str> = line.split(' ').collect();
    let unknown = || Error::Invalid(format!("`{line}` is nothing that a worker does"));
    let ["run", name, times] = words[..] else { return Err(unknown()) };
    let times: u64 = times.parse().map_err(|_| unknown())?;
    if !prepared.contains_key(name) {
        let work = match suites::case(name) {
            Some(case) => case.prepare(place)?,
            None if name == REFERENCE => Box::new(|times| Ok(suites::reference(times))),
            None => return Err(Error::Invalid(format!("there is no benchmark `{name}`"))),
        };
        prepared.insert(name.to_owned(), work);
    }
    let work = prepared.get_mut(name).ok_or_else(unknown)?;
    let started = Instant::now();
    let sum = work(black_box(times))?;
    let took = started.elapsed();
    black_box(sum);
    Ok(took.as_nanos())
}

/// A worker that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Worker {
    program: String,
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    hello: Hello,
}

impl Worker {
    /// Starts `program` as a worker, on one processor if one is named and the
    /// system can do that.
    ///
    /// # Errors
    /// If it cannot be started, or is no worker of this protocol.
    pub fn start(program: &Path, processor: Option<usize>) -> Result<Self> {
        let name = program.display().to_string();
        let fail = |message: String| Error::process(ROLE, format!("{name}: {message}"));
        let mut child = Command::new(program)
            .args(["bench", "--worker"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| fail(format!("cannot start it: {e}")))?;
        if let Some(processor) = processor {
            pin(&child, processor).map_err(|e| Error::io("cannot pin a process to a processor", e))?;
        }
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(fail("its pipes are missing".to_owned()));
        };
        let mut output = BufReader::new(output);
        let mut line = String::new();
        let read = output.read_line(&mut line);
        let hello = read.ok().and_then(|_| serde_json::from_str::<Hello>(&line).ok());
        let Some(hello) = hello.filter(|hello| hello.protocol == PROTOCOL) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(fail(format!("it is no `claude-cli` whose `bench` speaks {PROTOCOL}")));
        };
        Ok(Self { program: name, child, input: Some(input), output, hello })
    }

    /// What it says of itself.
    #[must_use]
    pub const fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Has it do a case so many times; returns the nanoseconds that took.
    ///
    /// # Errors
    /// If it fails or has ended.
    pub fn run(&mut self, case: &str, times: u64) -> Result<f64> {
        let fail = |message: String| Error::process(ROLE, format!("{}: {case}: {message}", self.program));
        let mut line = String::new();
        let asked = self.input.as_mut().map_or(Ok(()), |input| writeln!(input, "run {case} {times}"));
        let answered = asked.and_then(|()| self.output.read_line(&mut line));
        match (answered, line.trim()) {
            (Err(e), _) => Err(fail(e.to_string())),
            (Ok(0), _) => Err(fail("it ended".to_owned())),
            (Ok(_), line) => match (line.parse::<f64>(), line.strip_prefix("error ")) {
                (Ok(nanos), _) => Ok(nanos),
                (_, Some(message)) => Err(fail(message.to_owned())),
                _ => Err(fail(format!("it answered `{line}`"))),
            },
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It ends by itself, and takes its folder with it.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// The processors that this process may run on; none where the system does not tell.
#[must_use]
pub fn processors() -> Vec<usize> {
    #[cfg(target_os = "linux")]
    if let Ok(set) = rustix::thread::sched_getaffinity(None) {
        return (0..rustix::thread::CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect();
    }
    Vec::new()
}

#[cfg(target_os = "linux")]
fn pin(child: &Child, processor: usize) -> std::io::Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    set.set(processor);
    // Its first thread; those that it starts later are where that one is.
    rustix::thread::sched_setaffinity(Some(rustix::process::Pid::from_child(child)), &set)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn pin(_: &Child, _: usize) -> std::io::Result<()> {
    Ok(())
}

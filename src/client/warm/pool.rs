//! Processes that wait for a prompt.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    task::{JoinHandle, JoinSet},
    time::Instant,
};

use super::process::WarmProcess;
use crate::{
    Result,
    client::{Request, process::secrets_of},
};

/// A process that waited for longer is not used: the world has moved on.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// So many times in a row it may fail to begin anew before that is given up.
const FAILURES: u32 = 3;

/// Everything a process is started with. Prompts that differ in it do not share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) args: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) cwd: Option<PathBuf>,
}

/// All processes of a backend.
#[derive(Debug)]
pub(super) struct Pool {
    most: usize,
    uses: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Idle>,
    /// Processes at work.
    busy: usize,
    ending: JoinSet<()>,
    /// How often in a row one did not begin anew.
    failures: u32,
    distrusted: bool,
    started: u32,
}

#[derive(Debug)]
struct Idle {
    shape: Shape,
    since: Instant,
    /// The process once it has begun anew, if it did.
    ready: JoinHandle<Option<WarmProcess>>,
}

impl Pool {
    pub(super) fn new(most: usize, uses: u32) -> Self {
        Self { most: most.max(1), uses: uses.max(1), state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the lists as valid as they were.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the program does what it is kept running for.
    pub(super) fn is_trusted(&self) -> bool {
        !self.lock().distrusted
    }

    /// From now on each prompt gets a process of its own.
    pub(super) fn distrust(&self, why: &str) {
        tracing::debug!(why, "the program is not kept running: each prompt gets one of its own");
        self.lock().distrusted = true;
    }

    /// A process for a prompt: one that waits, or else a new one.
    pub(super) async fn take(&self, shape: Shape, program: &Path, request: &Request) -> Result<WarmProcess> {
        loop {
            let waiting = {
                let mut state = self.lock();
                let found = state.idle.iter().position(|idle| idle.shape == shape);
                let idle = found.map(|at| state.idle.remove(at));
                if idle.is_none() {
                    state.busy += 1;
                    // One that waits for other prompts makes room.
                    if state.busy + state.idle.len() > self.most && !state.idle.is_empty() {
                        let oldest = state.idle.remove(0);
                        state.ending.spawn(end(oldest));
                    }
                }
                idle
            };
            let Some(idle) = waiting else { break };
            if idle.since.elapsed() > LONGEST_WAIT {
                self.lock().ending.spawn(end(idle));
                continue;
            }
            if let Ok(Some(process)) = idle.ready.await {
                self.lock().busy += 1;
                return Ok(process);
            }
        }
        let started = WarmProcess::start(program, shape, request, &secrets_of(request));
        match &started {
            Ok(_) => self.lock().started += 1,
            Err(_) => self.gone(),
        }
        started
    }

    /// Takes back a process that answered, and lets it begin anew.
    pub(super) fn give_back(self: &Arc<Self>, process: WarmProcess) {
        if process.is_spent(self.uses) || !self.is_trusted() {
            return self.end(process);
        }
        let shape = process.shape().clone();
        let pool = Arc::clone(self);
        let ready = tokio::spawn(async move { pool.begin_anew(process).await });
        let mut state = self.lock();
        state.busy -= 1;
        state.idle.push(Idle { shape, since: Instant::now(), ready });
    }

    async fn begin_anew(&self, mut process: WarmProcess) -> Option<WarmProcess> {
        match process.clear().await {
            Ok(()) => {
                self.lock().failures = 0;
                Some(process)
            }
            Err(why) => {
                process.end().await;
                let failures = {
                    let mut state = self.lock();
                    state.failures += 1;
                    state.failures
                };
                tracing::debug!(why, "a process did not begin anew");
                if failures >= FAILURES {
                    self.distrust(why);
                }
                None
            }
        }
    }

    /// A process that was taken has ended.
    pub(super) fn gone(&self) {
        self.lock().busy -= 1;
    }

    /// Ends a process that was taken, in the background.
    pub(super) fn end(&self, process: WarmProcess) {
        let mut state = self.lock();
        state.busy -= 1;
        // What has ended already need not be remembered.
        while state.ending.try_join_next().is_some() {}
        state.ending.spawn(process.end());
    }

    /// Ends all that wait, and waits for all that are ending.
    pub(super) async fn close(&self) {
        let mut ending = {
            let mut state = self.lock();
            tracing::debug!(
                started = state.started,
                waiting = state.idle.len(),
                "ending the programs kept running"
            );
            let mut ending = std::mem::take(&mut state.ending);
            for idle in state.idle.drain(..) {
                ending.spawn(end(idle));
            }
            ending
        };
        while ending.join_next().await.is_some() {}
    }
}

async fn end(idle: Idle) {
    if let Ok(Some(process)) = idle.ready.await {
        process.end().await;
    }
}

//! A thread that generates load: a loop of its own, on which every request under
//! way is a task.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use tokio::task::{JoinSet, yield_now};

use super::{
    client::Client,
    clock::Timer,
    plan::{Load, Plan},
    recorder::Recorder,
    sample::{Outcome, Sample},
    samples::Samples,
};
use crate::{Error, Result};

/// After so many arrivals without a pause the tasks get their turn.
const BURST: u32 = 16;
/// How often to look whether what is under way is still waited for.
const ABANDON_CHECK: Duration = Duration::from_millis(50);
/// The first wait before a retry, where the server does not say how long.
const BACKOFF: Duration = Duration::from_millis(500);

/// What the threads of a run share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) plan: Plan,
    pub(super) begin: Instant,
    /// No request is begun any more.
    pub(super) stopped: AtomicBool,
    /// Nor is what is under way waited for.
    pub(super) abandoned: AtomicBool,
    /// Requests begun so far, where only so many may be.
    begun: AtomicU64,
    pub(super) in_flight: AtomicU64,
    pub(super) samples: Samples,
}

impl Shared {
    pub(super) fn new(plan: Plan, begin: Instant, samples: Samples) -> Self {
        Self {
            plan,
            begin,
            stopped: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            begun: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            samples,
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// The number of the next request, if there may be one more.
    fn next_number(&self) -> Option<u64> {
        let n = self.begun.fetch_add(1, Ordering::Relaxed);
        (self.plan.requests.is_none_or(|most| n < most)).then_some(n)
    }
}

/// Where a thread's figures are, and what it took.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) recorder: Mutex<Recorder>,
    /// Nanoseconds that the thread has worked.
    pub(super) cpu: AtomicU64,
}

impl Figures {
    pub(super) fn new(recorder: Recorder) -> Self {
        Self { recorder: Mutex::new(recorder), cpu: AtomicU64::new(0) }
    }

    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is due.
#[derive(Clone, Copy)]
struct Due {
    n: u64,
    at: Duration,
}

/// What a thread's tasks share.
struct Worker {
    shared: Arc<Shared>,
    figures: Arc<Figures>,
    queue: RefCell<VecDeque<Due>>,
    idle: RefCell<Vec<Waker>>,
    closed: Cell<bool>,
}

/// Generates the share of thread `index` until all of it has ended.
pub(super) fn run(shared: &Arc<Shared>, figures: &Arc<Figures>, index: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Drawing up answers takes threads; no more of them than are asked for at once.
        .max_blocking_threads(shared.plan.max_in_flight.clamp(1, 512))
        .build()
        .map_err(|e| Error::io("cannot start a runtime", e))?;
    let worker = Rc::new(Worker {
        shared: Arc::clone(shared),
        figures: Arc::clone(figures),
        queue: RefCell::default(),
        idle: RefCell::default(),
        closed: Cell::new(false),
    });
    let tasks = tokio::task::LocalSet::new();
    let done = tasks.block_on(&runtime, async {
        match &shared.plan.load {
            Load::Open(_) => worker.open(index).await,
            Load::Closed { users } => worker.closed(*users, index).await,
        }
    });
    figures.cpu.store(thread_cpu(), Ordering::Relaxed);
    done
}

/// Nanoseconds that this thread has worked.
pub(super) fn thread_cpu() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

impl Worker {
    async fn open(self: &Rc<Self>, index: usize) -> Result<()> {
        let plan = &self.shared.plan;
        let Load::Open(arrivals) = &plan.load else { return Ok(()) };
        let timer = Timer::new().map_err(|e| Error::io("cannot make a timer", e))?;
        let (threads, most) = (plan.threads.max(1), (plan.max_in_flight / plan.threads.max(1)).max(1));
        let mut tasks = JoinSet::new();
        let mut burst = 0;
        for (n, at) in arrivals.times(plan.duration).enumerate().skip(index).step_by(threads) {
            let due = self.shared.begin + at;
            if due > Instant::now() {
                burst = 0;
                timer.until(due).await.map_err(|e| Error::io("cannot wait", e))?;
            } else {
                burst += 1;
                if burst % BURST == 0 {
                    yield_now().await;
                }
            }
            let n = n as u64;
            if self.shared.is_stopped() || plan.requests.is_some_and(|most| n >= most) {
                break;
            }
            let lag = self.shared.begin.elapsed().saturating_sub(at);
            self.figures.lock().lagged(at, lag);
            if self.queue.borrow().len() >= plan.max_queue {
                self.figures.lock().dropped(at);
                continue;
            }
            self.queue.borrow_mut().push_back(Due { n, at });
            let idle = self.idle.borrow_mut().pop();
            match idle {
                Some(task) => task.wake(),
                None if tasks.len() < most => drop(tasks.spawn_local(Rc::clone(self).serve())),
                None => {}
            }
        }
        self.finish(&mut tasks).await;
        Ok(())
    }

    /// Waits for what is under way, and as long for what still waits for a
    /// connection; what then does is dropped.
    async fn finish(&self, tasks: &mut JoinSet<()>) {
        let until = Instant::now() + self.shared.plan.timeout;
        while !self.queue.borrow().is_empty() && !self.shared.is_stopped() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for left in self.queue.borrow_mut().drain(..) {
            self.figures.lock().dropped(left.at);
        }
        self.closed.set(true);
        for task in self.idle.borrow_mut().drain(..) {
            task.wake();
        }
        self.wait_for(tasks).await;
    }

    /// Waits for what is under way, unless it is abandoned.
    async fn wait_for(&self, tasks: &mut JoinSet<()>) {
        while let Ok(Some(_)) | Err(_) = tokio::time::timeout(ABANDON_CHECK, tasks.join_next()).await {
            if self.shared.abandoned.load(Ordering::Relaxed) {
                tasks.abort_all();
            }
        }
    }

    /// The next request that is due; `None` when no more will be.
    async fn next(&self) -> Option<Due> {
        poll_fn(|context| {
            if let Some(due) = self.queue.borrow_mut().pop_front() {
                return Poll::Ready(Some(due));
            }
            if self.closed.get() {
                return Poll::Ready(None);
            }
            self.idle.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// A connection: serves requests as they are due.
    async fn serve(self: Rc<Self>) {
        let mut client = Client::new(Arc::clone(&self.shared.plan.work), self.shared.begin);
        let mut sample = Sample::default();
        while let Some(due) = self.next().await {
            if self.shared.is_stopped() || !self.request(&mut client, &mut sample, due).await {
                self.figures.lock().dropped(due.at);
            }
        }
    }

    async fn closed(self: &Rc<Self>, users: usize, index: usize) -> Result<()> {
        let threads = self.shared.plan.threads.max(1);
        let mine = users / threads + usize::from(index < users % threads);
        tokio::time::sleep_until(self.shared.begin.into()).await;
        let mut tasks = JoinSet::new();
        for _ in 0..mine {
            tasks.spawn_local(Rc::clone(self).user());
        }
        self.wait_for(&mut tasks).await;
        Ok(())
    }

    /// A user: asks again as soon as it was answered.
    async fn user(self: Rc<Self>) {
        let mut client = Client::new(Arc::clone(&self.shared.plan.work), self.shared.begin);
        let mut sample = Sample::default();
        loop {
            let at = self.shared.begin.elapsed();
            if self.shared.is_stopped() || at >= self.shared.plan.duration {
                break;
            }
            let Some(n) = self.shared.next_number() else { break };
            if !self.request(&mut client, &mut sample, Due { n, at }).await {
                break;
            }
        }
    }

    /// Sends a request and records what came of it; `false` if there was no
    /// money for it.
    async fn request(&self, client: &mut Client, sample: &mut Sample, due: Due) -> bool {
        let plan = &self.shared.plan;
        if let Some(budget) = &plan.budget
            && !budget.reserve()
        {
            self.shared.stopped.store(true, Ordering::Relaxed);
            return false;
        }
        self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
        sample.begin(due.n, due.at, self.shared.begin.elapsed());
        if tokio::time::timeout(plan.timeout, self.attempts(client, sample)).await.is_err() {
            client.hang_up();
            sample.outcome = Outcome::TimedOut;
            sample.end = self.shared.begin.elapsed();
        }
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some(budget) = &plan.budget {
            budget.settle(sample.cost_at_worst(budget.worst()));
        }
        self.figures.lock().ended(sample);
        self.shared.samples.write(sample);
        true
    }

    async fn attempts(&self, client: &mut Client, sample: &mut Sample) {
        let mut backoff = BACKOFF;
        loop {
            let asked = client.attempt(sample).await;
            let refused = sample.status == 429 || sample.status >= 500;
            if sample.outcome == Outcome::Ok
                || !refused
                || sample.attempts > self.shared.plan.retries
                || self.shared.is_stopped()
            {
                return;
            }
            tokio::time::sleep(asked.unwrap_or(backoff)).await;
            backoff *= 2;
            sample.again();
        }
    }
}

//! Following the ledger.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::tz::TimeZone;

use super::{
    alerts::Alerts,
    config::FeedConfig,
    read::Reading,
    state::{LIVE_SCHEMA, LiveState},
    view::View,
    views::{Moment, Views, Watched},
};
use crate::{
    Error, Result,
    analytics::{DashboardCache, Engine},
    store::{Ledger, SqliteLedger, spool},
};

const MINUTE: i64 = 60_000;
/// So often it is looked for records that could not be written in time.
const SPOOL: Duration = Duration::from_secs(1);
/// After the ledger could not be read, the next try is so much later.
const RETRY: Duration = Duration::from_secs(1);

/// Tells the time, UTC milliseconds.
pub(super) type Clock = Box<dyn Fn() -> i64 + Send + Sync>;

/// Looks for commits and for the time that passes, and publishes what changed.
pub(super) struct Follower {
    pub(super) path: PathBuf,
    pub(super) engine: Engine,
    pub(super) cache: DashboardCache,
    pub(super) config: FeedConfig,
    pub(super) zone: TimeZone,
    pub(super) clock: Clock,
    pub(super) views: Arc<Views>,
    pub(super) computed: Arc<AtomicU64>,
}

/// What was seen last.
#[derive(Default)]
struct Seen {
    ledger: Option<SqliteLedger>,
    connection: u64,
    moment: Option<Moment>,
    alerts: Alerts,
    spool: Option<Instant>,
}

impl Follower {
    /// Follows until the views are closed. Blocks.
    pub(super) fn follow(self) {
        let mut seen = Seen::default();
        let mut pause = Duration::ZERO;
        while self.views.wait(pause) {
            let began = Instant::now();
            match self.look(&mut seen) {
                // It works half of the time at most.
                Ok(()) => pause = self.config.poll_interval.max(began.elapsed()),
                Err(e) => {
                    tracing::warn!("the ledger could not be followed: {e}");
                    self.tell_problem(&e.to_string());
                    seen.ledger = None;
                    pause = RETRY;
                }
            }
        }
    }

    fn look(&self, seen: &mut Seen) -> Result<()> {
        self.take_in_spool(seen);
        let moment = self.moment(seen)?;
        if seen.moment != Some(moment) {
            // When it was noticed is told to the millisecond.
            let at = ((self.clock)(), &self.zone);
            for alert in &self.engine.read(|reader| seen.alerts.look(reader, &self.path, at))? {
                self.views.alert(alert);
            }
            seen.moment = Some(moment);
        }
        for Watched { view, latest, computed } in self.views.watched() {
            if computed == Some(moment) {
                continue;
            }
            let mut state = self.state(&view, moment.now)?;
            self.computed.fetch_add(1, Ordering::Relaxed);
            state.alerts.clone_from(seen.alerts.active());
            let is_new = latest.is_none_or(|latest| !latest.shows_the_same(&state));
            self.views.publish(&view, Some(state).filter(|_| is_new), Some(moment));
        }
        Ok(())
    }

    fn moment(&self, seen: &mut Seen) -> Result<Moment> {
        let now = (self.clock)().div_euclid(MINUTE) * MINUTE;
        // Kept open: the number of a commit is of a connection.
        if seen.ledger.is_none() {
            seen.ledger = SqliteLedger::open_read_only(&self.path)?;
            seen.connection += 1;
        }
        let generation = match &seen.ledger {
            Some(ledger) => ledger.generation()?,
            None => {
                let path = self.path.display().to_string();
                return Err(Error::Store { path, message: "the file is gone".to_owned() });
            }
        };
        Ok(Moment { connection: seen.connection, generation, now })
    }

    fn state(&self, view: &View, now: i64) -> Result<LiveState> {
        self.engine.read(|reader| {
            let reading = Reading { reader, cache: &self.cache, config: &self.config, view, now };
            reading.state()
        })
    }

    fn tell_problem(&self, problem: &str) {
        for Watched { view, latest, .. } in self.views.watched() {
            let mut state = latest.as_deref().cloned().unwrap_or_default();
            LIVE_SCHEMA.clone_into(&mut state.schema);
            if state.problem.as_deref() != Some(problem) {
                state.problem = Some(problem.to_owned());
                self.views.publish(&view, Some(state), None);
            }
        }
    }

    /// What could not be written in time waits for the next who opens the ledger
    /// for writing, and a feed may be the only one for long.
    fn take_in_spool(&self, seen: &mut Seen) {
        if seen.spool.is_some_and(|looked| looked.elapsed() < SPOOL) {
            return;
        }
        seen.spool = Some(Instant::now());
        if spool::is_waiting(&self.path)
            && let Err(e) = SqliteLedger::open(&self.path)
        {
            tracing::warn!("what was spooled could not be taken in: {e}");
        }
    }
}

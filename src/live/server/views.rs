//! What the stream of live states shows.

use std::{any::Any, fmt};

use jiff::tz::TimeZone;

use super::{Params, Refusal};
use crate::{
    Error, Result,
    analytics::zone_name,
    live::{
        Client, EventId, Hub, HubFigures,
        feed::{Feed, FeedError, View},
    },
};

/// The live states that a server shows.
pub trait Views: fmt::Debug + Send + Sync + 'static {
    /// Watches the view that the parameters ask for; those it does not know are
    /// refused. `last` is what a client that comes back was sent last.
    ///
    /// # Errors
    /// A refusal that says why it cannot be watched.
    fn subscribe(&self, params: Params, last: Option<EventId>) -> Result<Watched, Refusal>;

    /// What the hub of each view did.
    fn figures(&self) -> Vec<(String, HubFigures)>;

    /// Closes all clients, because the server stops.
    fn close(&self);
}

/// A client, and what is to be held for as long as it is there.
#[derive(Debug)]
pub struct Watched {
    pub(super) client: Client,
    pub(super) _held: Box<dyn Any + Send>,
}

impl Watched {
    /// A client, and something that is dropped with it.
    pub fn new(client: Client, held: impl Send + 'static) -> Self {
        Self { client, _held: Box::new(held) }
    }
}

/// A hub is the one view there is.
impl Views for Hub {
    fn subscribe(&self, params: Params, last: Option<EventId>) -> Result<Watched, Refusal> {
        params.finish()?;
        Ok(Watched::new(self.subscribe(last), ()))
    }

    fn figures(&self) -> Vec<(String, HubFigures)> {
        vec![(String::new(), Self::figures(self))]
    }

    fn close(&self) {
        Self::close(self);
    }
}

/// The views of a ledger. They are chosen by `range` (or `since` and `until`),
/// `tz`, `cost-mode` and `include-simulated`.
#[derive(Clone, Debug)]
pub struct FeedViews {
    feed: Feed,
    zone: String,
}

impl FeedViews {
    /// What `feed` shows, in `zone` unless a client asks for another one.
    #[must_use]
    pub fn new(feed: Feed, zone: &TimeZone) -> Self {
        Self { feed, zone: zone_name(zone) }
    }

    fn view(&self, mut params: Params) -> Result<View> {
        let (since, until) = (params.text("since")?, params.text("until")?);
        let range = match (params.text("range")?, since.is_some() || until.is_some()) {
            (Some(_), true) => {
                let message =
                    "`range` stands for both ends of a time: leave out `since` and `until`, or the range";
                return Err(Error::Invalid(message.to_owned()));
            }
            (Some(range), false) => range,
            (None, true) => format!("{}..{}", since.unwrap_or_default(), until.unwrap_or_default()),
            (None, false) => View::DEFAULT_RANGE.to_owned(),
        };
        let zone = params.text("tz")?.unwrap_or_else(|| self.zone.clone());
        let view = View::new(&range, &zone)?.with_cost(params.cost()?).with_simulated(params.simulated()?);
        params.finish()?;
        Ok(view)
    }
}

impl Views for FeedViews {
    fn subscribe(&self, params: Params, last: Option<EventId>) -> Result<Watched, Refusal> {
        let view = self.view(params)?;
        let viewer = self.feed.subscribe(&view, last).map_err(|e| match e {
            FeedError::View(e) => e.into(),
            FeedError::TooManyViews { .. } => Refusal::busy(e.to_string()).retry_after(30),
            FeedError::Closed => Refusal::busy(e.to_string()).retry_after(5),
        })?;
        let (client, presence) = viewer.into_parts();
        Ok(Watched::new(client, presence))
    }

    fn figures(&self) -> Vec<(String, HubFigures)> {
        let figures = self.feed.figures().into_iter();
        figures.map(|(view, figures)| (view.to_string(), figures)).collect()
    }

    fn close(&self) {
        self.feed.close();
    }
}

//! `claude-cli analytics dashboard --live`: a screen that follows the ledger.

mod keys;
mod page;
mod screen;
mod transcripts;

use std::{
    io::{IsTerminal, stdin, stdout},
    process::ExitCode,
};

use anyhow::Context as _;
use claude_cli::{
    Error, ExitClass,
    analytics::{FeedConfig, OptimizedDashboardFactory},
    live::{Feed, Frame, FrameKind, LiveState, StreamingOptimizerFactory, View, Viewer},
};
use ratatui::DefaultTerminal;
use serde_json::Value;

use self::{
    keys::Keys,
    screen::{Action, Screen},
    transcripts::Transcripts,
};
use super::PageArgs;
use crate::{context::Context, import, output::Format, signals::Interrupts};

/// At most so many points a line: an hour each for a week.
const POINTS: usize = 200;

pub(super) fn run(args: &PageArgs, context: &Context) -> anyhow::Result<ExitCode> {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        let message = "--live draws on a terminal and takes keys from it, and there is none: leave it out, or use \
                       `claude-cli serve` for a page that others can read";
        return Err(Error::Invalid(message.to_owned()).into());
    }
    if context.asked_format().is_some_and(|format| format != Format::Table) {
        return Err(Error::Invalid("--live draws a screen: leave out --format".to_owned()).into());
    }
    if context.imports() {
        import::before_report(context)?;
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    let feed = Feed::open(
        &context.ledger_path()?,
        context.tz.clone(),
        // A terminal has room for more points than a preset that is to be sent to many.
        FeedConfig { points: POINTS, ..OptimizedDashboardFactory::low_latency() },
        StreamingOptimizerFactory::low_latency(),
    )?;
    let screen = Screen::new(args, context);
    view_of(&screen, args, context)?;
    let transcripts = context.imports().then(|| Transcripts::follow(context)).transpose()?;
    // From here on, a panic restores the terminal, too.
    let mut terminal = ratatui::try_init().context("cannot take over the terminal")?;
    let ended = runtime.block_on(show(&mut terminal, &feed, screen, (args, context)));
    ratatui::restore();
    if let Some(problem) = transcripts.and_then(Transcripts::end) {
        context.note(&format!("warning: the transcripts were not followed to the end: {problem}"));
    }
    ended
}

fn view_of(screen: &Screen<'_>, args: &PageArgs, context: &Context) -> anyhow::Result<View> {
    let view = View::new(screen.range(), context.zone())?;
    Ok(view.with_cost(args.report.cost()).with_simulated(args.report.simulated()))
}

async fn show(
    terminal: &mut DefaultTerminal,
    feed: &Feed,
    mut screen: Screen<'_>,
    (args, context): (&PageArgs, &Context),
) -> anyhow::Result<ExitCode> {
    let mut interrupts = Interrupts::catch()?;
    let mut keys = Keys::read()?;
    let mut shown = Shown::of(feed, &view_of(&screen, args, context)?)?;
    loop {
        terminal.draw(|frame| screen.draw(frame, shown.state.as_ref())).context("cannot draw on the terminal")?;
        tokio::select! {
            frame = shown.viewer.next() => match frame {
                Some(frame) => shown.take(&frame, &mut screen)?,
                // It was closed for being slow, as when the program was stopped: it begins anew.
                None => shown = Shown::of(feed, &view_of(&screen, args, context)?)?,
            },
            event = keys.next() => match screen.take(event) {
                Action::None => {}
                Action::Range => shown = Shown::of(feed, &view_of(&screen, args, context)?)?,
                Action::Quit => return Ok(ExitCode::SUCCESS),
                Action::Interrupt => return Ok(ExitClass::Interrupted.code().into()),
            },
            () = interrupts.next() => return Ok(ExitClass::Interrupted.code().into()),
        }
    }
}

/// A view, and what was sent of it.
struct Shown {
    viewer: Viewer,
    value: Value,
    state: Option<LiveState>,
}

impl Shown {
    fn of(feed: &Feed, view: &View) -> anyhow::Result<Self> {
        Ok(Self { viewer: feed.subscribe(view, None)?, value: Value::Null, state: None })
    }

    fn take(&mut self, frame: &Frame, screen: &mut Screen<'_>) -> anyhow::Result<()> {
        match frame.kind() {
            FrameKind::Snapshot => self.value = serde_json::from_slice(frame.data())?,
            FrameKind::Patch => {
                let patch: json_patch::Patch = serde_json::from_slice(frame.data())?;
                json_patch::patch(&mut self.value, &patch)?;
            }
            FrameKind::Alert => {
                screen.alert(serde_json::from_slice(frame.data())?);
                return Ok(());
            }
            FrameKind::Closed => return Ok(()),
        }
        self.state = Some(serde_json::from_value(self.value.clone())?);
        Ok(())
    }
}

//! `claude-cli analytics dashboard`: how a range went, on one screen.

mod live;
mod page;
mod screen;

use std::{
    io::{BufWriter, Write, stdout},
    process::ExitCode,
};

use claude_cli::{
    Error,
    analytics::{Bucket, DashboardQuery},
};
use jiff::Timestamp;

use self::page::Page;
use crate::{chart, context::Context, output::Format, report::ReportArgs};

/// Show how a range went, on one screen: the last seven days, if none is named.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stay, and show what any process records as it comes
    #[arg(long, short, conflicts_with = "bucket")]
    live: bool,
    #[command(flatten)]
    page: PageArgs,
}

/// What is on a page.
#[derive(Debug, clap::Args)]
pub(crate) struct PageArgs {
    /// The length of a bucket of the lines: a multiple of 15m up to 1d, or whole days or weeks (2d, 1w) [default: what suits the range]
    #[arg(long, short, value_name = "TIME", value_parser = bucket)]
    bucket: Option<Bucket>,
    /// At most so many models, projects, sessions, alerts and errors on the screen; JSON has up to 100
    #[arg(long, short = 'n', value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100))]
    top: u32,
    #[command(flatten)]
    report: ReportArgs,
}

fn bucket(text: &str) -> Result<Bucket, String> {
    text.parse().map_err(|e: Error| e.to_string())
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    if args.live { live::run(&args.page, context) } else { print(&args.page, context) }
}

/// Prints a page.
pub(crate) fn print(args: &PageArgs, context: &Context) -> anyhow::Result<ExitCode> {
    if context.format() == Format::Csv {
        let message = "a dashboard is more than one table: use --format table, json, ndjson or markdown; \
                       `analytics summary` and `timeseries` have csv";
        return Err(Error::Invalid(message.to_owned()).into());
    }
    let now = DashboardQuery::minute_of(Timestamp::now());
    let mut query = DashboardQuery::asked(args.report.range(now, context)?, now);
    query.bucket = args.bucket;
    query.cost = args.report.cost();
    query.simulated = args.report.simulated();
    let dashboard = context.ask(&query)?;
    let _span = tracing::trace_span!("render").entered();
    let mut out = BufWriter::new(stdout().lock());
    match context.format() {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &dashboard.to_json()).map_err(std::io::Error::from)?;
            out.write_all(b"\n")?;
        }
        Format::Ndjson => {
            serde_json::to_writer(&mut out, &dashboard.to_json()).map_err(std::io::Error::from)?;
            out.write_all(b"\n")?;
        }
        Format::Markdown => Page::of(&dashboard, args.top, context).markdown(&mut out)?,
        Format::Table | Format::Csv => {
            let width = u16::try_from(context.width()).unwrap_or(u16::MAX);
            let screen = screen::draw(&Page::of(&dashboard, args.top, context), width);
            chart::write(&mut out, &screen, context.colors_stdout())?;
        }
    }
    out.flush()?;
    if dashboard.totals.figures.requests == 0 && dashboard.totals.figures.total_tokens == 0 {
        context.note("no requests in this range");
    }
    Ok(ExitCode::SUCCESS)
}

//! `claude-cli timeseries`: how cost, requests and latency went.

mod table;

use std::{
    io::{BufWriter, Write, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use claude_cli::{
    Error,
    analytics::{Bucket, Metric, Plot, PlotTheme, TimeSeries, TimeSeriesQuery, WholeFile},
};
use jiff::Timestamp;

use crate::{
    asked, chart,
    context::Context,
    output::Format,
    report::{FilterArgs, ReportArgs},
};

/// Show how cost, requests and latency went over time.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to show: cost, commands, success_rate, response_time, tokens, errors,
    /// response_time_p95, response_time_p99
    #[arg(long, short, value_name = "METRIC,…", value_delimiter = ',', default_value = "cost,commands", value_parser = metric)]
    metric: Vec<Metric>,
    /// The length of a bucket: a multiple of 15m up to 1d, or whole days or weeks (2d, 1w)
    #[arg(long, short, value_name = "TIME", default_value = "1h", value_parser = bucket)]
    bucket: Bucket,
    /// How it is drawn where a table is shown
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    view: View,
    /// Compare with the period before: as many days, or as long a time
    #[arg(long)]
    compare: bool,
    /// Show the mean of so many buckets, too; in JSON and pictures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..))]
    moving_average: Option<u16>,
    /// Mark what stands out: a modified z-score beyond 3.5, by the median absolute deviation
    #[arg(long)]
    anomalies: bool,
    /// Draw a picture into this file, an .svg or a .png; reports are written only if --format asks for one
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    plot: Option<PathBuf>,
    /// What the picture is shown on
    #[arg(long, value_enum, value_name = "THEME", default_value_t, requires = "plot")]
    plot_theme: Theme,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    filter: FilterArgs,
}

/// How series are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum View {
    /// Bars, or lines if there are more than 62 buckets
    #[default]
    Auto,
    /// A table, with a bar a bucket
    Bars,
    /// A chart a metric
    Lines,
    /// A line of text a metric
    Sparklines,
}

/// More buckets than this are not read one by one: two months of days are.
const MOST_BARS: usize = 62;

/// What a picture is shown on.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Theme {
    /// An SVG turns dark with what shows it; a PNG is light
    #[default]
    Auto,
    /// Light
    Light,
    /// Dark
    Dark,
}

fn metric(text: &str) -> Result<Metric, String> {
    text.parse().map_err(|e: claude_cli::Error| e.to_string())
}

fn bucket(text: &str) -> Result<Bucket, String> {
    text.parse().map_err(|e: claude_cli::Error| e.to_string())
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let now = Timestamp::now();
    let range = args.report.range(now, context)?;
    let mut query = TimeSeriesQuery::over(range, now, args.bucket, args.metric.clone());
    query.filter = args.filter.filter();
    query.cost = args.report.cost();
    query.compare = args.compare;
    query.moving_average = args.moving_average.map(usize::from);
    query.anomalies = args.anomalies;
    query.simulated = args.report.simulated();
    let answer = context.ask(&query)?;
    if answer.is_empty() {
        context.note("no requests in this range");
    }
    // Whoever only wants the answer ready is not to write over anybody's file.
    if let Some(file) = args.plot.as_ref().filter(|_| !asked::is_unasked()) {
        plot(&answer, file, args.plot_theme)?;
        context.note(&format!("wrote {}", file.display()));
        if context.asked_format().is_none() {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let buckets = answer.series.first().map_or(0, |series| series.points.len());
    match (context.format(), args.view) {
        (Format::Table, View::Sparklines) => {
            table::sparklines(&answer, context.width()).write(Format::Table, context.width())?;
        }
        (Format::Table, View::Lines) => lines(&answer, context)?,
        (Format::Table, View::Auto) if buckets > MOST_BARS => lines(&answer, context)?,
        (format, _) => {
            table::bars(&answer, (format == Format::Table).then(|| context.width()))
                .write(format, context.width())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn plot(answer: &TimeSeries, path: &Path, theme: Theme) -> anyhow::Result<()> {
    let plot = Plot::new(answer).theme(match theme {
        Theme::Auto => PlotTheme::Auto,
        Theme::Light => PlotTheme::Light,
        Theme::Dark => PlotTheme::Dark,
    });
    let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    let picture = match extension.as_deref().and_then(std::ffi::OsStr::to_str) {
        Some("svg") => plot.svg()?.into_bytes(),
        Some("png") => plot.png()?,
        _ => {
            return Err(Error::Invalid(format!(
                "--plot {}: name a file that ends with .svg or .png",
                path.display()
            ))
            .into());
        }
    };
    let failed = |e| Error::io(format!("cannot write {}", path.display()), e);
    let mut file = WholeFile::create(path).map_err(failed)?;
    file.write_all(&picture).map_err(failed)?;
    Ok(file.finish().map_err(failed)?)
}

fn lines(answer: &TimeSeries, context: &Context) -> anyhow::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    let screen = chart::lines(answer, u16::try_from(context.width()).unwrap_or(u16::MAX));
    chart::write(&mut out, &screen, context.colors_stdout())?;
    Ok(out.flush()?)
}

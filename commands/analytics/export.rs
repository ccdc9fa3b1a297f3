//! `claude-cli analytics export`: the ledger's rows, for other programs and
//! other ledgers.

use std::{path::PathBuf, process::ExitCode};

use claude_cli::{
    Error,
    analytics::{
        CsvExport, ExportHeader, ExportOutput, ExportWriter, Exported, MemoryConfig, MemoryOptimizer,
        NdjsonExport, ParquetExport, iso,
    },
    store::{LedgerReader, RowQuery},
};
use jiff::Timestamp;

use crate::{
    context::Context,
    import::{Interrupt, same_file},
    output::{Format, thousands},
    report::{FilterArgs, ReportArgs},
};

/// Write the ledger's rows, for other programs and other ledgers.
///
/// As NDJSON (the default) with all that `claude-cli import` needs to count the
/// same elsewhere; as CSV, or as Parquet, with the figures alone.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file to write, packed if its name ends with .gz; it is there whole or not at all [default: stdout]
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Write Parquet into this folder: a file requests-YYYY-MM-DD.parquet for each UTC day
    #[arg(long, value_name = "FOLDER", conflicts_with = "output", value_hint = clap::ValueHint::DirPath)]
    parquet: Option<PathBuf>,
    /// What the process is to take, in MB; a limit of its control group counts if it is less [default: 500]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..))]
    max_memory: Option<u64>,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    filter: FilterArgs,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let csv = match context.asked_format() {
        None | Some(Format::Ndjson) => false,
        Some(Format::Csv) => true,
        Some(_) => {
            return Err(
                Error::Invalid("an export is --format ndjson or csv, or --parquet FOLDER".to_owned()).into()
            );
        }
    };
    let ledger_path = context.ledger_path()?;
    if let Some(output) = args.output.as_ref().filter(|output| same_file(output, &ledger_path)) {
        return Err(Error::Invalid(format!("{} is the ledger itself", output.display())).into());
    }
    let range = args.report.range(Timestamp::now(), context)?;
    let mut query = RowQuery::default();
    query.since = range.since;
    query.until = range.until;
    query.simulated = args.report.simulated();
    query.filter = args.filter.filter();
    let ledger = context.ledger_reader()?;
    let pruned_before = ledger.pruned_before()?.filter(|before| range.since.is_none_or(|since| since < *before));
    let header = ExportHeader { query, cost: args.report.cost(), pruned_before };
    let writer = writer(args, csv, &header)?;
    let written = write(&*ledger, &header.query, writer)?;
    tell(args, written, pruned_before, context);
    Ok(ExitCode::SUCCESS)
}

fn writer(args: &Args, csv: bool, header: &ExportHeader) -> claude_cli::Result<Box<dyn ExportWriter>> {
    let mut memory = MemoryConfig::default();
    if let Some(megabytes) = args.max_memory {
        memory.max_memory_mb = megabytes;
    }
    let memory = MemoryOptimizer::new(memory);
    if let Some(folder) = &args.parquet {
        return Ok(Box::new(ParquetExport::begin(folder, header.cost, &memory)?));
    }
    let out = match &args.output {
        Some(path) if path.as_os_str() != "-" => ExportOutput::file(path)?,
        _ => ExportOutput::stdout(),
    };
    Ok(if csv {
        Box::new(CsvExport::begin(out, header.cost)?)
    } else {
        Box::new(NdjsonExport::begin(out, header, &memory)?)
    })
}

/// Ends early, and leaves no half file, when it is interrupted.
fn write(
    ledger: &dyn LedgerReader,
    query: &RowQuery,
    mut writer: Box<dyn ExportWriter>,
) -> anyhow::Result<Exported> {
    let interrupted = Interrupt::catch()?;
    ledger.export(query, &mut |entry| {
        if interrupted.came() {
            return Err(Error::Interrupted);
        }
        writer.entry(&entry)
    })?;
    Ok(writer.finish()?)
}

fn tell(args: &Args, written: Exported, pruned_before: Option<i64>, context: &Context) {
    if let Some(before) = pruned_before {
        context.note(&format!(
            "rows before {} were pruned from this ledger: they are not in the export",
            iso(before)
        ));
    }
    let rows = thousands(i64::try_from(written.requests).unwrap_or(i64::MAX));
    if let Some(folder) = &args.parquet {
        context.note(&format!("{rows} rows in {} files in {}", written.files, folder.display()));
    } else if let Some(output) = args.output.as_ref().filter(|output| output.as_os_str() != "-") {
        context.note(&format!("{rows} rows in {}", output.display()));
    }
}

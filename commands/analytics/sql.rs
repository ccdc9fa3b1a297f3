//! `claude-cli analytics sql`: questions that no report answers.

use std::{
    io::{self, BufWriter, Read, Write, stdin, stdout},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use claude_cli::{
    Error,
    store::{Simulated, SqlAnswer, SqlConsole, SqlValue, VIEWS},
};
use serde_json::{Map, json};

use crate::{
    context::Context,
    import::{self, Interrupt},
    output::{Column, Format, Report, Value},
};

/// The `schema` of an answer.
const SCHEMA: &str = "claude-cli/sql@1";
/// The `schema` of the list of views.
const VIEWS_SCHEMA: &str = "claude-cli/sql-views@1";

/// Ask the ledger in SQL, over views whose names and columns stay.
///
/// The ledger is open for reading alone. Its own tables can be seen, too, but
/// may change with any version.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One query, in the SQL of SQLite; - reads it from stdin
    #[arg(value_name = "QUERY", required_unless_present = "schema")]
    query: Option<String>,
    /// Show the views and their columns
    #[arg(long, conflicts_with = "query")]
    schema: bool,
    /// Have what the simulated backend did in the views, too
    #[arg(long)]
    include_simulated: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<ExitCode> {
    let Some(query) = &args.query else {
        views().write(context.format(), context.width())?;
        return Ok(ExitCode::SUCCESS);
    };
    let mut text = query.clone();
    if query == "-" {
        text.clear();
        stdin().read_to_string(&mut text).context("cannot read the query from stdin")?;
    }
    if context.imports() {
        import::before_report(context)?;
    }
    let simulated = if args.include_simulated { Simulated::Include } else { Simulated::Exclude };
    let interrupted = Interrupt::catch()?;
    let path = context.ledger_path()?;
    let Some(console) = SqlConsole::open(&path, simulated, move || interrupted.came())? else {
        bail!("no ledger yet at {}: `claude-cli query` writes one", path.display());
    };
    let answer = console.query(&text)?;
    match context.format() {
        Format::Csv => stream_csv(answer)?,
        Format::Ndjson => stream_ndjson(answer)?,
        format => collect(answer)?.write(format, context.width())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn unwritten(e: impl Into<io::Error>) -> Error {
    Error::io("cannot write the answer", e.into())
}

fn stream_csv(answer: SqlAnswer<'_>) -> claude_cli::Result<()> {
    let out = BufWriter::new(stdout().lock());
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    csv.write_record(answer.columns()).map_err(unwritten)?;
    answer.each(&mut |row| csv.write_record(row.iter().map(text)).map_err(unwritten))?;
    csv.flush().map_err(unwritten)
}

fn stream_ndjson(answer: SqlAnswer<'_>) -> claude_cli::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    let names = unique(answer.columns());
    answer.each(&mut |row| {
        serde_json::to_writer(&mut out, &object(&names, row)).map_err(unwritten)?;
        out.write_all(b"\n").map_err(unwritten)
    })?;
    out.flush().map_err(unwritten)
}

fn collect(answer: SqlAnswer<'_>) -> claude_cli::Result<Report> {
    let names = unique(answer.columns());
    let titles = answer.columns().to_vec();
    let mut numbers = vec![true; names.len()];
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    answer.each(&mut |row| {
        for (number, value) in numbers.iter_mut().zip(row) {
            *number &= matches!(value, SqlValue::Null | SqlValue::Integer(_) | SqlValue::Real(_));
        }
        rows.push(row.iter().map(|value| Value::text(text(value))).collect());
        lines.push(object(&names, row).into());
        Ok(())
    })?;
    // A column's names are for ever: there is one answer in the life of this process.
    let columns = titles.into_iter().zip(numbers).map(|(title, right)| {
        let title: &'static str = title.leak();
        Column { name: title, title, right, optional: false }
    });
    let json = json!({ "schema": SCHEMA, "columns": names, "rows": lines });
    Ok(Report { columns: columns.collect(), rows, totals: None, json, lines })
}

/// The names of the columns as keys of an object: the second of a name gets a number.
fn unique(columns: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(columns.len());
    for column in columns {
        let mut name = column.clone();
        for n in 2.. {
            if !names.contains(&name) {
                break;
            }
            name = format!("{column}_{n}");
        }
        names.push(name);
    }
    names
}

fn object(names: &[String], row: &[SqlValue]) -> Map<String, serde_json::Value> {
    let json = |value: &SqlValue| match value {
        SqlValue::Null => serde_json::Value::Null,
        SqlValue::Integer(n) => json!(n),
        SqlValue::Real(x) => json!(x),
        SqlValue::Text(text) => json!(text),
        SqlValue::Blob(bytes) => json!(hex(bytes)),
    };
    names.iter().cloned().zip(row.iter().map(json)).collect()
}

fn text(value: &SqlValue) -> String {
    match value {
        SqlValue::Null => String::new(),
        SqlValue::Integer(n) => n.to_string(),
        SqlValue::Real(x) => x.to_string(),
        SqlValue::Text(text) => text.clone(),
        SqlValue::Blob(bytes) => hex(bytes),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn views() -> Report {
    let column = |name, title| Column { name, title, right: false, optional: false };
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    let mut all = Vec::new();
    for view in &VIEWS {
        let mut columns = Vec::new();
        for column in view.columns {
            rows.push([view.name, column.name, column.kind, column.meaning].map(Value::text).to_vec());
            let said = json!({ "name": column.name, "type": column.kind, "meaning": column.meaning });
            lines.push(json!({ "view": view.name, "column": column.name, "type": column.kind, "meaning": column.meaning }));
            columns.push(said);
        }
        all.push(json!({ "name": view.name, "meaning": view.meaning, "columns": columns }));
    }
    Report {
        columns: vec![
            column("view", "View"),
            column("column", "Column"),
            column("type", "Type"),
            column("meaning", "What it says"),
        ],
        rows,
        totals: None,
        json: json!({ "schema": VIEWS_SCHEMA, "views": all }),
        lines,
    }
}

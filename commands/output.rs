//! One way to write a report in every format.

use std::io::{self, Write, stdout};

use clap::ValueEnum;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, TableStyle, presets};

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table for people
    Table,
    /// One JSON document
    Json,
    /// One JSON object a line
    Ndjson,
    /// Comma-separated values with a header
    Csv,
    /// A Markdown table
    Markdown,
}

/// A column of a report.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// Its name in CSV.
    pub(crate) name: &'static str,
    /// Its title for people.
    pub(crate) title: &'static str,
    pub(crate) right: bool,
    /// May be left out where the terminal is narrow.
    pub(crate) optional: bool,
}

/// A value, for people and for programs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Value {
    pub(crate) shown: String,
    pub(crate) raw: String,
}

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let shown: String = text.into();
        Self { raw: shown.clone(), shown }
    }

    pub(crate) fn count(n: i64) -> Self {
        Self { shown: thousands(n), raw: n.to_string() }
    }
}

/// A report: rows for people and CSV, JSON for programs.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Value>>,
    /// A last line that sums up, in tables only.
    pub(crate) totals: Option<Vec<Value>>,
    pub(crate) json: serde_json::Value,
    /// The objects of `ndjson`.
    pub(crate) lines: Vec<serde_json::Value>,
}

/// What a cell takes besides its text: a space on either side, and a border.
const CELL_FRAME: usize = 3;
/// A first column that is wider wraps, rather than cost another one.
const KEY_WIDTH: usize = 40;

impl Report {
    pub(crate) fn write(&self, format: Format, width: usize) -> anyhow::Result<()> {
        let mut out = io::BufWriter::new(stdout().lock());
        self.render(&mut out, format, Some(width))?;
        out.flush()?;
        Ok(())
    }

    /// [`write`](Self::write) to somewhere else.
    pub(crate) fn render(
        &self,
        mut out: &mut dyn Write,
        format: Format,
        width: Option<usize>,
    ) -> anyhow::Result<()> {
        match format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, &self.json).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
            }
            Format::Ndjson => {
                for line in &self.lines {
                    serde_json::to_writer(&mut out, line).map_err(io::Error::from)?;
                    out.write_all(b"\n")?;
                }
            }
            Format::Csv => {
                let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut out);
                csv.write_record(self.columns.iter().map(|c| c.name)).map_err(io::Error::from)?;
                for row in &self.rows {
                    csv.write_record(row.iter().map(|value| &value.raw)).map_err(io::Error::from)?;
                }
                csv.flush()?;
            }
            Format::Table => {
                writeln!(out, "{}", self.table(presets::UTF8_BORDERS_ONLY, width))?;
            }
            Format::Markdown => writeln!(out, "{}", self.table(presets::ASCII_MARKDOWN, None))?,
        }
        Ok(())
    }

    /// What a column takes of a line.
    fn width_of(&self, i: usize) -> usize {
        let cells = self.rows.iter().chain(&self.totals).map(|row| row[i].shown.chars().count());
        let widest = cells.max().unwrap_or(0).max(self.columns[i].title.chars().count());
        CELL_FRAME + if i == 0 { widest.min(KEY_WIDTH) } else { widest }
    }

    /// What all columns leave of a line for a further one.
    pub(crate) fn room_within(&self, width: usize) -> usize {
        let taken = 1 + CELL_FRAME + (0..self.columns.len()).map(|i| self.width_of(i)).sum::<usize>();
        width.saturating_sub(taken)
    }

    /// The columns that fit: those that may be left out are, from the right,
    /// until the rest has room.
    pub(crate) fn columns_within(&self, width: Option<usize>) -> Vec<usize> {
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        let Some(width) = width else { return shown };
        let mut total = 1 + shown.iter().map(|&i| self.width_of(i)).sum::<usize>();
        while total > width
            && let Some(at) = shown.iter().rposition(|&i| self.columns[i].optional)
        {
            total -= self.width_of(shown.remove(at));
        }
        shown
    }

    fn table(&self, style: TableStyle, width: Option<usize>) -> Table {
        let shown = self.columns_within(width);
        let mut table = Table::new();
        table.load_style(style);
        if let Some(width) = width {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        }
        table.set_header(shown.iter().map(|&i| Cell::new(self.columns[i].title)));
        let cell = |text: &str| if width.is_some() { Cell::new(text) } else { Cell::new(markdown(text)) };
        for row in self.rows.iter().chain(&self.totals) {
            table.add_row(shown.iter().map(|&i| cell(&row[i].shown)));
        }
        for (at, &i) in shown.iter().enumerate() {
            if self.columns[i].right
                && let Some(column) = table.column_mut(at)
            {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }
}

/// A text that a Markdown table shows as it is, on one line.
fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '|' | '`' | '*' | '_' | '<' | '[' => out.extend(['\\', letter]),
            '\r' | '\n' => out.push(' '),
            _ => out.push(letter),
        }
    }
    out
}

/// Digits in groups of three.
pub(crate) fn thousands(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if n < 0 {
        out.push('-');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Dollars for people: four decimals, and more where that would show nothing.
pub(crate) fn money(nanos: i64) -> String {
    use claude_cli::pricing::format_usd;
    let exact = nanos != 0 && nanos.abs() < 100_000;
    format!("${}", format_usd(nanos, 4, exact))
}

/// Milliseconds for people.
pub(crate) fn millis(ms: f64) -> String {
    if ms < 1000.0 { format!("{ms:.0} ms") } else { format!("{:.1} s", ms / 1000.0) }
}

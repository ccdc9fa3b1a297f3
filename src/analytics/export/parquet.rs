//! The figures of every row as Parquet, a file per UTC day.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parquet::{
    basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical},
    data_type::{BoolType, ByteArray, ByteArrayType, Int64Type},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::{WriterProperties, WriterPropertiesPtr},
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::types::{ColumnPath, Type, TypePtr},
};

use super::{
    EXPORT_SCHEMA, ExportWriter, Exported, WholeFile,
    row::{kind, total_tokens},
};
use crate::{
    Error, Result,
    analytics::{MemoryOptimizer, iso},
    store::{CostMode, Entry, Level, RequestRow},
};

/// Rows that are held until they are written together.
const ROW_GROUP: usize = 1 << 15;

/// Where the values of a column come from.
#[derive(Clone, Copy)]
enum Values {
    /// UTC milliseconds.
    Time,
    /// Text that may be unknown.
    Text(fn(&RequestRow) -> Option<&str>),
    /// Ids: they do not repeat, and a dictionary of them would only cost.
    Id(fn(&RequestRow) -> Option<&str>),
    /// A list of texts.
    Tags,
    Count(fn(&RequestRow) -> i64),
    Maybe(fn(&RequestRow) -> Option<i64>),
    /// Dollars with nine decimals, which are nano-dollars.
    Money(fn(&RequestRow, CostMode) -> Option<i64>),
    Flag(fn(&RequestRow) -> bool),
}

const COLUMNS: [(&str, Values); 28] = [
    ("time", Values::Time),
    ("kind", Values::Text(|row| Some(kind(row)))),
    ("message_id", Values::Id(|row| row.message_id.as_deref())),
    ("request_id", Values::Id(|row| row.request_id.as_deref())),
    ("session_id", Values::Text(|row| row.session.as_deref())),
    ("run_id", Values::Text(|row| row.run.as_deref())),
    ("model", Values::Text(|row| row.model.as_deref())),
    ("project", Values::Text(|row| row.project.as_deref())),
    ("branch", Values::Text(|row| row.branch.as_deref())),
    ("agent", Values::Text(|row| row.agent.as_deref())),
    ("source", Values::Text(|row| Some(&row.source))),
    ("user", Values::Text(|row| row.user.as_deref())),
    ("host", Values::Text(|row| row.host.as_deref())),
    ("tags", Values::Tags),
    ("input_tokens", Values::Count(|row| row.input_tokens)),
    ("output_tokens", Values::Count(|row| row.output_tokens)),
    ("cache_read_tokens", Values::Count(|row| row.cache_read_tokens)),
    ("cache_write_5m_tokens", Values::Count(|row| row.cache_write_5m_tokens)),
    ("cache_write_1h_tokens", Values::Count(|row| row.cache_write_1h_tokens)),
    ("total_tokens", Values::Count(total_tokens)),
    ("web_searches", Values::Count(|row| row.web_searches)),
    ("cost_usd", Values::Money(RequestRow::cost)),
    ("cost_reported_usd", Values::Money(|row, _| row.cost_reported)),
    ("cost_calculated_usd", Values::Money(|row, _| row.cost_calculated)),
    ("duration_ms", Values::Maybe(|row| row.duration_ms)),
    ("ttft_ms", Values::Maybe(|row| row.ttft_ms)),
    ("error", Values::Text(|row| row.error.as_deref())),
    ("simulated", Values::Flag(|row| row.simulated)),
];

/// Files `requests-YYYY-MM-DD.parquet` in a folder. Each is there once its day
/// is over, and replaces the one of an earlier export.
pub struct ParquetExport {
    folder: PathBuf,
    cost: CostMode,
    schema: TypePtr,
    properties: WriterPropertiesPtr,
    day: Option<OpenDay>,
    rows: Vec<RequestRow>,
    memory: MemoryOptimizer,
    /// About how many bytes the rows take, and how many they may.
    held: u64,
    most: u64,
    written: Exported,
}

struct OpenDay {
    start: i64,
    path: PathBuf,
    file: SerializedFileWriter<WholeFile>,
}

impl ParquetExport {
    /// Begins an export to a folder, which is created if there is none. Row
    /// groups are smaller where memory is short.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn begin(folder: &Path, cost: CostMode, memory: &MemoryOptimizer) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|e| Error::io(format!("cannot create {}", folder.display()), e))?;
        Ok(Self {
            folder: folder.to_owned(),
            cost,
            schema: schema().map_err(|e| failed(folder, e))?,
            properties: properties(),
            day: None,
            rows: Vec::new(),
            memory: memory.clone(),
            held: 0,
            most: memory.chunk_bytes(),
            written: Exported::default(),
        })
    }

    fn row(&mut self, row: &RequestRow) -> Result<()> {
        let start = Level::Day.start_of(row.ts);
        if self.day.as_ref().is_some_and(|day| day.start != start) {
            self.end_day()?;
        }
        if self.day.is_none() {
            self.day = Some(self.begin_day(start)?);
        }
        self.held += size(row);
        self.rows.push(row.clone());
        self.written.requests += 1;
        let full = self.rows.len() >= ROW_GROUP || self.held >= self.most;
        if full { self.write_rows() } else { Ok(()) }
    }

    fn begin_day(&self, start: i64) -> Result<OpenDay> {
        let date = iso(start);
        let date = date.split_once('T').map_or(date.as_str(), |(date, _)| date);
        let path = self.folder.join(format!("requests-{date}.parquet"));
        let file =
            WholeFile::create(&path).map_err(|e| Error::io(format!("cannot write {}", path.display()), e))?;
        let file = SerializedFileWriter::new(file, Arc::clone(&self.schema), Arc::clone(&self.properties))
            .map_err(|e| failed(&path, e))?;
        Ok(OpenDay { start, path, file })
    }

    fn write_rows(&mut self) -> Result<()> {
        let Some(day) = self.day.as_mut().filter(|_| !self.rows.is_empty()) else { return Ok(()) };
        write_group(&mut day.file, &self.rows, self.cost).map_err(|e| failed(&day.path, e))?;
        self.rows.clear();
        self.held = 0;
        self.memory.relieve_if_short();
        self.most = self.memory.chunk_bytes();
        Ok(())
    }

    fn end_day(&mut self) -> Result<()> {
        self.write_rows()?;
        let Some(day) = self.day.take() else { return Ok(()) };
        let file = day.file.into_inner().map_err(|e| failed(&day.path, e))?;
        file.finish().map_err(|e| Error::io(format!("cannot write {}", day.path.display()), e))?;
        self.written.files += 1;
        Ok(())
    }
}

impl ExportWriter for ParquetExport {
    fn entry(&mut self, entry: &Entry) -> Result<()> {
        match entry {
            Entry::Request(row, _) => self.row(row),
            _ => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<Exported> {
        self.end_day()?;
        Ok(self.written)
    }
}

/// About how many bytes a row takes.
fn size(row: &RequestRow) -> u64 {
    let texts = COLUMNS.iter().filter_map(|(_, values)| match values {
        Values::Text(of) | Values::Id(of) => of(row).map(str::len),
        _ => None,
    });
    let tags = row.tags.iter().map(|tag| size_of::<String>() + tag.len());
    (size_of::<RequestRow>() + texts.sum::<usize>() + tags.sum::<usize>()) as u64
}

fn failed(path: &Path, e: ParquetError) -> Error {
    Error::io(format!("cannot write {}", path.display()), io::Error::other(e))
}

fn properties() -> WriterPropertiesPtr {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_created_by(concat!("claude-cli version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(vec![KeyValue::new(
            "claude-cli.schema".to_owned(),
            EXPORT_SCHEMA.to_owned(),
        )]));
    for (name, values) in COLUMNS {
        if matches!(values, Values::Id(_)) {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), false);
        }
    }
    Arc::new(properties.build())
}

fn schema() -> Result<TypePtr, ParquetError> {
    let fields = COLUMNS.iter().map(|(name, values)| field(name, *values)).collect::<Result<_, _>>()?;
    Ok(Arc::new(Type::group_type_builder("requests").with_fields(fields).build()?))
}

fn field(name: &str, values: Values) -> Result<TypePtr, ParquetError> {
    let (physical, logical, repetition) = match values {
        Values::Time => {
            (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS)), Repetition::REQUIRED)
        }
        Values::Text(_) | Values::Id(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::OPTIONAL),
        Values::Count(_) => (Physical::INT64, None, Repetition::REQUIRED),
        Values::Maybe(_) => (Physical::INT64, None, Repetition::OPTIONAL),
        Values::Money(_) => {
            let decimal = LogicalType::decimal(9, 18);
            let field = Type::primitive_type_builder(name, Physical::INT64)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(Some(decimal))
                .with_precision(18)
                .with_scale(9);
            return Ok(Arc::new(field.build()?));
        }
        Values::Flag(_) => (Physical::BOOLEAN, None, Repetition::REQUIRED),
        Values::Tags => return list(name),
    };
    let field =
        Type::primitive_type_builder(name, physical).with_repetition(repetition).with_logical_type(logical);
    Ok(Arc::new(field.build()?))
}

/// A list of texts, in the three levels that Parquet wants.
fn list(name: &str) -> Result<TypePtr, ParquetError> {
    let element = Type::primitive_type_builder("element", Physical::BYTE_ARRAY)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::String))
        .build()?;
    let list = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![Arc::new(element)])
        .build()?;
    let outer = Type::group_type_builder(name)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::List))
        .with_fields(vec![Arc::new(list)])
        .build()?;
    Ok(Arc::new(outer))
}

fn write_group(
    file: &mut SerializedFileWriter<WholeFile>,
    rows: &[RequestRow],
    cost: CostMode,
) -> Result<(), ParquetError> {
    let mut group = file.next_row_group()?;
    for (_, values) in COLUMNS {
        let Some(column) = group.next_column()? else { break };
        write_column(column, values, rows, cost)?;
    }
    group.close()?;
    Ok(())
}

fn write_column(
    mut column: SerializedColumnWriter<'_>,
    values: Values,
    rows: &[RequestRow],
    cost: CostMode,
) -> Result<(), ParquetError> {
    match values {
        Values::Time => write_counts(&mut column, rows.iter().map(|row| row.ts))?,
        Values::Count(of) => write_counts(&mut column, rows.iter().map(of))?,
        Values::Maybe(of) => write_maybe(&mut column, rows.iter().map(of))?,
        Values::Money(of) => write_maybe(&mut column, rows.iter().map(|row| of(row, cost)))?,
        Values::Text(of) | Values::Id(of) => {
            let levels: Vec<i16> = rows.iter().map(|row| i16::from(of(row).is_some())).collect();
            let texts: Vec<ByteArray> = rows.iter().filter_map(of).map(ByteArray::from).collect();
            column.typed::<ByteArrayType>().write_batch(&texts, Some(&levels), None)?;
        }
        Values::Tags => {
            let (mut levels, mut repeats, mut texts) = (Vec::new(), Vec::new(), Vec::new());
            for row in rows {
                if row.tags.is_empty() {
                    levels.push(0);
                    repeats.push(0);
                }
                for (n, tag) in row.tags.iter().enumerate() {
                    levels.push(1);
                    repeats.push(i16::from(n > 0));
                    texts.push(ByteArray::from(tag.as_str()));
                }
            }
            column.typed::<ByteArrayType>().write_batch(&texts, Some(&levels), Some(&repeats))?;
        }
        Values::Flag(of) => {
            let flags: Vec<bool> = rows.iter().map(of).collect();
            column.typed::<BoolType>().write_batch(&flags, None, None)?;
        }
    }
    column.close()
}

fn write_counts(
    column: &mut SerializedColumnWriter<'_>,
    numbers: impl Iterator<Item = i64>,
) -> Result<(), ParquetError> {
    let numbers: Vec<i64> = numbers.collect();
    column.typed::<Int64Type>().write_batch(&numbers, None, None).map(drop)
}

fn write_maybe(
    column: &mut SerializedColumnWriter<'_>,
    numbers: impl Iterator<Item = Option<i64>>,
) -> Result<(), ParquetError> {
    let numbers: Vec<Option<i64>> = numbers.collect();
    let levels: Vec<i16> = numbers.iter().map(|n| i16::from(n.is_some())).collect();
    let known: Vec<i64> = numbers.into_iter().flatten().collect();
    column.typed::<Int64Type>().write_batch(&known, Some(&levels), None).map(drop)
}

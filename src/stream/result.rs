//! The line that ends a run.

use std::collections::BTreeMap;

use bytestring::ByteString;

use super::{
    ModelUsage, RunResult, Usage,
    message::{Members, json, status, usage},
    shared::Source,
    strict::{Reader, Value},
};
use crate::pricing::parse_usd_nanos;

pub(super) fn result<'a>(
    members: &mut Members,
    reader: &mut Reader<'a>,
    source: &mut Source<'a>,
) -> Option<Box<RunResult>> {
    let mut line = Box::<RunResult>::default();
    while let Some(name) = members.next(reader)? {
        match name {
            "subtype" => line.subtype = source.word(reader)?.unwrap_or_default(),
            "is_error" => line.is_error = matches!(reader.value()?, Value::Bool(true)),
            "api_error_status" => line.api_error_status = status(reader)?,
            "result" => line.result = source.text(reader)?,
            "session_id" => line.session_id = source.word(reader)?,
            "duration_ms" => line.duration_ms = reader.count()?,
            "ttft_ms" => line.ttft_ms = reader.count()?,
            "num_turns" => line.num_turns = reader.count()?,
            "total_cost_usd" => line.cost_nanos = usd_nanos(reader.value()?),
            "usage" => line.usage = usage(reader)?.map(|found| found.usage),
            "modelUsage" => line.model_usage = model_usages(reader, source)?,
            "permission_denials" => line.permission_denials = items(reader)?,
            "structured_output" => {
                let found = reader.value()?;
                line.structured_output = (!matches!(found, Value::Null)).then(|| json(found));
            }
            "stop_reason" => line.stop_reason = source.word(reader)?,
            "uuid" => line.uuid = source.word(reader)?,
            _ => reader.skip()?,
        }
    }
    Some(line)
}

fn usd_nanos(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Number(raw) => parse_usd_nanos(raw),
        _ => None,
    }
}

/// Reads how many items an array has; anything else has none.
fn items(reader: &mut Reader<'_>) -> Option<u64> {
    if reader.peek()? != b'[' {
        reader.skip()?;
        return Some(0);
    }
    let mut count = 0;
    reader.array(|_, reader| {
        count += 1;
        reader.skip()
    })?;
    Some(count)
}

fn model_usages<'a>(reader: &mut Reader<'a>, source: &mut Source<'a>) -> Option<Vec<ModelUsage>> {
    if reader.peek()? != b'{' {
        reader.skip()?;
        return Some(Vec::new());
    }
    reader.take(b'{')?;
    let (mut models, mut first) = (BTreeMap::new(), true);
    while let Some(name) = reader.next_member(&mut first)? {
        let name = source.of(name);
        let usage = model_usage(name.clone(), reader)?;
        models.insert(name, usage);
    }
    Some(models.into_values().collect())
}

/// Reads a model's totals; what is no object has none.
fn model_usage(model: ByteString, reader: &mut Reader<'_>) -> Option<ModelUsage> {
    let (mut usage, mut cost_nanos) = (Usage::default(), None);
    reader.object(|name, reader| {
        let count = match name {
            "inputTokens" => &mut usage.input_tokens,
            "outputTokens" => &mut usage.output_tokens,
            "cacheReadInputTokens" => &mut usage.cache_read_tokens,
            "cacheCreationInputTokens" => &mut usage.cache_write_5m_tokens,
            "webSearchRequests" => &mut usage.web_searches,
            "costUSD" => {
                cost_nanos = usd_nanos(reader.value()?);
                return Some(());
            }
            _ => return reader.skip(),
        };
        *count = reader.count()?.unwrap_or(0);
        Some(())
    })?;
    Some(ModelUsage { model, usage, cost_nanos })
}

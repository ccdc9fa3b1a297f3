//! The line that ends a run.

use std::collections::BTreeMap;

use bytestring::ByteString;

use super::{
    ModelUsage, RunResult, Usage,
    message::{Members, count, json, members, status, usage},
    shared::Source,
    strict::{Reader, Value},
};
use crate::pricing::parse_usd_nanos;

pub(super) fn result<'a>(
    members: &mut Members,
    reader: &mut Reader<'a>,
    source: &mut Source<'a>,
) -> Option<RunResult> {
    members! { members, reader;
        "subtype" => subtype, "is_error" => is_error, "api_error_status" => api_error_status, "result" => answer,
        "session_id" => session_id, "duration_ms" => duration, "ttft_ms" => ttft, "num_turns" => turns,
        "total_cost_usd" => cost, "usage" => used, "modelUsage" => models, "permission_denials" => denials,
        "structured_output" => structured, "stop_reason" => stop_reason, "uuid" => uuid,
    }
    Some(RunResult {
        subtype: source.word(subtype).unwrap_or_default(),
        is_error: matches!(is_error, Value::Bool(true)),
        api_error_status: status(api_error_status),
        result: source.text(answer),
        session_id: source.word(session_id),
        duration_ms: count(duration),
        ttft_ms: count(ttft),
        num_turns: count(turns),
        cost_nanos: usd_nanos(cost),
        usage: usage(used).map(|found| found.usage),
        model_usage: model_usages(models, source).unwrap_or_default(),
        permission_denials: items(denials).unwrap_or(0),
        structured_output: (!matches!(structured, Value::Null)).then(|| json(structured)),
        stop_reason: source.word(stop_reason),
        uuid: source.word(uuid),
    })
}

fn usd_nanos(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Number(raw) => parse_usd_nanos(raw),
        _ => None,
    }
}

/// How many items an array has.
fn items(value: Value<'_>) -> Option<u64> {
    let Value::Array(raw) = value else { return None };
    let (mut reader, mut first, mut count) = (Reader::new(raw), true, 0);
    reader.take(b'[')?;
    while reader.next_item(&mut first)? {
        reader.skip()?;
        count += 1;
    }
    Some(count)
}

fn model_usages(value: Value<'_>, source: &mut Source<'_>) -> Option<Vec<ModelUsage>> {
    let Value::Object(raw) = value else { return None };
    let (mut reader, mut first) = (Reader::new(raw), true);
    reader.take(b'{')?;
    let mut models = BTreeMap::new();
    while let Some(name) = reader.next_member(&mut first)? {
        let name = source.text(Value::Text(name))?;
        let usage = model_usage(name.clone(), reader.value()?);
        models.insert(name, usage);
    }
    Some(models.into_values().collect())
}

fn model_usage(model: ByteString, value: Value<'_>) -> ModelUsage {
    let read = |raw| {
        let (mut reader, mut first) = (Reader::new(raw), true);
        let (mut usage, mut cost_nanos) = (Usage::default(), None);
        reader.take(b'{')?;
        while let Some(name) = reader.next_member(&mut first)? {
            let value = reader.value()?;
            let tokens = || count(value).unwrap_or(0);
            match name.name() {
                "inputTokens" => usage.input_tokens = tokens(),
                "outputTokens" => usage.output_tokens = tokens(),
                "cacheReadInputTokens" => usage.cache_read_tokens = tokens(),
                "cacheCreationInputTokens" => usage.cache_write_5m_tokens = tokens(),
                "webSearchRequests" => usage.web_searches = tokens(),
                "costUSD" => cost_nanos = usd_nanos(value),
                _ => {}
            }
        }
        Some((usage, cost_nanos))
    };
    let (usage, cost_nanos) = match value {
        Value::Object(raw) => read(raw),
        _ => None,
    }
    .unwrap_or_default();
    ModelUsage { model, usage, cost_nanos }
}

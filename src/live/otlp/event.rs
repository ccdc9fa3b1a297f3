//! One log event.

use opentelemetry_proto::tonic::{common::v1::any_value::Value, logs::v1::LogRecord};

use super::attributes::Attributes;
use crate::{
    client::kind_of,
    pricing::{self, parse_usd_nanos},
    store::{Name, Witness, WitnessKind},
};

/// What an event told.
pub(super) enum Told {
    /// Of a request, or a failed attempt at one.
    Request(Box<Witness>),
    /// Of anything else.
    Other,
    /// Of a request, but not enough.
    Incomplete(String),
}

/// What stands before the names of `claude`'s events.
const PREFIX: &str = "claude_code.";

/// Reads an event of a sender with these attributes.
pub(super) fn read(record: &LogRecord, sender: &Attributes<'_>) -> Told {
    let attributes = Attributes::of(&record.attributes);
    let body = match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Value::StringValue(text)) => text.as_str(),
        _ => "",
    };
    let named = attributes.text("event.name");
    let name = [record.event_name.as_str(), named.as_deref().unwrap_or_default(), body]
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_default();
    let failed = match name.strip_prefix(PREFIX).unwrap_or(name) {
        "api_request" => false,
        "api_error" => true,
        _ => return Told::Other,
    };
    let Some(ts) = time(record, &attributes) else {
        return Told::Incomplete(format!("an event `{name}` tells no time"));
    };
    let of_either = |keys: &[&str]| -> Option<Name> {
        attributes.first_text(keys).or_else(|| sender.first_text(keys)).map(Into::into)
    };
    let mut witness = Witness {
        by: WitnessKind::Telemetry,
        ts,
        request_id: attributes.text("request_id").map(Into::into),
        session: attributes.text("session.id").map(Into::into),
        duration_ms: attributes.millis("duration_ms"),
        user: of_either(&["user.email", "user.account_uuid", "user.id"]),
        host: of_either(&["host.name"]),
        project: of_either(&["project", "project.path"]),
        version: of_either(&["app.version", "service.version"]),
        agent: agent(&attributes),
        tags: sender.tags(),
        ..Witness::default()
    };
    if witness.request_id.is_none() {
        witness.uuid = line_id(&attributes, &witness, name);
    }
    if failed {
        witness.error = Some(error(&attributes));
        return Told::Request(Box::new(witness));
    }
    let Some(model) = attributes.text("model") else {
        return Told::Incomplete(format!("an event `{name}` names no model"));
    };
    let model = pricing::normalize(&model);
    let usage = &mut witness.usage;
    usage.fast = model.fast || attributes.text("speed").is_some_and(|speed| speed == "fast");
    witness.model = Some(model.name.into());
    let counts = [
        ("input_tokens", &mut usage.input_tokens),
        ("output_tokens", &mut usage.output_tokens),
        ("cache_read_tokens", &mut usage.cache_read_tokens),
        // How long they live is not told.
        ("cache_creation_tokens", &mut usage.cache_write_5m_tokens),
    ];
    for (key, count) in counts {
        match (attributes.count(key), attributes.text(key)) {
            (Some(number), _) => *count = number,
            (None, None) => {}
            (None, Some(text)) => {
                return Told::Incomplete(format!("the `{key}` of an event `{name}` is `{text}`: no count"));
            }
        }
    }
    witness.cost = cost(&attributes);
    Told::Request(Box::new(witness))
}

/// When it happened, UTC milliseconds: as the event says, else its record.
fn time(record: &LogRecord, attributes: &Attributes<'_>) -> Option<i64> {
    let said = attributes.text("event.timestamp").and_then(|text| text.parse::<jiff::Timestamp>().ok());
    if let Some(said) = said {
        return Some(said.as_millisecond());
    }
    let nanos = [record.time_unix_nano, record.observed_time_unix_nano].into_iter().find(|nanos| *nanos > 0)?;
    i64::try_from(nanos / 1_000_000).ok()
}

/// What tells an event from others that have no request id. Sequences begin anew
/// when a session is resumed, hence the time. An event that lacks any of these
/// is told from others by all that it says.
fn line_id(attributes: &Attributes<'_>, witness: &Witness, name: &str) -> Option<String> {
    let session = witness.session.as_deref()?;
    let sequence = attributes.text("event.sequence")?;
    Some(format!("{session}/{name}/{sequence}@{}", witness.ts))
}

/// Who asked: `claude` names the subagents, and what the user talks to.
fn agent(attributes: &Attributes<'_>) -> Option<Name> {
    let asked_by = attributes.text("query_source")?;
    if asked_by.starts_with("agent:") {
        return Some("subagent".into());
    }
    (asked_by == "sdk" || asked_by.starts_with("repl_main_thread")).then(|| "main".into())
}

/// What it cost, as the sender says, in nano-dollars.
fn cost(attributes: &Attributes<'_>) -> Option<i64> {
    let dollars = attributes.text("cost_usd").and_then(|text| parse_usd_nanos(&text));
    let micros = || i64::try_from(attributes.count("cost_usd_micros")?).ok()?.checked_mul(1_000);
    dollars.filter(|nanos| *nanos >= 0).or_else(micros)
}

fn error(attributes: &Attributes<'_>) -> String {
    let status = attributes.count("status_code").and_then(|status| u16::try_from(status).ok());
    match status.map(|status| (status, kind_of(status))) {
        Some((status, "api_error")) => format!("http_{status}"),
        Some((_, kind)) => kind.to_owned(),
        None => "api_error".to_owned(),
    }
}

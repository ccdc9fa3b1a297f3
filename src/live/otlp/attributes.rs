//! The attributes of an event: numbers come as numbers or as texts.

use std::{borrow::Cow, collections::BTreeSet};

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};

/// The attributes of an event, or of who sent it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes<'a> {
    all: &'a [KeyValue],
}

/// What a sender says of itself by OpenTelemetry's own conventions, or by what
/// stands in a column of its own: no tags.
const NO_TAGS: [&str; 13] = [
    "app.",
    "container.",
    "device.",
    "host.",
    "k8s.",
    "os.",
    "process.",
    "project",
    "service.",
    "session.",
    "telemetry.",
    "user.",
    "wsl.",
];
/// More tags, or longer ones, are left.
const MOST_TAGS: usize = 8;
const LONGEST_TAG: usize = 200;

/// Counts are capped here, so that sums of millions of them stay exact.
const MOST: u64 = 1 << 52;

impl<'a> Attributes<'a> {
    pub(super) const fn of(all: &'a [KeyValue]) -> Self {
        Self { all }
    }

    fn value(&self, key: &str) -> Option<&'a Value> {
        self.all.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
    }

    /// A text, or a number as one; `None` if it is empty.
    pub(super) fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        let text = match self.value(key)? {
            Value::StringValue(text) => Cow::Borrowed(text.as_str()),
            Value::IntValue(number) => Cow::Owned(number.to_string()),
            Value::DoubleValue(number) => Cow::Owned(number.to_string()),
            Value::BoolValue(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
            _ => return None,
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// The first of these that is there.
    pub(super) fn first_text(&self, keys: &[&str]) -> Option<Cow<'a, str>> {
        keys.iter().find_map(|key| self.text(key))
    }

    /// A whole number that is not negative; `None` if it is anything else.
    pub(super) fn count(&self, key: &str) -> Option<u64> {
        match self.value(key)? {
            Value::IntValue(number) => u64::try_from(*number).ok(),
            Value::DoubleValue(number) if *number >= 0.0 && number.fract() == 0.0 => Some(*number as u64),
            Value::StringValue(text) => {
                let whole = text.parse().ok();
                whole.or_else(|| {
                    text.parse().ok().filter(|n: &f64| *n >= 0.0 && n.fract() == 0.0).map(|n| n as u64)
                })
            }
            _ => None,
        }
        .map(|number| number.min(MOST))
    }

    /// A duration in milliseconds, rounded.
    pub(super) fn millis(&self, key: &str) -> Option<i64> {
        let millis: f64 = self.text(key)?.parse().ok()?;
        (millis.is_finite() && millis >= 0.0).then(|| millis.round() as i64)
    }

    /// What people said of themselves in `OTEL_RESOURCE_ATTRIBUTES`, such as a
    /// department, as tags.
    pub(super) fn tags(&self) -> BTreeSet<String> {
        let own = |key: &str| !key.trim().is_empty() && !NO_TAGS.iter().any(|prefix| key.starts_with(prefix));
        let tags = self.all.iter().filter(|attribute| own(&attribute.key)).filter_map(|attribute| {
            let tag = format!("{}={}", attribute.key.trim(), self.text(&attribute.key)?.trim());
            (tag.len() <= LONGEST_TAG).then_some(tag)
        });
        tags.take(MOST_TAGS).collect()
    }
}

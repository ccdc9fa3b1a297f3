//! One name for a model, whatever it is called.

/// A model's canonical name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ModelName {
    /// Lower case, without provider, context-window and speed marks.
    pub name: String,
    /// The name asked for fast mode (`…-fast`).
    pub fast: bool,
}

/// Prefixes that name who serves a model, not the model.
const PROVIDERS: [&str; 12] = [
    "bedrock/",
    "vertex_ai/",
    "openrouter/",
    "anthropic/",
    "global.",
    "us-gov.",
    "us.",
    "eu.",
    "apac.",
    "jp.",
    "au.",
    "anthropic.",
];

/// The canonical form of a model's name: `us.anthropic.claude-opus-4-8-v1:0`,
/// `claude-opus-4-8[1m]` and `claude-opus-4-8` are one model, and
/// `claude-sonnet-4@20250514` is `claude-sonnet-4-20250514`.
///
/// Only what is known not to be part of the name is taken off; aliases such as
/// `sonnet` are left to [`PriceTable::resolve_alias`](super::PriceTable::resolve_alias).
#[must_use]
pub fn normalize(name: &str) -> ModelName {
    let mut name = name.trim().to_ascii_lowercase();
    // arn:aws:bedrock:REGION:ACCOUNT:inference-profile/us.anthropic.claude-…
    if name.starts_with("arn:")
        && let Some((_, model)) = name.rsplit_once('/')
    {
        name = model.to_owned();
    }
    // `[1m]` asks for a context window.
    if let Some((model, mark)) = name.split_once('[')
        && mark.ends_with(']')
        && !model.is_empty()
    {
        name = model.to_owned();
    }
    let mut rest = name.as_str();
    while let Some(shorter) = PROVIDERS.iter().find_map(|p| rest.strip_prefix(p)) {
        rest = shorter;
    }
    if rest.starts_with("claude-") {
        name = rest.to_owned();
    }
    // Bedrock's version, `-v1:0`.
    if let Some((model, version)) = name.rsplit_once("-v")
        && let Some((major, minor)) = version.split_once(':')
        && is_number(major)
        && is_number(minor)
    {
        name = model.to_owned();
    }
    if let Some((model, date)) = name.split_once('@')
        && is_date(date)
    {
        name = format!("{model}-{date}");
    }
    let fast = name.starts_with("claude-") && name.ends_with("-fast");
    if fast {
        name.truncate(name.len() - "-fast".len());
    }
    ModelName { name, fast }
}

/// The name without its date, if it ends in one: `claude-x-20250514`.
pub(super) fn undated(name: &str) -> Option<&str> {
    let (model, date) = name.rsplit_once('-')?;
    is_date(date).then_some(model)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_date(text: &str) -> bool {
    text.len() == 8 && is_number(text)
}

//! Answers that have to follow a JSON schema, checked here again.

use std::fs;

use anyhow::Context as _;
use claude_cli::{Error, stream::RunResult};
use jsonschema::Validator;
use serde_json::Value;

/// So many complaints are told; the rest follow from them more often than not.
const COMPLAINTS: usize = 3;

pub(crate) struct Schema {
    json: Value,
    validator: Validator,
}

impl Schema {
    /// Reads a schema from a file, or from the text itself if that is an object.
    pub(super) fn read(text_or_file: &str) -> anyhow::Result<Self> {
        let inline = text_or_file.trim_start().starts_with('{');
        let text = if inline {
            text_or_file.to_owned()
        } else {
            fs::read_to_string(text_or_file).with_context(|| format!("cannot read the schema {text_or_file}"))?
        };
        let name = if inline { "--json-schema" } else { text_or_file };
        let invalid = |e: String| Error::Invalid(format!("{name}: {e}"));
        let json: Value = serde_json::from_str(&text).map_err(|e| invalid(format!("not JSON: {e}")))?;
        let validator =
            jsonschema::validator_for(&json).map_err(|e| invalid(format!("not a JSON schema: {e}")))?;
        Ok(Self { json, validator })
    }

    pub(super) const fn json(&self) -> &Value {
        &self.json
    }

    /// The answer, if it follows the schema, else what is wrong with it.
    pub(crate) fn check(&self, result: &RunResult) -> Result<Value, String> {
        let answer = match &result.structured_output {
            Some(answer) => answer.clone(),
            None => parse(result.result.as_deref().unwrap_or_default())?,
        };
        let complaints: Vec<String> = self
            .validator
            .iter_errors(&answer)
            .take(COMPLAINTS)
            .map(|error| format!("{error} (at `{}`)", error.instance_path()))
            .collect();
        if complaints.is_empty() { Ok(answer) } else { Err(complaints.join("; ")) }
    }
}

/// A model likes to put JSON into a Markdown fence.
fn parse(answer: &str) -> Result<Value, String> {
    let answer = answer.trim();
    let unfenced = answer
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"))
        // The rest of the fence's line names the language.
        .and_then(|inner| inner.split_once('\n'))
        .map_or(answer, |(_, inner)| inner);
    serde_json::from_str(unfenced.trim()).map_err(|e| format!("it is not JSON ({e})"))
}

//! What the model is asked.

#[cfg(feature = "server")]
use crate::simulate::Distribution;
use crate::{Error, Result};

/// About this many characters are a token.
const CHARS_PER_TOKEN: usize = 4;
/// So many prompts of drawn lengths are made, and then used again.
const DRAWN: usize = 256;
const WORDS: [&str; 16] = [
    "the", "stream", "of", "events", "runs", "into", "a", "ledger", "and", "every", "token", "is", "counted",
    "once", "by", "day",
];

/// Prompts, used one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompts {
    texts: Vec<String>,
}

impl Prompts {
    /// One prompt, over and over.
    pub fn one(text: impl Into<String>) -> Self {
        Self { texts: vec![text.into()] }
    }

    /// A prompt a line: a text, or an object with a `prompt` as batches have them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a line that is an object without a prompt, with its
    /// number, and if there is no line at all.
    pub fn read(text: &str) -> Result<Self> {
        let mut texts = Vec::new();
        for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            if !line.starts_with('{') {
                texts.push(line.to_owned());
                continue;
            }
            let wrong = |why: String| Error::Invalid(format!("line {} of the prompts: {why}", n + 1));
            let object: serde_json::Value = serde_json::from_str(line).map_err(|e| wrong(e.to_string()))?;
            let prompt = object["prompt"].as_str().ok_or_else(|| wrong("it has no `prompt`".to_owned()))?;
            texts.push(prompt.to_owned());
        }
        if texts.is_empty() {
            return Err(Error::Invalid("there is no prompt in the file".to_owned()));
        }
        Ok(Self { texts })
    }

    /// Made-up prompts whose lengths in tokens are drawn.
    #[must_use]
    pub fn drawn(lengths: &Distribution, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut text = || {
            let chars = (lengths.draw(&mut random).round() as usize).max(1) * CHARS_PER_TOKEN;
            let mut text = String::with_capacity(chars + 8);
            while text.len() < chars {
                text.push_str(WORDS[random.usize(..WORDS.len())]);
                text.push(' ');
            }
            text.truncate(chars);
            text
        };
        Self { texts: (0..DRAWN).map(|_| text()).collect() }
    }

    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_texts_or_objects() {
        let prompts = Prompts::read("hello\n\n{\"prompt\":\"two\\nlines\",\"id\":1}\n").unwrap();
        assert_eq!(prompts.texts(), ["hello", "two\nlines"]);
        for (text, says) in [("a\n{\"x\":1}", "line 2"), ("{", "line 1"), ("\n", "no prompt")] {
            assert!(Prompts::read(text).unwrap_err().to_string().contains(says));
        }
    }

    #[test]
    fn lengths_are_drawn_by_the_seed() {
        let lengths = Distribution::Uniform { min: 10.0, max: 20.0 };
        let prompts = Prompts::drawn(&lengths, 1);
        assert_eq!(prompts, Prompts::drawn(&lengths, 1));
        assert!(prompts.texts().iter().all(|text| (40..=80).contains(&text.len())));
    }
}

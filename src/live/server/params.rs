//! The parameters of a request, named as the options of the program are.

use std::{fmt::Display, str::FromStr};

use crate::{
    Error, Result,
    store::{CostMode, Simulated},
};

const COSTS: [(&str, CostMode); 3] =
    [("auto", CostMode::Auto), ("calculate", CostMode::Calculate), ("display", CostMode::Display)];

/// The parameters of a request. Each is taken once; what nobody took is
/// unknown, and refused by [`finish`](Self::finish).
#[derive(Clone, Debug, Default)]
pub struct Params {
    pairs: Vec<(String, String)>,
    asked: Vec<&'static str>,
}

impl Params {
    /// Reads what follows the `?` of an address. `cost_mode` is as good as
    /// `cost-mode`.
    #[must_use]
    pub fn of(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes());
        let pairs = pairs.map(|(name, value)| (name.replace('_', "-"), value.into_owned())).collect();
        Self { pairs, asked: Vec::new() }
    }

    /// All values of a parameter, in order.
    pub fn all(&mut self, name: &'static str) -> Vec<String> {
        self.asked.push(name);
        let (mine, rest) = std::mem::take(&mut self.pairs).into_iter().partition(|(given, _)| given == name);
        self.pairs = rest;
        let mine: Vec<(String, String)> = mine;
        mine.into_iter().map(|(_, value)| value).collect()
    }

    /// The value of a parameter, if it was given.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it was given more than once.
    pub fn text(&mut self, name: &'static str) -> Result<Option<String>> {
        let mut values = self.all(name);
        match values.len() {
            0 | 1 => Ok(values.pop()),
            n => Err(Error::Invalid(format!("`{name}` was given {n} times: give it once"))),
        }
    }

    /// The value of a parameter that is not text.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is no such value.
    pub fn value<T>(&mut self, name: &'static str) -> Result<Option<T>>
    where
        T: FromStr,
        T::Err: Display,
    {
        let parse = |text: String| text.parse().map_err(|e| Error::Invalid(format!("`{name}={text}`: {e}")));
        self.text(name)?.map(parse).transpose()
    }

    /// Whether a switch is on: `name`, `name=true` or `name=1`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is neither on nor off.
    pub fn switch(&mut self, name: &'static str) -> Result<bool> {
        match self.text(name)?.as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("" | "true" | "1") => Ok(true),
            Some(other) => Err(Error::Invalid(format!("`{name}={other}`: use true or false"))),
        }
    }

    /// One of several values.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is none of them.
    pub fn choice<T: Copy>(&mut self, name: &'static str, choices: &[(&str, T)]) -> Result<Option<T>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match choices.iter().find(|(known, _)| *known == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let known: Vec<&str> = choices.iter().map(|(known, _)| *known).collect();
                Err(Error::Invalid(format!("`{name}={text}`: use {}", known.join(", "))))
            }
        }
    }

    /// `cost-mode`: which cost of a request counts.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is none.
    pub fn cost(&mut self) -> Result<CostMode> {
        Ok(self.choice("cost-mode", &COSTS)?.unwrap_or_default())
    }

    /// `include-simulated`: whether simulated requests count.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is neither on nor off.
    pub fn simulated(&mut self) -> Result<Simulated> {
        Ok(if self.switch("include-simulated")? { Simulated::Include } else { Simulated::Exclude })
    }

    /// Makes sure that nothing else was asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are parameters that nobody took.
    pub fn finish(self) -> Result<()> {
        let Some((name, _)) = self.pairs.first() else { return Ok(()) };
        let known = if self.asked.is_empty() { "none".to_owned() } else { self.asked.join(", ") };
        Err(Error::Invalid(format!("unknown parameter `{name}`: there are {known}")))
    }
}

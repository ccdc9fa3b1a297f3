//! The price table and the cost of one request.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::Path,
    sync::OnceLock,
};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    model_name::{normalize, undated},
    money::{div_half_even, parse_scaled},
};
use crate::{Error, Result, Usage};

/// Decimals kept of a price in dollars per million tokens: femto-dollars a token.
const PRICE_SCALE: u32 = 9;
/// Decimals kept of a multiplier.
const FACTOR_SCALE: u32 = 4;
const FACTOR_ONE: i128 = 10_i128.pow(FACTOR_SCALE);
const FEMTOS_PER_NANO: i128 = 1_000_000;

/// The file in the config folder that may replace the embedded table.
const FILE_NAME: &str = "prices.json";

/// Prices of models, as of a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceTable {
    as_of: String,
    models: BTreeMap<String, ModelPrice>,
    aliases: HashMap<String, String>,
}

/// Prices of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelPrice {
    /// The usual rates.
    pub base: Rates,
    /// Rates of the batch tier.
    pub batch: Option<Rates>,
    /// Rates that replace the base for all tokens of a request whose prompt is
    /// longer than so many tokens, ascending.
    pub tiers: Vec<(u64, Rates)>,
    /// Nano-dollars per web search.
    pub web_search: Option<i128>,
    /// Factor for fast mode, in ten-thousandths; `None` if it has no fast mode.
    pub fast: Option<i128>,
    /// Factor for inference pinned to the US, in ten-thousandths.
    pub us_inference: Option<i128>,
}

/// Femto-dollars (10^-15 USD) per token; `None` where there is no price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rates {
    /// Uncached input.
    pub input: Option<i128>,
    /// Output.
    pub output: Option<i128>,
    /// Cache read.
    pub cache_read: Option<i128>,
    /// 5-minute cache write.
    pub cache_write_5m: Option<i128>,
    /// 1-hour cache write.
    pub cache_write_1h: Option<i128>,
}

type Number<'a> = Option<&'a RawValue>;

#[derive(Deserialize)]
struct WireTable<'a> {
    as_of: String,
    #[serde(borrow)]
    models: BTreeMap<String, WireModel<'a>>,
    #[serde(default)]
    aliases: HashMap<String, String>,
}

type WireModel<'a> = BTreeMap<String, &'a RawValue>;

#[derive(Deserialize)]
struct WireRates<'a> {
    #[serde(borrow)]
    input: Number<'a>,
    #[serde(borrow)]
    output: Number<'a>,
    #[serde(borrow)]
    cache_read: Number<'a>,
    #[serde(borrow)]
    cache_write_5m: Number<'a>,
    #[serde(borrow)]
    cache_write_1h: Number<'a>,
    above_tokens: Option<u64>,
}

impl PriceTable {
    /// The table this program was built with.
    ///
    /// # Panics
    /// Never: a test reads the embedded file.
    #[must_use]
    pub fn embedded() -> &'static Self {
        static TABLE: OnceLock<PriceTable> = OnceLock::new();
        TABLE.get_or_init(|| {
            Self::from_json(include_str!("claude-prices.json")).expect("the embedded table is tested to be sound")
        })
    }

    /// Reads a table in the format of the embedded one: prices in dollars per
    /// million tokens, as decimal numbers that are read exactly.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the model and field that cannot be used.
    pub fn from_json(json: &str) -> Result<Self> {
        let wire: WireTable<'_> =
            serde_json::from_str(json).map_err(|e| Error::Invalid(format!("price table: {e}")))?;
        let mut models = BTreeMap::new();
        for (name, model) in wire.models {
            let price = ModelPrice::from_wire(&model)
                .map_err(|e| Error::Invalid(format!("price table: model {name}: {e}")))?;
            models.insert(name, price);
        }
        Ok(Self { as_of: wire.as_of, models, aliases: wire.aliases })
    }

    /// The table to use: `prices.json` in the config folder if there is one
    /// that is not older than the embedded table, else the embedded one.
    ///
    /// # Errors
    /// If the file is there but cannot be read or is no price table.
    pub fn load(config_folder: &Path) -> Result<Self> {
        let path = config_folder.join(FILE_NAME);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Self::embedded().clone()),
            Err(e) => return Err(Error::io(format!("cannot read {}", path.display()), e)),
        };
        let table = Self::from_json(&text).map_err(|e| Error::Invalid(format!("{}: {e}", path.display())))?;
        let embedded = Self::embedded();
        Ok(if table.as_of >= embedded.as_of { table } else { embedded.clone() })
    }

    /// The month or day the prices are from, such as `2026-11`.
    #[must_use]
    pub fn as_of(&self) -> &str {
        &self.as_of
    }

    /// All models by name.
    pub fn models(&self) -> impl Iterator<Item = (&str, &ModelPrice)> {
        self.models.iter().map(|(name, price)| (name.as_str(), price))
    }

    /// The names people type and what they stand for.
    pub fn aliases(&self) -> impl Iterator<Item = (&str, &str)> {
        self.aliases.iter().filter(|(alias, _)| *alias != "note").map(|(a, m)| (a.as_str(), m.as_str()))
    }

    /// The model an alias such as `sonnet` stands for; other names as they are.
    #[must_use]
    pub fn resolve_alias<'a>(&'a self, name: &'a str) -> &'a str {
        self.aliases.get(name).filter(|_| name != "note").map_or(name, String::as_str)
    }

    /// The price of a model, by an exact match after [`normalize`]. A dated
    /// name that the table does not list has the price of its undated one.
    #[must_use]
    pub fn get(&self, model: &str) -> Option<&ModelPrice> {
        self.find(&normalize(model).name)
    }

    fn find(&self, name: &str) -> Option<&ModelPrice> {
        let name = self.resolve_alias(name);
        self.models.get(name).or_else(|| self.models.get(undated(name)?))
    }

    /// The cost of one request in nano-dollars, rounded half to even, without
    /// its advisor calls, which have models of their own. `None` if the model,
    /// or one of the rates the request needs, has no price.
    ///
    /// - A prompt (input, cache reads and writes) above a tier's threshold puts
    ///   every token of the request at that tier's rates.
    /// - Fast mode and US inference multiply the tokens' cost, not that of web
    ///   searches. Fast mode of a model that has none has no price.
    /// - Batch requests are at the batch rates; above a threshold those rise as
    ///   the usual rates do.
    #[must_use]
    pub fn cost(&self, model: &str, usage: &Usage) -> Option<i64> {
        self.priced(model)?.cost(usage)
    }

    /// The price of a model, ready for many requests.
    pub(crate) fn priced(&self, model: &str) -> Option<Priced<'_>> {
        let name = normalize(model);
        Some(Priced { price: self.find(&name.name)?, fast: name.fast })
    }
}

/// The price of a model under one of its names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Priced<'a> {
    price: &'a ModelPrice,
    /// The name asks for fast mode.
    fast: bool,
}

impl Priced<'_> {
    /// As [`PriceTable::cost`].
    pub(crate) fn cost(&self, usage: &Usage) -> Option<i64> {
        let price = self.price;
        let mut femtos = price.tokens(usage)?;
        if usage.fast || self.fast {
            femtos = femtos.checked_mul(price.fast?)?;
        } else {
            femtos = femtos.checked_mul(FACTOR_ONE)?;
        }
        let us = if usage.us_inference { price.us_inference.unwrap_or(FACTOR_ONE) } else { FACTOR_ONE };
        femtos = femtos.checked_mul(us)?;
        let mut nanos = div_half_even(femtos, FEMTOS_PER_NANO * FACTOR_ONE * FACTOR_ONE);
        if usage.web_searches > 0 {
            nanos = nanos.checked_add(price.web_search?.checked_mul(i128::from(usage.web_searches))?)?;
        }
        i64::try_from(nanos).ok()
    }
}

impl ModelPrice {
    fn from_wire(model: &WireModel<'_>) -> Result<Self, String> {
        let field = |name: &str| model.get(name).copied();
        let rates = |name: &str, json: &RawValue| -> Result<(Option<u64>, Rates), String> {
            let wire: WireRates<'_> = serde_json::from_str(json.get()).map_err(|e| format!("{name}: {e}"))?;
            Ok((wire.above_tokens, Rates::from_wire(name, &wire)?))
        };
        let factor = |name: &str| decimal(name, field(name), FACTOR_SCALE);
        let number = |name: &str| decimal(name, field(name), PRICE_SCALE);
        let mut tiers = Vec::new();
        if let Some(list) = field("tiers") {
            let list: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|e| format!("tiers: {e}"))?;
            for tier in list {
                let (above, rates) = rates("tiers", tier)?;
                tiers.push((above.ok_or("tiers: above_tokens is missing")?, rates));
            }
            tiers.sort_by_key(|tier| tier.0);
        }
        Ok(Self {
            base: Rates {
                input: number("input")?,
                output: number("output")?,
                cache_read: number("cache_read")?,
                cache_write_5m: number("cache_write_5m")?,
                cache_write_1h: number("cache_write_1h")?,
            },
            batch: field("batch").map(|json| rates("batch", json)).transpose()?.map(|(_, rates)| rates),
            tiers,
            web_search: decimal("web_search_per_request", field("web_search_per_request"), 9)?,
            fast: factor("fast_multiplier")?,
            us_inference: factor("us_inference_multiplier")?,
        })
    }

    /// Femto-dollars for a request's tokens, before multipliers.
    fn tokens(&self, usage: &Usage) -> Option<i128> {
        let tier =
            self.tiers.iter().rev().find(|(above, _)| usage.prompt_tokens() > *above).map(|(_, rates)| rates);
        let rates = match (usage.batch, tier) {
            (false, None) => self.base.clone(),
            (false, Some(tier)) => tier.clone(),
            (true, None) => self.batch.clone()?,
            (true, Some(tier)) => self.batch.as_ref()?.scaled(tier, &self.base),
        };
        let part = |tokens: u64, rate: Option<i128>| match tokens {
            0 => Some(0),
            n => i128::from(n).checked_mul(rate?),
        };
        part(usage.input_tokens, rates.input)?
            .checked_add(part(usage.output_tokens, rates.output)?)?
            .checked_add(part(usage.cache_read_tokens, rates.cache_read)?)?
            .checked_add(part(usage.cache_write_5m_tokens, rates.cache_write_5m)?)?
            .checked_add(part(usage.cache_write_1h_tokens, rates.cache_write_1h)?)
    }
}

impl ModelPrice {
    /// The usual rates by name, in nano-dollars per million tokens.
    #[must_use]
    pub fn per_million(&self) -> [(&'static str, Option<i64>); 5] {
        // A femto-dollar a token is a nano-dollar a million of them.
        let nanos = |rate: Option<i128>| rate.and_then(|rate| i64::try_from(rate).ok());
        [
            ("input", nanos(self.base.input)),
            ("output", nanos(self.base.output)),
            ("cache_read", nanos(self.base.cache_read)),
            ("cache_write_5m", nanos(self.base.cache_write_5m)),
            ("cache_write_1h", nanos(self.base.cache_write_1h)),
        ]
    }
}

impl Rates {
    fn from_wire(name: &str, wire: &WireRates<'_>) -> Result<Self, String> {
        let number = |field: &str, value: Number<'_>| decimal(&format!("{name}.{field}"), value, PRICE_SCALE);
        Ok(Self {
            input: number("input", wire.input)?,
            output: number("output", wire.output)?,
            cache_read: number("cache_read", wire.cache_read)?,
            cache_write_5m: number("cache_write_5m", wire.cache_write_5m)?,
            cache_write_1h: number("cache_write_1h", wire.cache_write_1h)?,
        })
    }

    /// These rates × `by` ÷ `base`, where that is exact.
    fn scaled(&self, by: &Self, base: &Self) -> Self {
        let scale = |rate: Option<i128>, by: Option<i128>, base: Option<i128>| {
            let (product, base) = (rate?.checked_mul(by?)?, base?);
            (base != 0 && product % base == 0).then(|| product / base)
        };
        Self {
            input: scale(self.input, by.input, base.input),
            output: scale(self.output, by.output, base.output),
            cache_read: scale(self.cache_read, by.cache_read, base.cache_read),
            cache_write_5m: scale(self.cache_write_5m, by.cache_write_5m, base.cache_write_5m),
            cache_write_1h: scale(self.cache_write_1h, by.cache_write_1h, base.cache_write_1h),
        }
    }
}

/// A number's text as an integer of 10^-`scale`, refusing what that rounds.
fn decimal(name: &str, value: Number<'_>, scale: u32) -> Result<Option<i128>, String> {
    let Some(text) = value.map(RawValue::get).filter(|text| *text != "null") else { return Ok(None) };
    let exact = parse_scaled(text, scale).filter(|n| *n >= 0);
    let finer = parse_scaled(text, scale + 6);
    match (exact, finer) {
        (Some(exact), Some(finer)) if exact * 1_000_000 == finer => Ok(Some(exact)),
        _ => Err(format!("{name}: `{text}` is not a price with at most {scale} decimals")),
    }
}

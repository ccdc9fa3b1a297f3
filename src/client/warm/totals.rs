//! What one run of a process spent, out of totals that grow over its life.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use crate::{Event, StreamFormat, pricing::parse_usd_nanos, stream::MessageParser};

const COST: &str = "total_cost_usd";
const API_TIME: &str = "duration_api_ms";
const MODELS: &str = "modelUsage";
const MODEL_COST: &str = "costUSD";
/// Counts of a model; the others (`contextWindow` …) are its properties.
const COUNTS: [&str; 5] =
    ["inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens", "webSearchRequests"];

/// The totals of the last `result` line.
#[derive(Debug, Default)]
pub(super) struct Totals {
    cost: i64,
    api_time: i64,
    models: BTreeMap<String, Counts>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    counts: [i64; COUNTS.len()],
    cost: i64,
}

impl Counts {
    fn of(model: &Value) -> Self {
        Self { counts: COUNTS.map(|name| model[name].as_i64().unwrap_or(0)), cost: nanos(&model[MODEL_COST]) }
    }

    fn since(&self, before: &Self) -> Self {
        let mut counts = self.counts;
        counts.iter_mut().zip(before.counts).for_each(|(now, before)| *now -= before);
        Self { counts, cost: self.cost - before.cost }
    }

    fn is_negative(&self) -> bool {
        self.cost < 0 || self.counts.iter().any(|count| *count < 0)
    }
}

impl Totals {
    /// The `result` with the totals of its own run alone.
    pub(super) fn of_this_run(&mut self, event: Event) -> Event {
        let Ok(Value::Object(mut line)) = event.json() else { return event };
        let now = Self::of(&line);
        let difference = now.since(self);
        let first = self.models.is_empty() && self.cost == 0;
        let is_cumulative = !first && difference.covers(&line["usage"]);
        *self = now;
        if !is_cumulative {
            return event;
        }
        difference.write(&mut line);
        let rewritten = Value::Object(line).to_string();
        // What was read as JSON is JSON.
        MessageParser::new(StreamFormat::StreamJson).parse_line(&rewritten).ok().flatten().unwrap_or(event)
    }

    fn of(line: &Map<String, Value>) -> Self {
        let models = line.get(MODELS).and_then(Value::as_object);
        Self {
            cost: line.get(COST).map_or(0, nanos),
            api_time: line.get(API_TIME).and_then(Value::as_i64).unwrap_or(0),
            models: models.into_iter().flatten().map(|(name, of)| (name.clone(), Counts::of(of))).collect(),
        }
    }

    fn since(&self, before: &Self) -> Self {
        let spent = |(name, now): (&String, &Counts)| {
            let spent = now.since(&before.models.get(name).copied().unwrap_or_default());
            (spent != Counts::default()).then(|| (name.clone(), spent))
        };
        Self {
            cost: self.cost - before.cost,
            api_time: self.api_time - before.api_time,
            models: self.models.iter().filter_map(spent).collect(),
        }
    }

    /// Whether it can be what a run spent whose last turn used this much: a
    /// program that counts from zero for each run is not to be corrected.
    fn covers(&self, usage: &Value) -> bool {
        let sum = |at: usize| self.models.values().map(|model| model.counts[at]).sum::<i64>();
        let used = |name: &str| usage[name].as_i64().unwrap_or(0);
        self.cost >= 0
            && !self.models.values().any(Counts::is_negative)
            && sum(0) >= used("input_tokens")
            && sum(1) >= used("output_tokens")
            && sum(2) >= used("cache_read_input_tokens")
            && sum(3) >= used("cache_creation_input_tokens")
    }

    fn write(&self, line: &mut Map<String, Value>) {
        if let Some(cost) = line.get_mut(COST) {
            *cost = usd(self.cost);
        }
        if let Some(time) = line.get_mut(API_TIME) {
            *time = self.api_time.max(0).into();
        }
        if let Some(Value::Object(models)) = line.get_mut(MODELS) {
            models.retain(|name, _| self.models.contains_key(name));
            for (name, spent) in &self.models {
                let Some(model) = models.get_mut(name) else { continue };
                for (count, spent) in COUNTS.iter().zip(spent.counts) {
                    if model.get(count).is_some() {
                        model[*count] = spent.into();
                    }
                }
                if model.get(MODEL_COST).is_some() {
                    model[MODEL_COST] = usd(spent.cost);
                }
            }
        }
    }
}

fn nanos(usd: &Value) -> i64 {
    match usd {
        Value::Number(number) => parse_usd_nanos(&number.to_string()).unwrap_or(0),
        _ => 0,
    }
}

fn usd(nanos: i64) -> Value {
    Number::from_f64(nanos as f64 / 1e9).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::EventKind;

    fn result(cost: f64, input: i64, output: i64, models: &Value) -> Event {
        let line = json!({
            "type": "result", "subtype": "success", "is_error": false, "result": "x", "duration_api_ms": input,
            "total_cost_usd": cost, "usage": { "input_tokens": input, "output_tokens": output }, "modelUsage": models,
        });
        MessageParser::new(StreamFormat::StreamJson).parse_line(&line.to_string()).unwrap().unwrap()
    }

    fn model(input: i64, output: i64, cost: f64) -> Value {
        json!({ "inputTokens": input, "outputTokens": output, "costUSD": cost, "contextWindow": 200_000 })
    }

    /// A model, its input and output tokens, and its cost.
    type Model = (String, u64, u64, Option<i64>);

    fn spent(event: &Event) -> (Option<i64>, Vec<Model>) {
        let EventKind::Result(result) = event.kind() else { panic!("{event:?}") };
        let models = result.model_usage.iter();
        let models = models
            .map(|m| (m.model.to_string(), m.usage.input_tokens, m.usage.output_tokens, m.cost_nanos))
            .collect();
        (result.cost_nanos, models)
    }

    #[test]
    fn each_run_gets_what_it_spent() {
        let mut totals = Totals::default();
        let one = totals.of_this_run(result(0.08318, 10, 3, &json!({ "a": model(10, 3, 0.08318) })));
        assert_eq!(spent(&one), (Some(83_180_000), vec![("a".to_owned(), 10, 3, Some(83_180_000))]));
        // Of the same size, of floats that do not add up, and with another model beside it.
        let two = result(0.16686, 10, 3, &json!({ "a": model(20, 6, 0.16686), "b": model(0, 0, 0.0) }));
        let two = totals.of_this_run(two);
        assert_eq!(spent(&two), (Some(83_680_000), vec![("a".to_owned(), 10, 3, Some(83_680_000))]));
        assert_eq!(two.json().unwrap()["modelUsage"]["a"]["contextWindow"], 200_000);
        let three = result(
            0.334_219_999_999_999_96,
            5,
            1,
            &json!({ "a": model(20, 6, 0.16686), "b": model(7, 1, 0.16736) }),
        );
        let three = totals.of_this_run(three);
        assert_eq!(spent(&three), (Some(167_360_000), vec![("b".to_owned(), 7, 1, Some(167_360_000))]));
    }

    #[test]
    fn a_program_that_counts_each_run_for_itself_is_believed() {
        let mut totals = Totals::default();
        for (input, output) in [(10, 3), (10, 3), (4, 1), (40, 9)] {
            let line = result(0.5, input, output, &json!({ "a": model(input, output, 0.5) }));
            let (cost, models) = spent(&totals.of_this_run(line));
            assert_eq!((cost, models[0].1), (Some(500_000_000), input as u64));
        }
    }
}

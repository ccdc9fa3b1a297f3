//! What a run's totals say beyond its known requests.

use super::{ModelTotal, Name};
use crate::Usage;

/// A known row of a run, as far as the totals are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) model: Option<Name>,
    pub(crate) usage: Usage,
    /// The row's own reported cost.
    pub(crate) reported: Option<i64>,
    pub(crate) calculated: Option<i64>,
}

/// What is left over for one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remainder {
    pub(crate) model: String,
    pub(crate) usage: Usage,
    /// Its part of the reported cost.
    pub(crate) share: Option<i64>,
}

/// The outcome: a share of the reported cost per row, in the rows' order, and
/// the remainders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) shares: Vec<Option<i64>>,
    pub(crate) remainders: Vec<Remainder>,
}

/// Settles a run's totals with its known rows, which must come in a fixed order.
///
/// Per model, tokens that no row accounts for are a remainder, and so is a cost
/// that the rows' own reports leave over. A reported cost is dealt to the rows
/// that have no report of their own and to the remainder, in proportion to
/// their calculated costs (their tokens, where one of them has no price), so
/// that the parts add up to it to the nano-dollar.
pub(crate) fn settle(
    totals: &[ModelTotal],
    rows: &[Claim],
    price: &dyn Fn(&str, &Usage) -> Option<i64>,
) -> Settlement {
    let mut settlement = Settlement { shares: vec![None; rows.len()], remainders: Vec::new() };
    for total in totals {
        let of_model: Vec<usize> =
            (0..rows.len()).filter(|&i| rows[i].model.as_deref() == Some(&total.model)).collect();
        let left = left_over(&total.usage, of_model.iter().map(|&i| &rows[i].usage));
        let mut share = None;
        if let Some(cost) = total.cost {
            let reported: i64 = of_model.iter().filter_map(|&i| rows[i].reported).sum();
            let rest = (cost - reported).max(0);
            let open: Vec<usize> = of_model.into_iter().filter(|&i| rows[i].reported.is_none()).collect();
            let mut parts: Vec<(Option<i64>, &Usage)> =
                open.iter().map(|&i| (rows[i].calculated, &rows[i].usage)).collect();
            if !left.is_zero() || (open.is_empty() && rest > 0) {
                parts.push((price(&total.model, &left), &left));
            }
            let mut dealt = deal(rest, &parts);
            if parts.len() > open.len() {
                share = dealt.pop();
            }
            for (&row, part) in open.iter().zip(dealt) {
                settlement.shares[row] = Some(part);
            }
        }
        if !left.is_zero() || share.is_some() {
            settlement.remainders.push(Remainder { model: total.model.clone(), usage: left, share });
        }
    }
    settlement
}

/// The counts of `total` that `known` leave over, never below zero. Totals do
/// not split cache writes by lifetime; what is left of them is 5-minute writes.
fn left_over<'a>(total: &Usage, known: impl Iterator<Item = &'a Usage>) -> Usage {
    let mut seen = Usage::default();
    for usage in known {
        seen.input_tokens += usage.input_tokens;
        seen.output_tokens += usage.output_tokens;
        seen.cache_read_tokens += usage.cache_read_tokens;
        seen.cache_write_5m_tokens += usage.cache_write_5m_tokens + usage.cache_write_1h_tokens;
        seen.web_searches += usage.web_searches;
    }
    let writes = total.cache_write_5m_tokens + total.cache_write_1h_tokens;
    Usage {
        input_tokens: total.input_tokens.saturating_sub(seen.input_tokens),
        output_tokens: total.output_tokens.saturating_sub(seen.output_tokens),
        cache_read_tokens: total.cache_read_tokens.saturating_sub(seen.cache_read_tokens),
        cache_write_5m_tokens: writes.saturating_sub(seen.cache_write_5m_tokens),
        web_searches: total.web_searches.saturating_sub(seen.web_searches),
        ..Usage::default()
    }
}

/// Deals `amount` in proportion to calculated costs, or to tokens where a cost
/// is missing, or evenly where those are all zero.
fn deal(amount: i64, parts: &[(Option<i64>, &Usage)]) -> Vec<i64> {
    let by_cost: Option<Vec<i128>> = parts.iter().map(|p| p.0.map(i128::from)).collect();
    let weights = by_cost
        .filter(|w| w.iter().sum::<i128>() > 0)
        .or_else(|| Some(parts.iter().map(|p| i128::from(p.1.total_tokens())).collect()))
        .filter(|w| w.iter().sum::<i128>() > 0)
        .unwrap_or_else(|| vec![1; parts.len()]);
    let sum: i128 = weights.iter().sum();
    let mut dealt = Vec::with_capacity(parts.len());
    let (mut reached, mut given) = (0_i128, 0_i64);
    for weight in weights {
        reached += weight;
        // A running total that ends at `amount` exactly, whatever the rounding.
        let upto = i64::try_from(i128::from(amount) * reached / sum).unwrap_or(i64::MAX);
        dealt.push(upto - given);
        given = upto;
    }
    dealt
}

//! What is usual in a series, and what is not.

/// How anomalies are told: the modified z-score of Iglewicz and Hoaglin (1993),
/// 0.6745 × (value − median) ÷ MAD, beyond 3.5 either way. Where more than half
/// of the values are equal, and the MAD is 0, the mean absolute deviation stands
/// in for it: (value − median) ÷ (1.2533 × mean deviation).
pub const ANOMALY_METHOD: &str = "median absolute deviation, modified z-score beyond 3.5";
const BEYOND: f64 = 3.5;
/// With fewer known values there is no telling what is usual.
const FEWEST: usize = 8;

/// At each value the mean of the known ones among it and those before it,
/// `width` in all; `None` before there are as many, or where none is known.
pub(super) fn moving_average(values: &[Option<f64>], width: usize) -> Vec<Option<f64>> {
    let width = width.max(1);
    (0..values.len())
        .map(|at| {
            let window = values.get((at + 1).checked_sub(width)?..=at)?;
            let known = window.iter().flatten();
            let count = known.clone().count();
            (count > 0).then(|| known.sum::<f64>() / count as f64)
        })
        .collect()
}

/// The indexes of the values that stand out ([`ANOMALY_METHOD`]).
pub(super) fn anomalies(values: &[Option<f64>]) -> Vec<usize> {
    let mut known: Vec<f64> = values.iter().flatten().copied().collect();
    if known.len() < FEWEST {
        return Vec::new();
    }
    let middle = median(&mut known);
    let mut deviations: Vec<f64> = known.iter().map(|value| (value - middle).abs()).collect();
    let mean = deviations.iter().sum::<f64>() / deviations.len() as f64;
    let unit = match median(&mut deviations) {
        mad if mad > 0.0 => mad / 0.6745,
        _ => mean * 1.253_314,
    };
    let stands_out = |value: f64| (value - middle).abs() > BEYOND * unit;
    let marks = values.iter().enumerate().filter(|(_, value)| value.is_some_and(stands_out));
    marks.map(|(at, _)| at).collect()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values {
        [] => 0.0,
        _ if values.len() % 2 == 1 => values[half],
        _ => values[half - 1].midpoint(values[half]),
    }
}

#[cfg(test)]
mod tests {
    use super::{anomalies, moving_average};

    #[test]
    fn a_moving_average_leaves_out_what_is_unknown() {
        let values = [Some(1.0), None, Some(5.0), Some(4.0), None, None, None];
        let averages = moving_average(&values, 3);
        assert_eq!(averages, [None, None, Some(3.0), Some(4.5), Some(4.5), Some(4.0), None]);
        assert_eq!(moving_average(&values, 1), values);
    }

    #[test]
    fn what_stands_out_is_marked() {
        let mut values: Vec<Option<f64>> = (0..40).map(|n| Some(100.0 + f64::from(n % 5))).collect();
        assert!(anomalies(&values).is_empty());
        values[7] = Some(140.0);
        values[9] = None;
        values[30] = Some(0.0);
        assert_eq!(anomalies(&values), [7, 30]);
        // Mostly nothing, and once something.
        let mut quiet = vec![Some(0.0); 40];
        quiet[3] = Some(2.0);
        assert_eq!(anomalies(&quiet), [3]);
        assert!(anomalies(&[Some(1.0), Some(900.0)]).is_empty());
    }
}

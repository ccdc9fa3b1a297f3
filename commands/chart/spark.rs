//! A series on one line.

const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A series, from 0 to its largest value, as wide as asked for. Where several
/// values share a column, their mean counts; what is unknown is left blank.
pub(crate) fn spark(values: &[Option<f64>], width: usize) -> String {
    let columns = resampled(values, width);
    let most = columns.iter().flatten().copied().fold(0.0, f64::max);
    let step = |value: f64| match most > 0.0 && value > 0.0 {
        true => STEPS[((value / most * 8.0).ceil() as usize).clamp(1, 8) - 1],
        false => STEPS[0],
    };
    columns.into_iter().map(|value| value.map_or(' ', step)).collect()
}

/// Every value as often as there is room, or the mean of those that share a
/// column.
fn resampled(values: &[Option<f64>], width: usize) -> Vec<Option<f64>> {
    if values.is_empty() || width == 0 {
        return Vec::new();
    }
    if values.len() <= width {
        let times = width / values.len();
        return values.iter().flat_map(|&value| std::iter::repeat_n(value, times)).collect();
    }
    (0..width)
        .map(|column| {
            let part = &values[column * values.len() / width..(column + 1) * values.len() / width];
            let known: Vec<f64> = part.iter().flatten().copied().collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::spark;

    #[test]
    fn a_series_takes_the_room_it_has() {
        let ramp: Vec<Option<f64>> = (0..8).map(|n| Some(f64::from(n))).collect();
        assert_eq!(spark(&ramp, 8), "▁▂▃▄▅▆▇█");
        assert_eq!(spark(&ramp, 17), "▁▁▂▂▃▃▄▄▅▅▆▆▇▇██", "as much as goes evenly");
        assert_eq!(spark(&ramp, 4), "▁▄▆█");
        assert_eq!(spark(&[Some(1.0), None, Some(0.0), Some(2.0)], 4), "▄ ▁█");
        assert_eq!(spark(&[None, None, Some(1.0), Some(3.0)], 2), " █");
        assert_eq!(spark(&[Some(0.0)], 3), "▁▁▁");
        assert_eq!((spark(&[], 9), spark(&ramp, 0)), (String::new(), String::new()));
    }
}

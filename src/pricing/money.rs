//! Exact decimal money.

/// Nano-dollars in a dollar.
pub(crate) const NANOS: i64 = 1_000_000_000;

/// Reads a decimal number exactly, in units of 10^-`scale`. Digits beyond that
/// are rounded half to even. `None` if it is no number, or does not fit.
pub(crate) fn parse_scaled(text: &str, scale: u32) -> Option<i128> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if (whole.is_empty() && fraction.is_empty())
        || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let mut digits = 0_i128;
    for byte in whole.bytes().chain(fraction.bytes()) {
        digits = digits.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
    }
    let shift =
        i32::try_from(scale).ok()?.checked_add(exponent)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let value = if digits == 0 {
        0
    } else if shift >= 0 {
        digits.checked_mul(10_i128.checked_pow(shift.unsigned_abs())?)?
    } else {
        // Far below the last digit kept: certainly less than half of it.
        10_i128.checked_pow(shift.unsigned_abs()).map_or(0, |by| div_half_even(digits, by))
    };
    Some(if negative { -value } else { value })
}

/// Divides a number that is not negative, rounding half to even.
pub(crate) const fn div_half_even(value: i128, by: i128) -> i128 {
    let (quotient, rest) = (value / by, value % by);
    let up = rest > by - rest || (rest == by - rest && quotient % 2 == 1);
    quotient + up as i128
}

/// Reads an amount of dollars, such as `0.0123` or `1e-05`, as nano-dollars;
/// half a nano-dollar rounds to even. `None` if it is no number.
#[must_use]
pub fn parse_usd_nanos(text: &str) -> Option<i64> {
    i64::try_from(parse_scaled(text, 9)?).ok()
}

/// Writes nano-dollars as dollars with at least `decimals` decimals (at most
/// 9), and as many more as the amount needs when `exact`.
#[must_use]
pub fn format_usd(nanos: i64, decimals: usize, exact: bool) -> String {
    let decimals = decimals.min(9);
    let magnitude = i128::from(nanos).abs();
    if exact {
        let whole = magnitude / i128::from(NANOS);
        let mut fraction = format!("{:09}", magnitude % i128::from(NANOS));
        while fraction.len() > decimals && fraction.ends_with('0') {
            fraction.pop();
        }
        let sign = if nanos < 0 { "-" } else { "" };
        return if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") };
    }
    let unit = 10_i128.pow(9 - decimals as u32);
    let rounded = div_half_even(magnitude, unit);
    let per = 10_i128.pow(decimals as u32);
    let sign = if nanos < 0 && rounded > 0 { "-" } else { "" };
    if decimals == 0 {
        return format!("{sign}{rounded}");
    }
    format!("{sign}{}.{:0decimals$}", rounded / per, rounded % per)
}

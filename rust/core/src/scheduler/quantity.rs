//! Quantities as the scheduler counts them: whole units, or thousandths for cpu, always rounded up.
//!
//! Invariant: a value beyond 64 bits saturates; no text makes this panic or loop.
//! Not here: canonical forms (see `object`).

/// Digits kept of a number: all that a result of 64 bits can show. Times 2^60 they still fit in 128 bits.
const DIGITS_MAX: usize = 20;

/// Longer texts are refused, and so are exponents of more digits.
const TEXT_MAX: usize = 1000;
const EXPONENT_DIGITS_MAX: usize = 18;

/// Exponents beyond this are saturated or rounded up to the smallest unit all the same.
const EXPONENT_MAX: i64 = 60;

/// The quantity in units, rounded up. `None` when the text is not a quantity.
pub fn value(text: &str) -> Option<i64> {
    scaled(text, 0)
}

/// The quantity in thousandths, rounded up. `None` when the text is not a quantity.
pub fn milli_value(text: &str) -> Option<i64> {
    scaled(text, 3)
}

fn scaled(text: &str, shift: i64) -> Option<i64> {
    if text.len() > TEXT_MAX {
        return None;
    }
    let (is_negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (digits, decimals, is_cut) = mantissa(&rest[..end])?;
    let (exponent, binary) = suffix(&rest[end..])?;
    let magnitude = round_up(digits << binary, exponent + shift - decimals, is_cut, is_negative);
    let signed = if is_negative { magnitude.saturating_neg() } else { magnitude };
    Some(signed.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
}

/// "1.50" -> (150, 2, false): digits, decimals, whether digits other than 0 were cut off.
fn mantissa(number: &str) -> Option<(i128, i64, bool)> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let (mut digits, mut decimals, mut seen, mut is_cut) = (0i128, 0i64, 0usize, false);
    for (is_fraction, byte) in whole.bytes().map(|b| (false, b)).chain(fraction.bytes().map(|b| (true, b))) {
        if seen >= DIGITS_MAX {
            is_cut |= byte != b'0';
            decimals -= i64::from(!is_fraction);
            continue;
        }
        digits = digits * 10 + i128::from(byte - b'0');
        seen += usize::from(digits > 0);
        decimals += i64::from(is_fraction);
    }
    Some((digits, decimals, is_cut))
}

/// (power of ten, power of two) of a suffix.
fn suffix(text: &str) -> Option<(i64, u32)> {
    Some(match text {
        "" => (0, 0),
        "n" => (-9, 0),
        "u" => (-6, 0),
        "m" => (-3, 0),
        "k" => (3, 0),
        "M" => (6, 0),
        "G" => (9, 0),
        "T" => (12, 0),
        "P" => (15, 0),
        "E" => (18, 0),
        "Ki" => (0, 10),
        "Mi" => (0, 20),
        "Gi" => (0, 30),
        "Ti" => (0, 40),
        "Pi" => (0, 50),
        "Ei" => (0, 60),
        _ => (exponent(text.strip_prefix(['e', 'E'])?)?, 0),
    })
}

fn exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.len() > EXPONENT_DIGITS_MAX || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.parse::<i64>().ok()?.clamp(-EXPONENT_MAX, EXPONENT_MAX))
}

/// number x 10^exponent, rounded up; `is_cut`: the true number is a little larger in magnitude.
fn round_up(mut number: i128, exponent: i64, is_cut: bool, is_negative: bool) -> i128 {
    // 40 steps take any 128-bit number to saturation or to 0.
    if exponent >= 0 {
        for _ in 0..exponent.min(40) {
            number = number.saturating_mul(10);
        }
        return number;
    }
    let mut is_exact = !is_cut;
    for _ in 0..exponent.unsigned_abs().min(40) {
        is_exact &= number % 10 == 0;
        number /= 10;
    }
    number + i128::from(!is_exact && !is_negative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_scale_and_round_up() {
        for (text, units, milli) in [
            ("1", 1, 1000),
            ("100m", 1, 100),
            ("1.5", 2, 1500),
            ("0.1", 1, 100),
            ("1500u", 1, 2),
            ("1n", 1, 1),
            ("2Gi", 2 << 30, 1000 * (2 << 30)),
            ("1.5Ki", 1536, 1_536_000),
            ("1e3", 1000, 1_000_000),
            ("5E", 5_000_000_000_000_000_000, i64::MAX),
            ("-1500m", -1, -1500),
            ("0", 0, 0),
        ] {
            assert_eq!((value(text), milli_value(text)), (Some(units), Some(milli)), "{text}");
        }
    }

    #[test]
    fn absurd_numbers_saturate() {
        assert_eq!(value("9999999999999999999999999999999999999999999999Ei"), Some(i64::MAX));
        assert_eq!(value("1e999999"), Some(i64::MAX));
        assert_eq!(value("1e-999999"), Some(1));
        assert_eq!(value("1.234567890123456789012345Ei"), Some(1_423_359_869_420_436_338));
        assert_eq!(value("1.00000000000000000000000000001"), Some(2));
        assert_eq!(value("-99999999999999999999999Ei"), Some(i64::MIN));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "-", ".", "1.2.3", "1x", "Ki", "1 Ki", "e3", "1e", "0x10", "١"] {
            assert_eq!(value(text), None, "{text}");
        }
    }
}

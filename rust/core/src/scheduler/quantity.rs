//! Quantities as the scheduler counts them: whole units, or thousandths for cpu, rounded up, at most 64 bits.
//!
//! Invariant: the short forms read here mean what `object::quantity` says; everything else is read there.
//! Not here: exact arithmetic and canonical forms (see `object::quantity`).

use crate::object::quantity::Quantity;

/// Digits of a short form: with any binary suffix up to Gi, or times 1000, it stays far below 2^63.
const DIGITS_MAX: usize = 9;

/// The quantity in units. `None` when the text is not a quantity.
pub fn value(text: &str) -> Option<i64> {
    let (number, shift) = match text.as_bytes() {
        [.., b'K', b'i'] => (&text[..text.len() - 2], 10),
        [.., b'M', b'i'] => (&text[..text.len() - 2], 20),
        [.., b'G', b'i'] => (&text[..text.len() - 2], 30),
        _ => (text, 0),
    };
    match short(number) {
        Some(number) => Some(number << shift),
        None => Quantity::parse(text).ok().map(|q| q.value()),
    }
}

/// The quantity in thousandths. `None` when the text is not a quantity.
pub fn milli_value(text: &str) -> Option<i64> {
    let (number, unit) = text.strip_suffix('m').map_or((text, 1000), |milli| (milli, 1));
    match short(number) {
        Some(number) => Some(number * unit),
        None => Quantity::parse(text).ok().map(|q| q.milli_value()),
    }
}

/// A short run of digits.
fn short(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > DIGITS_MAX || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_mean_what_the_exact_reader_says() {
        for number in [
            "0",
            "1",
            "007",
            "100",
            "250",
            "999999999",
            "1234567890",
            "1.5",
            "0.1",
            "-3",
            "1e3",
            "9e99",
            "",
            "x",
        ] {
            for suffix in ["", "m", "k", "Ki", "Mi", "Gi", "Ti", "Ei", "n", "M", "i"] {
                let text = format!("{number}{suffix}");
                let exact = Quantity::parse(&text).ok();
                assert_eq!(value(&text), exact.as_ref().map(Quantity::value), "{text}");
                assert_eq!(milli_value(&text), exact.as_ref().map(Quantity::milli_value), "{text}");
            }
        }
    }
}

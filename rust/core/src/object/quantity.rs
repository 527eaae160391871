//! Quantities: `500m`, `1.5Gi`, `1e3`; exact decimal numbers that remember how they like to be written.
//!
//! Invariant: an amount is a whole number of billionths, so sums and comparisons are exact; the text is the canonical
//! form, and parsing that gives the same quantity back.
//! Not here: which resources may have fractions (validation).

use std::cmp::Ordering;
use std::fmt;

/// Longest number and largest exponent accepted: far beyond anything real, small enough to stay cheap.
const DIGITS_MAX: usize = 1000;
const EXPONENT_MAX: i32 = 1000;

/// Binary quantities are capped at the largest i64.
const BINARY_MAX: &[u8] = b"9223372036854775807";

pub const FORMAT_WRONG: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
pub const NUMBER_WRONG: &str = "unable to parse numeric part of quantity";
pub const SUFFIX_WRONG: &str = "unable to parse quantity's suffix";

const DECIMAL_SUFFIXES: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const BINARY_SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    DecimalSi,
    BinarySi,
    DecimalExponent,
}

/// (-1 if negative) x digits x 10^exponent, without zeros at either end of the digits; zero has no digits.
#[derive(Clone, Debug)]
pub struct Quantity {
    is_negative: bool,
    digits: Vec<u8>,
    exponent: i32,
    format: Format,
}

impl Quantity {
    pub const ZERO: Quantity =
        Quantity { is_negative: false, digits: Vec::new(), exponent: 0, format: Format::DecimalSi };

    /// Read a quantity; fractions below a billionth are rounded away from zero. Errors are kube-apiserver's words.
    pub fn parse(text: &str) -> Result<Quantity, &'static str> {
        let parts = split(text)?;
        let (base, exponent, format) = scale(parts.suffix)?;
        if parts.whole.len() + parts.fraction.len() > DIGITS_MAX {
            return Err(NUMBER_WRONG);
        }
        let mut digits = [parts.whole.as_bytes(), parts.fraction.as_bytes()].concat();
        let mut shift = -(parts.fraction.len() as i32);
        if base == 10 {
            shift += exponent;
        } else {
            digits = times_1024(&digits, exponent / 10);
        }
        let mut quantity = Quantity { is_negative: parts.is_negative, digits, exponent: shift, format };
        quantity.round_up(-9);
        quantity.settle_binary();
        Ok(quantity)
    }

    pub fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Away from zero to a multiple of 10^scale; -3 gives thousandths.
    pub fn round_up(&mut self, scale: i32) {
        let cut = (scale - self.exponent).max(0) as usize;
        if cut > 0 {
            let kept = self.digits.len().saturating_sub(cut);
            let lost = self.digits.split_off(kept);
            self.exponent = scale;
            if lost.iter().any(|&digit| digit != b'0') {
                increment(&mut self.digits);
            }
        }
        self.normalise();
    }

    /// Thousandths, rounded away from zero, at most what an i64 holds.
    pub fn milli_value(&self) -> i64 {
        self.scaled_value(-3)
    }

    /// Whole units, rounded away from zero, at most what an i64 holds.
    pub fn value(&self) -> i64 {
        self.scaled_value(0)
    }

    fn scaled_value(&self, scale: i32) -> i64 {
        let mut rounded = self.clone();
        rounded.round_up(scale);
        let zeros = rounded.exponent.saturating_sub(scale).max(0) as usize;
        if rounded.digits.len() + zeros > 19 {
            return if self.is_negative { i64::MIN } else { i64::MAX };
        }
        rounded.digits.resize(rounded.digits.len() + zeros, b'0');
        let magnitude = number(&rounded.digits);
        if self.is_negative {
            i64::try_from(-(magnitude as i128)).unwrap_or(i64::MIN)
        } else {
            i64::try_from(magnitude).unwrap_or(i64::MAX)
        }
    }

    /// The sum, in the format of the left side unless that is zero.
    pub fn plus(&self, other: &Quantity) -> Quantity {
        let exponent = self.exponent.min(other.exponent);
        let (a, b) = (self.aligned(exponent), other.aligned(exponent));
        let format = if self.is_zero() { other.format } else { self.format };
        let (is_negative, digits) = if self.is_negative == other.is_negative {
            (self.is_negative, add(&a, &b))
        } else if magnitude_order(&a, &b) == Ordering::Less {
            (other.is_negative, subtract(&b, &a))
        } else {
            (self.is_negative, subtract(&a, &b))
        };
        let mut sum = Quantity { is_negative, digits, exponent, format };
        sum.normalise();
        sum
    }

    /// The digits at a lower exponent.
    fn aligned(&self, exponent: i32) -> Vec<u8> {
        let mut digits = self.digits.clone();
        if !digits.is_empty() {
            digits.resize(digits.len() + (self.exponent - exponent) as usize, b'0');
        }
        digits
    }

    fn normalise(&mut self) {
        let leading = self.digits.iter().take_while(|&&digit| digit == b'0').count();
        self.digits.drain(..leading);
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
            self.exponent += 1;
        }
        if self.digits.is_empty() {
            (self.is_negative, self.exponent) = (false, 0);
        }
    }

    /// Cap a binary quantity, and write one between 0 and 1 in decimal.
    fn settle_binary(&mut self) {
        if self.format != Format::BinarySi || self.is_zero() {
            return;
        }
        let magnitude = self.digits.len() as i32 + self.exponent;
        if magnitude <= 0 {
            self.format = Format::DecimalSi;
        } else if magnitude as usize >= BINARY_MAX.len() {
            let cap = Quantity { digits: BINARY_MAX.to_vec(), exponent: 0, ..self.clone() };
            if (*self > cap) != self.is_negative && *self != cap {
                *self = cap;
            }
        }
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            _ => {}
        }
        let exponent = self.exponent.min(other.exponent);
        let order = magnitude_order(&self.aligned(exponent), &other.aligned(exponent));
        if self.is_negative {
            order.reverse()
        } else {
            order
        }
    }
}

impl fmt::Display for Quantity {
    /// The canonical form: no fraction, the largest suffix that loses nothing.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return out.write_str("0");
        }
        if self.is_negative {
            out.write_str("-")?;
        }
        let is_whole = self.exponent >= 0;
        if self.format == Format::BinarySi && is_whole && self.digits.len() as i32 + self.exponent < 38 {
            let magnitude = number(&self.aligned(0));
            if magnitude >= 1024 {
                let (mantissa, count) = without_factors(magnitude);
                return write!(out, "{mantissa}{}", BINARY_SUFFIXES[count]);
            }
        }
        self.fmt_decimal(out)
    }
}

impl Quantity {
    fn fmt_decimal(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut exponent = self.exponent - self.exponent.rem_euclid(3);
        if self.format != Format::DecimalExponent {
            exponent = exponent.min(18);
        }
        out.write_str(std::str::from_utf8(&self.digits).expect("digits are ASCII"))?;
        for _ in exponent..self.exponent {
            out.write_str("0")?;
        }
        match self.format {
            Format::DecimalExponent if exponent == 0 => Ok(()),
            Format::DecimalExponent => write!(out, "e{exponent}"),
            _ => out.write_str(DECIMAL_SUFFIXES[(exponent / 3 + 3) as usize]),
        }
    }
}

/// The canonical form of a quantity's text.
pub fn canonical(text: &str) -> Result<String, &'static str> {
    Ok(Quantity::parse(text)?.to_string())
}

struct Parts<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    let bytes = text.as_bytes();
    let skip = |mut at: usize, wanted: fn(&u8) -> bool| {
        while bytes.get(at).is_some_and(wanted) {
            at += 1;
        }
        at
    };
    if bytes.is_empty() {
        return Err(FORMAT_WRONG);
    }
    let start = usize::from(matches!(bytes[0], b'-' | b'+'));
    let mut at = skip(start, u8::is_ascii_digit);
    let whole = &text[start..at];
    let mut fraction = "";
    if bytes.get(at) == Some(&b'.') {
        let end = skip(at + 1, u8::is_ascii_digit);
        fraction = &text[at + 1..end];
        at = end;
    }
    let mut end = skip(at, |byte| b"eEinumkKMGTP".contains(byte));
    if matches!(bytes.get(end), Some(b'+' | b'-')) {
        end += 1;
    }
    if skip(end, u8::is_ascii_digit) < bytes.len() {
        return Err(FORMAT_WRONG);
    }
    let whole = whole.trim_start_matches('0');
    Ok(Parts { is_negative: bytes[0] == b'-', whole, fraction, suffix: &text[at..] })
}

/// (base, exponent, format) that a suffix stands for.
fn scale(suffix: &str) -> Result<(i32, i32, Format), &'static str> {
    if let Some(index) = DECIMAL_SUFFIXES.iter().position(|&known| known == suffix) {
        return Ok((10, 3 * index as i32 - 9, Format::DecimalSi));
    }
    if let Some(index) = BINARY_SUFFIXES.iter().position(|&known| known == suffix) {
        return Ok((2, 10 * index as i32, Format::BinarySi));
    }
    let text = suffix.strip_prefix(['e', 'E']).ok_or(SUFFIX_WRONG)?;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(SUFFIX_WRONG);
    }
    let significant = digits.trim_start_matches('0');
    let exponent = if significant.is_empty() { 0 } else { significant.parse().map_err(|_| SUFFIX_WRONG)? };
    if exponent > EXPONENT_MAX {
        return Err(SUFFIX_WRONG);
    }
    Ok((10, if text.starts_with('-') { -exponent } else { exponent }, Format::DecimalExponent))
}

/// Digits times 1024^count.
fn times_1024(digits: &[u8], count: i32) -> Vec<u8> {
    let mut little_endian: Vec<u32> = digits.iter().rev().map(|digit| u32::from(digit - b'0')).collect();
    for _ in 0..count {
        let mut carry = 0;
        for digit in &mut little_endian {
            carry += *digit * 1024;
            *digit = carry % 10;
            carry /= 10;
        }
        while carry > 0 {
            little_endian.push(carry % 10);
            carry /= 10;
        }
    }
    little_endian.iter().rev().map(|&digit| b'0' + digit as u8).collect()
}

fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

fn magnitude_order(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut sum = Vec::with_capacity(a.len().max(b.len()) + 1);
    let mut carry = 0;
    for index in 0..a.len().max(b.len()) {
        let digit = |digits: &[u8]| digits.len().checked_sub(index + 1).map_or(0, |at| digits[at] - b'0');
        carry += digit(a) + digit(b);
        sum.push(b'0' + carry % 10);
        carry /= 10;
    }
    if carry > 0 {
        sum.push(b'0' + carry);
    }
    sum.reverse();
    sum
}

/// a - b, where a >= b.
fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut difference = a.to_vec();
    let mut borrow = 0;
    for index in 0..a.len() {
        let at = a.len() - 1 - index;
        let minus = b.len().checked_sub(index + 1).map_or(0, |at| b[at] - b'0') + borrow;
        let digit = a[at] - b'0';
        borrow = u8::from(digit < minus);
        difference[at] = b'0' + digit + 10 * borrow - minus;
    }
    difference
}

/// At most 38 digits.
fn number(digits: &[u8]) -> u128 {
    digits.iter().fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'))
}

fn without_factors(mut magnitude: u128) -> (u128, usize) {
    let mut count = 0;
    while magnitude % 1024 == 0 && count + 1 < BINARY_SUFFIXES.len() {
        magnitude /= 1024;
        count += 1;
    }
    (magnitude, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_form_is_what_kube_apiserver_writes() {
        let cases = [
            ("0", "0"),
            ("-0", "0"),
            ("-", "0"),
            ("1000m", "1"),
            ("0.5", "500m"),
            ("-1.5", "-1500m"),
            ("1.5Gi", "1536Mi"),
            ("1025Ki", "1025Ki"),
            ("0.5Gi", "512Mi"),
            ("1E4", "10e3"),
            ("1e-3", "1e-3"),
            ("0.1n", "1n"),
            ("12345.678", "12345678m"),
            ("0.1Ki", "102400m"),
            ("9Ei", "9223372036854775807"),
            ("-9Ei", "-9223372036854775807"),
            ("1000E", "1000E"),
            ("1e100", "10e99"),
            ("1.0000000001", "1000000001n"),
            ("999999999.9999999999", "1G"),
        ];
        for (text, expected) in cases {
            assert_eq!(canonical(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn bad_quantities_are_refused_in_kubernetes_words() {
        let long = "1".repeat(5000);
        let cases = [
            ("", FORMAT_WRONG),
            ("1x", FORMAT_WRONG),
            ("1.5.5", FORMAT_WRONG),
            ("--1", SUFFIX_WRONG),
            ("1ki", SUFFIX_WRONG),
            ("1e99999999999", SUFFIX_WRONG),
            (&long, NUMBER_WRONG),
        ];
        for (text, expected) in cases {
            assert_eq!(canonical(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn sums_and_comparisons_are_exact() {
        let quantity = |text| Quantity::parse(text).unwrap();
        assert_eq!(quantity("512Mi").plus(&quantity("512Mi")).to_string(), "1Gi");
        assert_eq!(quantity("1Ki").plus(&quantity("-2Ki")).to_string(), "-1Ki");
        assert_eq!(quantity("1").plus(&quantity("-1m")).to_string(), "999m");
        assert_eq!(quantity("1Ki"), quantity("1.024e3"));
        assert!(quantity("999m") < quantity("1") && quantity("-2") < quantity("-1"));
        assert_eq!((quantity("1500u").milli_value(), quantity("-1500m").value()), (2, -2));
        assert_eq!(quantity("1e100").value(), i64::MAX);
    }
}

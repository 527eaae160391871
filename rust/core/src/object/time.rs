//! Times as Kubernetes reads and writes them: RFC 3339, in UTC, whole seconds or microseconds.
//!
//! Invariant: what `Time::parse` accepts, `to_seconds` or `to_micros` writes as Go's marshaller would.
//! Not here: what time it is.

const SECONDS_PER_DAY: i64 = 86_400;
const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// The first second of year 0, and the first after year 9999.
const YEAR_0_S: i64 = -62_167_219_200;
const YEAR_10000_S: i64 = 253_402_300_800;
/// 0001-01-01T00:00:00Z, Go's zero time.
const ZERO_S: i64 = -62_135_596_800;

/// Seconds since the epoch, and nanoseconds within the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    pub seconds: i64,
    pub nanos: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    Seconds,
    Micros,
}

impl Precision {
    fn layout(self) -> &'static str {
        match self {
            Precision::Seconds => "2006-01-02T15:04:05Z07:00",
            Precision::Micros => "2006-01-02T15:04:05.000000Z07:00",
        }
    }
}

impl Time {
    /// Read a time; the error is the one of Go's time.Parse.
    pub fn parse(text: &str, precision: Precision) -> Result<Time, String> {
        Parser { text, rest: text, precision }.parse()
    }

    /// The time so many seconds and nanoseconds after the epoch; None outside of the years 0 to 9999.
    pub fn of(seconds: i64, nanos: i32) -> Option<Time> {
        let seconds = seconds.checked_add(i64::from(nanos).div_euclid(NANOS_PER_SECOND))?;
        let nanos = i64::from(nanos).rem_euclid(NANOS_PER_SECOND) as u32;
        (YEAR_0_S..YEAR_10000_S).contains(&seconds).then_some(Time { seconds, nanos })
    }

    pub fn is_zero(self) -> bool {
        self.seconds == ZERO_S && self.nanos == 0
    }

    /// As JSON has it; None for Go's zero time, which is null.
    pub fn to_text(self, precision: Precision) -> Option<String> {
        if self.is_zero() {
            return None;
        }
        let (year, month, day) = civil(self.seconds.div_euclid(SECONDS_PER_DAY));
        let second = self.seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let fraction = match precision {
            Precision::Seconds => String::new(),
            Precision::Micros => format!(".{:06}", self.nanos / 1000),
        };
        Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"))
    }
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    precision: Precision,
}

impl<'a> Parser<'a> {
    fn parse(mut self) -> Result<Time, String> {
        let year = self.year()?;
        self.skip("-")?;
        let month = self.number("01", true)?;
        self.in_range((1..=12).contains(&month), "month")?;
        self.skip("-")?;
        let day = self.number("02", true)?;
        self.skip("T")?;
        let hour = self.number("15", false)?;
        self.in_range(hour < 24, "hour")?;
        self.skip(":")?;
        let minute = self.number("04", true)?;
        self.in_range(minute < 60, "minute")?;
        self.skip(":")?;
        let second = self.number("05", true)?;
        self.in_range(second < 60, "second")?;
        let nanos = self.fraction()?;
        let offset_s = self.zone()?;
        if !self.rest.is_empty() {
            return Err(format!("parsing time {}: extra text: {}", quote(self.text), quote(self.rest)));
        }
        self.in_range((1..=days_in(year, month)).contains(&day), "day")?;
        let days = days_from_civil(year, month, day);
        let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset_s;
        Ok(Time { seconds, nanos })
    }

    fn wrong(&self, element: &str) -> String {
        let layout = self.precision.layout();
        format!(
            "parsing time {} as \"{layout}\": cannot parse {} as \"{element}\"",
            quote(self.text),
            quote(self.rest)
        )
    }

    fn in_range(&self, is_in_range: bool, what: &str) -> Result<(), String> {
        if is_in_range {
            return Ok(());
        }
        Err(format!("parsing time {}: {what} out of range", quote(self.text)))
    }

    fn skip(&mut self, element: &str) -> Result<(), String> {
        self.rest = self.rest.strip_prefix(element).ok_or_else(|| self.wrong(element))?;
        Ok(())
    }

    fn year(&mut self) -> Result<i64, String> {
        let digits = self.leading_digits();
        if digits < 4 {
            return Err(self.wrong("2006"));
        }
        Ok(self.take(4))
    }

    /// Two digits, or one where Go is content with one.
    fn number(&mut self, element: &str, is_fixed: bool) -> Result<i64, String> {
        match self.leading_digits() {
            0 => Err(self.wrong(element)),
            1 if is_fixed => Err(self.wrong(element)),
            1 => Ok(self.take(1)),
            _ => Ok(self.take(2)),
        }
    }

    fn leading_digits(&self) -> usize {
        self.rest.bytes().take_while(u8::is_ascii_digit).count()
    }

    fn take(&mut self, digits: usize) -> i64 {
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        number.parse().expect("at most four digits")
    }

    /// A fraction is optional in whole seconds, and has exactly six digits in microseconds.
    fn fraction(&mut self) -> Result<u32, String> {
        let has_point = self.rest.starts_with(['.', ',']);
        let digits =
            if has_point { self.rest[1..].bytes().take_while(u8::is_ascii_digit).count() } else { 0 };
        let taken = match self.precision {
            Precision::Seconds => digits,
            Precision::Micros if digits >= 6 => 6,
            Precision::Micros => return Err(self.wrong(".000000")),
        };
        if taken == 0 {
            return Ok(0);
        }
        let nanos = format!("{:0<9}", &self.rest[1..=taken.min(9)]);
        self.rest = &self.rest[taken + 1..];
        Ok(nanos.parse().expect("nine digits"))
    }

    /// Seconds east of UTC.
    fn zone(&mut self) -> Result<i64, String> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        let bytes = self.rest.as_bytes();
        let is_well_formed = bytes.len() >= 6
            && matches!(bytes[0], b'+' | b'-')
            && bytes[3] == b':'
            && [1, 2, 4, 5].iter().all(|&at| bytes[at].is_ascii_digit());
        if !is_well_formed {
            return Err(self.wrong("Z07:00"));
        }
        let pair = |at: usize| i64::from(bytes[at] - b'0') * 10 + i64::from(bytes[at + 1] - b'0');
        let (hours, minutes) = (pair(1), pair(4));
        self.in_range(hours <= 24, "time zone offset hour")?;
        self.in_range(minutes <= 60, "time zone offset minute")?;
        let offset_s = hours * 3600 + minutes * 60;
        let is_west = bytes[0] == b'-';
        self.rest = &self.rest[6..];
        Ok(if is_west { -offset_s } else { offset_s })
    }
}

/// As Go's time package quotes: printable ASCII as it is, quotes and backslashes escaped, other bytes in hexadecimal.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(byte as char);
            }
            b' '..=b'~' | 0x7f => out.push(byte as char),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out + "\""
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; years are counted from March, eras of 400 years.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of `days_from_civil`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, precision: Precision) -> Option<String> {
        Time::parse(text, precision).expect(text).to_text(precision)
    }

    #[test]
    fn times_are_written_in_utc() {
        let cases = [
            ("2026-01-31T23:59:59Z", "2026-01-31T23:59:59Z"),
            ("2026-01-31T23:59:59.987654321+02:30", "2026-01-31T21:29:59Z"),
            ("2024-02-29T00:00:00-01:00", "2024-02-29T01:00:00Z"),
            ("1969-12-31T5:00:00Z", "1969-12-31T05:00:00Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(written(text, Precision::Seconds).as_deref(), Some(expected));
        }
        assert_eq!(written("0001-01-01T00:00:00Z", Precision::Seconds), None);
        assert_eq!(
            written("2026-01-01T00:00:00.123456Z", Precision::Micros).as_deref(),
            Some("2026-01-01T00:00:00.123456Z")
        );
    }

    #[test]
    fn bad_times_are_refused_in_the_words_of_go() {
        let cases = [
            ("x", "parsing time \"x\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"x\" as \"2006\""),
            (
                "2026-1-01T00:00:00Z",
                "parsing time \"2026-1-01T00:00:00Z\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"1-01T00:00:00Z\" as \"01\"",
            ),
            ("2026-13-01T00:00:00Z", "parsing time \"2026-13-01T00:00:00Z\": month out of range"),
            ("2026-02-29T00:00:00Z", "parsing time \"2026-02-29T00:00:00Z\": day out of range"),
            ("2026-02-28T00:00:00Zé", "parsing time \"2026-02-28T00:00:00Z\\xc3\\xa9\": extra text: \"\\xc3\\xa9\""),
            (
                "2026-02-28T00:00:00",
                "parsing time \"2026-02-28T00:00:00\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"Z07:00\"",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(Time::parse(text, Precision::Seconds), Err(expected.into()));
        }
    }
}

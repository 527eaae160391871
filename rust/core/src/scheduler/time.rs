//! Times as Kubernetes writes them: RFC 3339.
//!
//! Not here: clocks; the engine never asks what time it is.

/// Seconds since the epoch of `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH:MM)`. None when unreadable.
pub fn seconds(text: &str) -> Option<f64> {
    let (date, rest) = text.split_once('T')?;
    let year: i64 = part(date, 0, 4)?;
    let (month, day): (i64, i64) = (part(date, 5, 7)?, part(date, 8, 10)?);
    let (hour, minute, second): (i64, i64, i64) = (part(rest, 0, 2)?, part(rest, 3, 5)?, part(rest, 6, 8)?);
    let is_dashed = date.len() == 10 && &date[4..5] == "-" && &date[7..8] == "-";
    let is_clock = &rest[2..3] == ":" && &rest[5..6] == ":" && hour < 24 && minute < 60 && second < 60;
    if !is_dashed || !is_clock || !(1..=12).contains(&month) || !(1..=31).contains(&day) || year < 1 {
        return None;
    }
    let (fraction, offset_s) = tail(rest.get(8..)?)?;
    let whole = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset_s;
    Some(whole as f64 + fraction)
}

fn part(text: &str, from: usize, to: usize) -> Option<i64> {
    let digits = text.get(from..to)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The fraction of a second and the offset from UTC in seconds.
fn tail(text: &str) -> Option<(f64, i64)> {
    let (fraction, zone) = match text.strip_prefix('.') {
        None => (0.0, text),
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            if end == 0 || end > 9 {
                return None;
            }
            (format!("0.{}", &rest[..end]).parse().ok()?, &rest[end..])
        }
    };
    if zone == "Z" {
        return Some((fraction, 0));
    }
    let (sign, rest) = match zone.as_bytes().first()? {
        b'+' => (1, &zone[1..]),
        b'-' => (-1, &zone[1..]),
        _ => return None,
    };
    let is_shaped = rest.len() == 5 && rest.get(2..3) == Some(":");
    let (hours, minutes) = (part(rest, 0, 2)?, part(rest, 3, 5)?);
    is_shaped.then_some((fraction, sign * (hours * 3600 + minutes * 60)))
}

/// Days from 1970-01-01 to the date. Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_are_counted_from_the_epoch() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(seconds("2000-02-29T12:00:01.5Z"), Some(951_825_601.5));
        assert_eq!(seconds("2026-01-01T01:00:00+01:00"), Some(1_767_225_600.0));
        for wrong in
            ["", "2026", "2026-01-01", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z"]
        {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}

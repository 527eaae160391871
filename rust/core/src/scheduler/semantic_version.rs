//! Semantic versions: MAJOR.MINOR.PATCH with an optional pre-release part; what comes after + does not count.
//!
//! Invariant: versions are ordered as semver.org says.

use std::cmp::Ordering;

const LENGTH_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SemanticVersion {
    pub major: i64,
    pub minor: i64,
    pub patch: i64,
    pub pre_release: Vec<String>,
}

impl SemanticVersion {
    pub fn parse(text: &str) -> Option<SemanticVersion> {
        if text.len() > LENGTH_MAX {
            return None;
        }
        let (text, build) = match text.split_once('+') {
            Some((text, build)) => (text, Some(build)),
            None => (text, None),
        };
        let (numbers, before) = match text.split_once('-') {
            Some((numbers, before)) => (numbers, Some(before)),
            None => (text, None),
        };
        let pre_release: Vec<String> =
            before.map(|parts| parts.split('.').map(str::to_owned).collect()).unwrap_or_default();
        let is_wrong = |part: &str| is_number(part) && part.len() > 1 && part.starts_with('0');
        let is_readable = pre_release.iter().all(|part| is_word(part) && !is_wrong(part))
            && build.is_none_or(|parts| parts.split('.').all(is_word));
        let mut numbers = numbers.split('.').map(number);
        let (major, minor, patch) = (numbers.next()??, numbers.next()??, numbers.next()??);
        (is_readable && numbers.next().is_none()).then_some(SemanticVersion {
            major,
            minor,
            patch,
            pre_release,
        })
    }
}

fn number(text: &str) -> Option<i64> {
    let is_plain = is_number(text) && (text.len() == 1 || !text.starts_with('0'));
    is_plain.then(|| text.parse().ok())?
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

impl PartialOrd for SemanticVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SemanticVersion {
    /// A version without pre-release part comes after those with one; numbers come before words.
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = |v: &Self| (v.major, v.minor, v.patch, v.pre_release.is_empty());
        numbers(self).cmp(&numbers(other)).then_with(|| {
            let pairs = self.pre_release.iter().zip(&other.pre_release);
            let first = pairs.map(|(a, b)| part_order(a, b)).find(|order| order.is_ne());
            first.unwrap_or(self.pre_release.len().cmp(&other.pre_release.len()))
        })
    }
}

fn part_order(a: &str, b: &str) -> Ordering {
    match (is_number(a), is_number(b)) {
        (true, true) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (false, false) => a.cmp(b),
        (a, _) => {
            if a {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
    }
}

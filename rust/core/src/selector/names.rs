//! What may be a label key and a label value, and what Kubernetes says of the ones that may not.
//!
//! Invariant: lengths are counted in bytes, as Kubernetes counts them.
//! Not here: names of objects (the API server's validation knows those).

pub const NAME_BYTES_MAX: usize = 63;
pub const SUBDOMAIN_BYTES_MAX: usize = 253;

const NAME_FORM: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const NAME_RULE: &str = "must consist of alphanumeric characters, '-', '_' or '.', \
     and must start and end with an alphanumeric character \
     (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is";
const SUBDOMAIN_RULE: &str =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
     '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
     validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or \
     '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex \
     used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// What is wrong with a label key, joined by "; "; `None` when it is a good one.
pub fn key_problem(key: &str) -> Option<String> {
    let mut problems = Vec::new();
    let mut parts = key.split('/');
    let (first, second, third) = (parts.next().unwrap_or(""), parts.next(), parts.next());
    if third.is_some() {
        return Some(format!(
            "a valid label key {NAME_RULE} '{NAME_FORM}') \
             with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ));
    }
    let name = match second {
        Some(name) => {
            problems.extend(prefix_problems(first));
            name
        }
        None => first,
    };
    if name.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    } else if name.len() > NAME_BYTES_MAX {
        problems.push(format!("name part must be no more than {NAME_BYTES_MAX} bytes"));
    }
    if !is_name(name) {
        problems.push(format!("name part {NAME_RULE} '{NAME_FORM}')"));
    }
    (!problems.is_empty()).then(|| problems.join("; "))
}

/// What is wrong with a label value, joined by "; "; `None` when it is a good one.
pub fn value_problem(value: &str) -> Option<String> {
    let mut problems = Vec::new();
    if value.len() > NAME_BYTES_MAX {
        problems.push(format!("must be no more than {NAME_BYTES_MAX} bytes"));
    }
    if !value.is_empty() && !is_name(value) {
        problems.push(VALUE_RULE.to_owned());
    }
    (!problems.is_empty()).then(|| problems.join("; "))
}

fn prefix_problems(prefix: &str) -> Vec<String> {
    if prefix.is_empty() {
        return vec!["prefix part must be non-empty".to_owned()];
    }
    let mut problems = Vec::new();
    if prefix.len() > SUBDOMAIN_BYTES_MAX {
        problems.push(format!("prefix part must be no more than {SUBDOMAIN_BYTES_MAX} bytes"));
    }
    if !prefix.split('.').all(is_dns_label) {
        problems.push(format!("prefix part {SUBDOMAIN_RULE}"));
    }
    problems
}

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => {
            first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() && bytes.iter().all(is_inner)
        }
        _ => false,
    }
}

fn is_dns_label(text: &str) -> bool {
    let is_edge = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => {
            is_edge(first) && is_edge(last) && bytes.iter().all(|b| is_edge(b) || *b == b'-')
        }
        _ => false,
    }
}

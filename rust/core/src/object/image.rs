//! Image references, as far as the pull policy depends on them: is the tag `latest`, is the reference valid at all?
//!
//! Invariant: the grammar is the one of container registries' references: `[domain/]path[:tag][@digest]`.

const NAME_MAX: usize = 255;
const TAG_MAX: usize = 128;
const DIGEST_HEX_MIN: usize = 32;
const IDENTIFIER_LENGTH: usize = 64;

/// `Always` for the tag `latest`, given or meant; `IfNotPresent` for everything else, a malformed reference too.
pub fn pull_policy(image: &str) -> &'static str {
    match tag(image) {
        Some("latest") => "Always",
        _ => "IfNotPresent",
    }
}

/// The tag an image is pulled by: "" when only a digest is given, `latest` when neither is. None if malformed.
pub fn tag(image: &str) -> Option<&str> {
    let is_identifier = image.len() == IDENTIFIER_LENGTH && image.bytes().all(is_lower_hex);
    if is_identifier {
        return None;
    }
    let (domain, remainder) = split_domain(image);
    let (rest, digest) =
        remainder.split_once('@').map_or((remainder, None), |(rest, digest)| (rest, Some(digest)));
    let (path, tag) = rest.split_once(':').map_or((rest, None), |(path, tag)| (path, Some(tag)));
    let is_valid = domain.is_none_or(is_domain)
        && path.split('/').all(is_component)
        && domain.map_or(0, |domain| domain.len() + 1) + path.len() <= NAME_MAX
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest);
    match (is_valid, tag, digest) {
        (false, _, _) => None,
        (_, Some(tag), _) => Some(tag),
        (_, None, Some(_)) => Some(""),
        (_, None, None) => Some("latest"),
    }
}

/// The part before the first slash is a domain if it looks like one; Docker Hub is meant otherwise.
fn split_domain(image: &str) -> (Option<&str>, &str) {
    match image.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (Some(first), rest)
        }
        _ => (None, image),
    }
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !domain.ends_with(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_address = |address: &str| {
        !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
    };
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => is_address(address),
        None => host.split('.').all(is_label),
    };
    is_host && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Lower-case words joined by `.`, `_`, `__` or any number of dashes.
fn is_component(component: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    let is_framed =
        bytes.first().is_some_and(|&byte| is_word(byte)) && bytes.last().is_some_and(|&byte| is_word(byte));
    let separators =
        component.split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit());
    let is_separator = |text: &str| {
        text.is_empty() || matches!(text, "." | "_" | "__") || text.bytes().all(|byte| byte == b'-')
    };
    is_framed && separators.into_iter().all(is_separator)
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts_well = tag.bytes().next().is_some_and(is_word);
    starts_well
        && tag.len() <= TAG_MAX
        && tag.bytes().all(|byte| is_word(byte) || byte == b'.' || byte == b'-')
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let is_name = |part: &str| {
        part.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    algorithm.split(['-', '_', '+', '.']).all(is_name)
        && hex.len() >= DIGEST_HEX_MIN
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_tag_is_always_pulled() {
        let digest = format!("nginx@sha256:{}", "0".repeat(64));
        let cases = [
            ("nginx", Some("latest")),
            ("nginx:latest", Some("latest")),
            ("nginx:1.27", Some("1.27")),
            ("localhost:5000/a/b", Some("latest")),
            ("registry.k8s.io/pause:3.10", Some("3.10")),
            ("Registry/a:1", Some("1")),
            (digest.as_str(), Some("")),
            ("Nginx", None),
            ("", None),
            ("a//b", None),
            ("a:", None),
            ("a_-b", None),
        ];
        for (image, expected) in cases {
            assert_eq!(tag(image), expected, "{image}");
        }
    }
}

//! Base64 as Go's standard encoding reads and writes it.
//!
//! Invariant: what `decode` accepts and refuses, and the byte its error names, are Go's.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            let index = (bits >> (18 - 6 * position) & 63) as usize;
            out.push(if position <= chunk.len() { ALPHABET[index] as char } else { '=' });
        }
    }
    out
}

/// Line breaks are skipped. The error is the offset Go names in `illegal base64 data at input byte N`.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count, mut at) = (0u32, 0, 0);
    while at < text.len() {
        let byte = text[at];
        at += 1;
        match sextet(byte) {
            Some(value) => {
                bits = bits << 6 | value;
                count += 1;
                if count == 4 {
                    out.extend_from_slice(&bits.to_be_bytes()[1..]);
                    (bits, count) = (0, 0);
                }
            }
            None if byte == b'\n' || byte == b'\r' => {}
            None if byte == b'=' && count >= 2 => {
                padding(text, at, count)?;
                out.extend_from_slice(&(bits << (6 * (4 - count))).to_be_bytes()[1..count]);
                return Ok(out);
            }
            None => return Err(at - 1),
        }
    }
    if count == 0 {
        Ok(out)
    } else {
        Err(at - count)
    }
}

/// Behind the first `=`: after two characters a second one, and then nothing but line breaks.
fn padding(text: &[u8], mut at: usize, count: usize) -> Result<(), usize> {
    let skip = |mut at: usize| {
        while matches!(text.get(at), Some(b'\n' | b'\r')) {
            at += 1;
        }
        at
    };
    if count == 2 {
        at = skip(at);
        match text.get(at) {
            None => return Err(text.len()),
            Some(b'=') => at += 1,
            Some(_) => return Err(at - 1),
        }
    }
    at = skip(at);
    if at < text.len() {
        return Err(at);
    }
    Ok(())
}

fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_encoded_and_decoded() {
        for (plain, encoded) in
            [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj"), ("abcd", "YWJjZA==")]
        {
            assert_eq!(encode(plain.as_bytes()), encoded);
            assert_eq!(decode(encoded.as_bytes()), Ok(plain.into()));
        }
        assert_eq!(decode(b"YW\nJj\r\n"), Ok("abc".into()));
    }

    #[test]
    fn the_byte_that_is_wrong_is_named() {
        let cases = [
            ("!", 0),
            ("YQ", 0),
            ("YWJjZ", 4),
            ("YQ=", 3),
            ("YQ=x", 2),
            ("YQ==x", 4),
            ("Y===", 1),
            ("YW I=", 2),
        ];
        for (text, offset) in cases {
            assert_eq!(decode(text.as_bytes()), Err(offset), "{text}");
        }
    }
}

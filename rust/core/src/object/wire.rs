//! Protobuf's wire format: tags, varints, lengths.
//!
//! Invariant: nothing is read beyond the slice, nothing is allocated by a length that the slice does not hold.
//! Invariant: errors are those of Kubernetes' generated decoders.
//! Not here: what a field number means (see `protobuf`).

pub const UNEXPECTED_END: &str = "unexpected EOF";
const OVERFLOW: &str = "proto: integer overflow";

/// One field's value as the wire has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Payload<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// A four-byte number: no field has that type, so only its size matters.
    Fixed32,
}

impl<'a> Payload<'a> {
    pub fn varint(self, field: &str) -> Result<u64, String> {
        match self {
            Payload::Varint(value) => Ok(value),
            _ => Err(self.wrong_type(field)),
        }
    }

    pub fn bytes(self, field: &str) -> Result<&'a [u8], String> {
        match self {
            Payload::Bytes(bytes) => Ok(bytes),
            _ => Err(self.wrong_type(field)),
        }
    }

    pub fn double(self, field: &str) -> Result<f64, String> {
        match self {
            Payload::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(self.wrong_type(field)),
        }
    }

    fn wrong_type(self, field: &str) -> String {
        let wire_type = match self {
            Payload::Varint(_) => 0,
            Payload::Fixed64(_) => 1,
            Payload::Bytes(_) => 2,
            Payload::Fixed32 => 5,
        };
        format!("proto: wrong wireType = {wire_type} for field {field}")
    }
}

/// The fields of one message, in the order they were sent. Groups are skipped.
pub struct Fields<'a> {
    rest: &'a [u8],
    /// Name of the message, for errors.
    of: &'a str,
}

impl<'a> Fields<'a> {
    pub fn new(bytes: &'a [u8], of: &'a str) -> Self {
        Fields { rest: bytes, of }
    }

    /// The next (number, value); None at the end.
    pub fn next_field(&mut self) -> Result<Option<(u32, Payload<'a>)>, String> {
        loop {
            if self.rest.is_empty() {
                return Ok(None);
            }
            let (number, wire_type) = self.tag()?;
            match wire_type {
                3 => self.skip_group()?,
                4 => return Err(format!("proto: {}: wiretype end group for non-group", self.of)),
                _ => return Ok(Some((number, self.payload(wire_type)?))),
            }
        }
    }

    fn tag(&mut self) -> Result<(u32, u8), String> {
        let tag = self.varint()?;
        let (number, wire_type) = ((tag >> 3) as u32, (tag & 7) as u8);
        if number as i32 <= 0 {
            return Err(format!("proto: {}: illegal tag {} (wire type {tag})", self.of, number as i32));
        }
        Ok((number, wire_type))
    }

    fn payload(&mut self, wire_type: u8) -> Result<Payload<'a>, String> {
        Ok(match wire_type {
            0 => Payload::Varint(self.varint()?),
            1 => Payload::Fixed64(u64::from_le_bytes(
                self.take(8)?.try_into().expect("eight bytes were taken"),
            )),
            2 => {
                let length = self.varint()?;
                if length > i64::MAX as u64 {
                    return Err("proto: negative length found during unmarshaling".into());
                }
                Payload::Bytes(self.take(usize::try_from(length).map_err(|_| UNEXPECTED_END)?)?)
            }
            5 => {
                self.take(4)?;
                Payload::Fixed32
            }
            _ => return Err(format!("proto: illegal wireType {wire_type}")),
        })
    }

    /// To behind the end of a group whose start was read; a counter stands for the stack.
    fn skip_group(&mut self) -> Result<(), String> {
        let mut depth = 1usize;
        while depth > 0 {
            if self.rest.is_empty() {
                return Err(UNEXPECTED_END.into());
            }
            match self.tag()?.1 {
                3 => depth += 1,
                4 => depth -= 1,
                wire_type => {
                    self.payload(wire_type)?;
                }
            }
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u64, String> {
        let (value, length) = varint(self.rest)?;
        self.rest = &self.rest[length..];
        Ok(value)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(UNEXPECTED_END)?;
        self.rest = rest;
        Ok(taken)
    }
}

/// The varint at the start of the bytes, and its length.
fn varint(bytes: &[u8]) -> Result<(u64, usize), String> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().enumerate() {
        if index == 10 {
            return Err(OVERFLOW.into());
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok((value, index + 1));
        }
    }
    Err(if bytes.len() >= 10 { OVERFLOW } else { UNEXPECTED_END }.into())
}

/// The varints of a packed field.
pub fn packed(mut bytes: &[u8]) -> Result<Vec<u64>, String> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        let (value, length) = varint(bytes)?;
        values.push(value);
        bytes = &bytes[length..];
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<(u32, Payload<'_>)>, String> {
        let mut fields = Fields::new(bytes, "Pod");
        let mut found = Vec::new();
        while let Some(field) = fields.next_field()? {
            found.push(field);
        }
        Ok(found)
    }

    #[test]
    fn fields_come_in_order_and_groups_are_skipped() {
        let bytes = [0x08, 0x96, 0x01, 0x1b, 0x1b, 0x1c, 0x08, 0x01, 0x1c, 0x12, 0x02, b'h', b'i'];
        assert_eq!(all(&bytes), Ok(vec![(1, Payload::Varint(150)), (2, Payload::Bytes(b"hi"))]));
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let cases: [(&[u8], &str); 7] = [
            (&[0x08], UNEXPECTED_END),
            (&[0x12, 0x05, b'h'], UNEXPECTED_END),
            (&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], OVERFLOW),
            (&[0x00, 0x00], "proto: Pod: illegal tag 0 (wire type 0)"),
            (&[0x0c], "proto: Pod: wiretype end group for non-group"),
            (&[0x0f], "proto: illegal wireType 7"),
            (
                &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
                "proto: negative length found during unmarshaling",
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(all(bytes), Err(expected.into()), "{bytes:?}");
        }
    }
}

//! A pod's JSON cut into the parts that scheduling reads, without parsing them.
//!
//! Always true: the parts are the bytes of whole JSON values; of doubled members the last one counts.
//! Not here: what the parts mean (see `pod`), which of them were seen before (see `template`).

use crate::object::scan::{Cursor, NotJson};
use std::borrow::Cow;

/// `name` and the others are empty, and raw parts are empty, where the pod has no such member.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RawPod<'a> {
    pub name: Cow<'a, str>,
    pub namespace: Cow<'a, str>,
    pub uid: Cow<'a, str>,
    pub is_deleted: bool,
    pub labels: &'a [u8],
    pub owners: &'a [u8],
    /// Without its nodeName; empty when it is the expected one (`is_spec_expected`).
    pub spec: Cow<'a, [u8]>,
    pub is_spec_expected: bool,
    pub node_name: Cow<'a, str>,
    pub status: &'a [u8],
}

/// Values that are likely to come again: met at their place, they are compared, not read.
#[derive(Debug, Default, Clone, Copy)]
pub struct Expected<'e> {
    pub labels: &'e [u8],
    pub spec: &'e [u8],
    /// Where the keys of `spec`'s own members begin, in order.
    pub spec_keys: &'e [usize],
    pub status: &'e [u8],
}

const NODE_NAME: &[u8] = b"\"nodeName\":\"";

impl<'a> RawPod<'a> {
    /// Cuts the object up; an error when it is not JSON or a member has an unusual type.
    pub fn read(json: &'a [u8], expected: Expected) -> Result<RawPod<'a>, NotJson> {
        let mut pod = RawPod::default();
        let mut cursor = Cursor::new(json)?;
        cursor.members(|cursor, key| match &**key {
            "metadata" => pod.metadata(cursor, expected),
            "spec" => pod.spec(cursor, expected),
            "status" => part(cursor, expected.status, &mut pod.status),
            _ => cursor.skip(),
        })?;
        cursor.finish()?;
        Ok(pod)
    }

    fn metadata(&mut self, cursor: &mut Cursor<'a>, expected: Expected) -> Result<(), NotJson> {
        cursor.members(|cursor, key| {
            match &**key {
                "name" => self.name = cursor.string()?,
                "namespace" => self.namespace = cursor.string()?,
                "uid" => self.uid = cursor.string()?,
                "labels" => return part(cursor, expected.labels, &mut self.labels),
                "ownerReferences" => return part(cursor, &[], &mut self.owners),
                "deletionTimestamp" => {
                    self.is_deleted = cursor.peek() != Some(b'n');
                    cursor.skip()?;
                }
                _ => cursor.skip()?,
            }
            Ok(())
        })
    }

    fn spec(&mut self, cursor: &mut Cursor<'a>, expected: Expected) -> Result<(), NotJson> {
        let start = cursor.offset();
        (self.node_name, self.spec, self.is_spec_expected) = (Cow::Borrowed(""), Cow::default(), false);
        if !expected.spec.is_empty() {
            if cursor.pass(expected.spec) {
                self.is_spec_expected = true;
                return Ok(());
            }
            if let Some((length, node_name)) = bound(cursor.rest(), expected) {
                cursor.advance(length);
                (self.is_spec_expected, self.node_name) = (true, Cow::Borrowed(node_name));
                return Ok(());
            }
        }
        let (mut key_at, mut value_end) = (start, start);
        cursor.members(|cursor, key| -> Result<(), NotJson> {
            if &**key != "nodeName" {
                return cursor.skip();
            }
            key_at = cursor.key_offset();
            self.node_name = cursor.string()?;
            value_end = cursor.end();
            Ok(())
        })?;
        self.spec = Cow::Borrowed(cursor.since(start));
        if value_end > start {
            self.spec = Cow::Owned(without(cursor.since(start), key_at - start, value_end - start));
        }
        Ok(())
    }
}

/// An object without the member between two offsets, and without the comma that parted it from its neighbour.
fn without(object: &[u8], key_at: usize, value_end: usize) -> Vec<u8> {
    let (mut from, mut to) = (key_at, value_end);
    if object.get(to) == Some(&b',') {
        to += 1;
    } else if from > 0 && object[from - 1] == b',' {
        from -= 1;
    }
    [&object[..from], &object[to..]].concat()
}

/// The text is the expected spec with a nodeName among its members: how long it is, and the name.
fn bound<'a>(text: &'a [u8], expected: Expected) -> Option<(usize, &'a str)> {
    let spec = expected.spec;
    let equal = text.iter().zip(spec).take_while(|(a, b)| a == b).count();
    let is_last = equal + 1 == spec.len() && text.get(equal) == Some(&b',');
    let key_at = if is_last { equal + 1 } else { memchr::memrchr(b'"', &text[..equal])? };
    if !is_last && expected.spec_keys.binary_search(&key_at).is_err() {
        return None;
    }
    let name_at = key_at + NODE_NAME.len();
    let name_end =
        text.get(key_at..)?.starts_with(NODE_NAME).then(|| memchr::memchr(b'"', &text[name_at..]))??;
    let name = &text[name_at..name_at + name_end];
    let after = name_at + name_end + 1;
    let (from, after) = if is_last { (equal, after) } else { (key_at, after + 1) };
    let is_parted = is_last || text.get(after - 1) == Some(&b',');
    let is_equal = is_parted && text.get(after..)?.starts_with(&spec[from..]);
    let name = std::str::from_utf8(name).ok().filter(|n| !n.contains('\\'))?;
    is_equal.then_some((after + spec.len() - from, name))
}

fn part<'a>(cursor: &mut Cursor<'a>, expected: &[u8], into: &mut &'a [u8]) -> Result<(), NotJson> {
    let start = cursor.offset();
    if expected.is_empty() || !cursor.pass(expected) {
        cursor.skip()?;
    }
    *into = cursor.since(start);
    Ok(())
}

/// Where the keys of an object's own members begin.
pub fn key_offsets(object: &[u8]) -> Vec<usize> {
    let mut offsets = Vec::new();
    let walked = Cursor::new(object).and_then(|mut cursor| {
        cursor.members(|cursor, _| {
            offsets.push(cursor.key_offset());
            cursor.skip()
        })
    });
    walked.map_or(Vec::new(), |()| offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &[u8] = br#"{"kind":"Pod","metadata":{"name":"a","uid":"u","labels":{"x":"}"},"generation":1},
        "spec":{"containers":[{"name":"c"}],"nodeSelector":{"nodeName":"z"},"x":1} ,"status":{}}"#;

    fn with_spec(spec: &str) -> Vec<u8> {
        format!("{{\"metadata\":{{\"name\":\"a\"}},\"spec\":{spec},\"status\":{{}}}}").into_bytes()
    }

    #[test]
    fn parts_are_cut_out_whole_with_and_without_a_guess() {
        let plain = RawPod::read(POD, Expected::default()).expect("it is JSON");
        assert_eq!((&*plain.name, &*plain.namespace, &*plain.uid), ("a", "", "u"));
        assert_eq!((plain.labels, plain.status), (&br#"{"x":"}"}"#[..], &b"{}"[..]));
        let keys = key_offsets(&plain.spec);
        let guess = Expected { labels: b"{\"y\":\"\"}", spec: &plain.spec, spec_keys: &keys, status: b"{}" };
        let guessed = RawPod::read(POD, guess).expect("it is JSON");
        assert!(guessed.is_spec_expected && guessed.spec.is_empty());
        assert_eq!((guessed.labels, guessed.status), (plain.labels, plain.status));
    }

    fn node_and_spec(bytes: &[u8], expected: Expected) -> (String, Vec<u8>) {
        let pod = RawPod::read(bytes, expected).expect("it is JSON");
        let spec = if pod.is_spec_expected { expected.spec } else { &pod.spec };
        (pod.node_name.to_string(), spec.to_vec())
    }

    #[test]
    fn a_node_name_is_taken_out_of_the_spec_wherever_it_stands() {
        let spec = r#"{"containers":[{"name":"c"}],"nodeSelector":{"k":"v"},"x":1}"#;
        let keys = key_offsets(spec.as_bytes());
        let guess = Expected { spec: spec.as_bytes(), spec_keys: &keys, ..Expected::default() };
        let mut bound = vec![spec.replace("1}", "1,\"nodeName\":\"n-1\"}")];
        for before in ["\"containers\"", "\"nodeSelector\"", "\"x\""] {
            bound.push(spec.replace(before, &format!("\"nodeName\":\"n-1\",{before}")));
        }
        for bound in bound {
            for expected in [guess, Expected::default()] {
                let found = node_and_spec(&with_spec(&bound), expected);
                assert_eq!(found, ("n-1".to_owned(), spec.as_bytes().to_vec()), "{bound}");
            }
        }
    }

    #[test]
    fn a_member_of_that_name_deeper_down_is_no_node_name() {
        let spec = r#"{"a":{"k":"v","l":"w"},"x":1}"#;
        let keys = key_offsets(spec.as_bytes());
        let guess = Expected { spec: spec.as_bytes(), spec_keys: &keys, ..Expected::default() };
        for (before, after) in [("\"k\"", "\"nodeName\":\"n\",\"k\""), ("\"w\"", "\"w\",\"nodeName\":\"n\"")]
        {
            let deeper = spec.replace(before, after);
            let found = node_and_spec(&with_spec(&deeper), guess);
            assert_eq!(found, (String::new(), deeper.into_bytes()));
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for broken in [&POD[..POD.len() - 1], b"{\"metadata\":{\"name\":1}}", b"[]", b"{} x"] {
            assert!(RawPod::read(broken, Expected::default()).is_err());
        }
    }
}

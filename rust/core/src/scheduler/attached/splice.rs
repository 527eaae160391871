//! What binding a pod does to its bytes: nodeName, the node's topology labels, the condition PodScheduled.
//!
//! Invariant: everything else stays as it was, byte for byte and in its order.
//! Source: `POST …/pods/NAME/binding` of the API server; a test holds the two against each other.

use crate::object::scan::{Cursor, NotJson};
use memchr::memmem::Finder;
use serde_json::{json, Map, Value};
use std::ops::Range;
use std::sync::{Arc, LazyLock};

type Labels = [(Arc<str>, Arc<str>)];

static NODE_NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"nodeName\""));
static CONDITIONS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"conditions\""));

/// The pod bound to `node`. None when the bytes are not a pod that can be bound.
pub fn bound(pod: &[u8], node: &str, labels: &Labels, now: &str) -> Option<Vec<u8>> {
    let found = members(pod, ["metadata", "spec", "status"])?;
    let mut edits: Vec<(Range<usize>, Vec<u8>)> = Vec::with_capacity(3);
    if let (Some(metadata), false) = (&found[0], labels.is_empty()) {
        edits.push(within(metadata, with_labels(&pod[metadata.clone()], labels)?));
    }
    let spec = found[1].as_ref()?;
    edits.push(within(spec, with_node(&pod[spec.clone()], node)?));
    match &found[2] {
        Some(status) => edits.push(within(status, with_condition(&pod[status.clone()], now)?)),
        None => {
            let end = pod.iter().rposition(|byte| *byte == b'}')?;
            let mut status = b",\"status\":{".to_vec();
            push_condition(&mut status, now);
            status.push(b'}');
            edits.push((end..end, status));
        }
    }
    edits.sort_unstable_by_key(|(range, _)| range.start);
    Some(edited(pod, &edits))
}

/// The bytes with each range replaced; the ranges rise and do not touch.
fn edited(bytes: &[u8], edits: &[(Range<usize>, Vec<u8>)]) -> Vec<u8> {
    let added: usize = edits.iter().map(|(_, text)| text.len()).sum();
    let mut out = Vec::with_capacity(bytes.len() + added);
    let mut at = 0;
    for (range, text) in edits {
        out.extend_from_slice(&bytes[at..range.start]);
        out.extend_from_slice(text);
        at = range.end;
    }
    out.extend_from_slice(&bytes[at..]);
    out
}

/// An edit of a part as one of the whole.
fn within(part: &Range<usize>, (range, text): (Range<usize>, Vec<u8>)) -> (Range<usize>, Vec<u8>) {
    (part.start + range.start..part.start + range.end, text)
}

/// Where the values of the named members of an object lie; None when it is not JSON or no object.
fn members<const N: usize>(object: &[u8], names: [&str; N]) -> Option<[Option<Range<usize>>; N]> {
    let mut found = [const { None }; N];
    let mut cursor = Cursor::new(object).ok()?;
    let walked = cursor.members::<NotJson>(|cursor, key| {
        let from = cursor.offset();
        cursor.skip()?;
        if let Some(at) = names.iter().position(|name| *name == key.as_ref()) {
            found[at] = Some(from..cursor.end());
        }
        Ok(())
    });
    walked.and_then(|()| cursor.finish()).ok()?;
    Some(found)
}

/// Where another member can be added to an object, and the comma that it needs.
fn room(object: &[u8]) -> Option<(usize, &'static str)> {
    let (first, last) = (object.first()?, object.len().checked_sub(1)?);
    if *first != b'{' || object[last] != b'}' {
        return None;
    }
    let is_empty = object[1..last].iter().all(u8::is_ascii_whitespace);
    Some((last, if is_empty { "" } else { "," }))
}

fn with_node(spec: &[u8], node: &str) -> Option<(Range<usize>, Vec<u8>)> {
    if NODE_NAME.find(spec).is_some() {
        let mut parsed: Map<String, Value> = serde_json::from_slice(spec).ok()?;
        parsed.insert("nodeName".into(), node.into());
        return Some((0..spec.len(), serde_json::to_vec(&parsed).ok()?));
    }
    let (at, comma) = room(spec)?;
    let mut text = Vec::with_capacity(node.len() + 16);
    text.extend_from_slice(comma.as_bytes());
    text.extend_from_slice(b"\"nodeName\":");
    push_text(&mut text, node);
    Some((at..at, text))
}

fn with_condition(status: &[u8], now: &str) -> Option<(Range<usize>, Vec<u8>)> {
    if CONDITIONS.find(status).is_some() {
        let mut parsed: Map<String, Value> = serde_json::from_slice(status).ok()?;
        let mut conditions = match parsed.remove("conditions") {
            Some(Value::Array(conditions)) => conditions,
            _ => Vec::new(),
        };
        conditions.retain(|condition| condition["type"] != "PodScheduled");
        conditions.push(json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null,
                               "lastTransitionTime": now}));
        parsed.insert("conditions".into(), Value::Array(conditions));
        return Some((0..status.len(), serde_json::to_vec(&parsed).ok()?));
    }
    let (at, comma) = room(status)?;
    let mut text = Vec::with_capacity(128);
    text.extend_from_slice(comma.as_bytes());
    push_condition(&mut text, now);
    Some((at..at, text))
}

fn push_condition(out: &mut Vec<u8>, now: &str) {
    out.extend_from_slice(
        br#""conditions":[{"type":"PodScheduled","status":"True","lastProbeTime":null,"lastTransitionTime":""#,
    );
    out.extend_from_slice(now.as_bytes());
    out.extend_from_slice(b"\"}]");
}

fn with_labels(metadata: &[u8], labels: &Labels) -> Option<(Range<usize>, Vec<u8>)> {
    let [known] = members(metadata, ["labels"])?;
    let Some(range) = known.filter(|range| metadata[range.start] == b'{') else {
        return labels_alone(metadata, labels);
    };
    let old = &metadata[range.clone()];
    let is_there = |key: &str| Finder::new(key).find(old).is_some();
    if labels.iter().any(|(key, _)| is_there(key)) {
        let mut merged: Map<String, Value> = serde_json::from_slice(old).ok()?;
        for (key, value) in labels {
            merged.insert(key.to_string(), value.as_ref().into());
        }
        return Some((range, serde_json::to_vec(&merged).ok()?));
    }
    let (at, comma) = room(old)?;
    let mut text = comma.as_bytes().to_vec();
    push_labels(&mut text, labels);
    Some((range.start + at..range.start + at, text))
}

/// Labels for metadata that has none, or null.
fn labels_alone(metadata: &[u8], labels: &Labels) -> Option<(Range<usize>, Vec<u8>)> {
    if let [Some(null)] = members(metadata, ["labels"])? {
        let mut text = b"{".to_vec();
        push_labels(&mut text, labels);
        text.push(b'}');
        return Some((null, text));
    }
    let (at, comma) = room(metadata)?;
    let mut text = comma.as_bytes().to_vec();
    text.extend_from_slice(b"\"labels\":{");
    push_labels(&mut text, labels);
    text.push(b'}');
    Some((at..at, text))
}

fn push_labels(out: &mut Vec<u8>, labels: &Labels) {
    for (number, (key, value)) in labels.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        push_text(out, key);
        out.push(b':');
        push_text(out, value);
    }
}

/// A JSON string. Names and labels never need escapes; whatever else comes is escaped.
fn push_text(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("a text can be written into memory");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pod: &str, labels: &[(&str, &str)]) -> Value {
        let labels: Vec<(Arc<str>, Arc<str>)> =
            labels.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value))).collect();
        let bytes = bound(pod.as_bytes(), "n-1", &labels, "2026-01-01T00:00:00Z").expect("a pod");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    #[test]
    fn a_fresh_pod_gets_its_node_and_condition() {
        let pod =
            told(r#"{"kind":"Pod","metadata":{"name":"p"},"spec":{},"status":{"phase":"Pending"}}"#, &[]);

        assert_eq!(pod["spec"], json!({"nodeName": "n-1"}));
        assert_eq!(pod["status"]["phase"], "Pending");
        assert_eq!(pod["status"]["conditions"][0]["type"], "PodScheduled");
    }

    #[test]
    fn an_earlier_condition_gives_way_and_others_stay() {
        let pod = told(
            r#"{"metadata":{"name":"p"},"spec":{"nodeName":"","x":1},"status":{"conditions":[
               {"type":"PodScheduled","status":"False"},{"type":"Other","status":"True"}]}}"#,
            &[],
        );

        let conditions = pod["status"]["conditions"].as_array().expect("a list");
        assert_eq!(pod["spec"], json!({"nodeName": "n-1", "x": 1}));
        assert_eq!(conditions.len(), 2);
        assert_eq!((&conditions[0]["type"], &conditions[1]["status"]), (&json!("Other"), &json!("True")));
    }

    #[test]
    fn labels_of_the_node_join_those_of_the_pod() {
        let pod =
            told(r#"{"metadata":{"labels":{"a":"b","z":"old"},"name":"p"},"spec":{}}"#, &[("z", "new")]);

        assert_eq!(pod["metadata"], json!({"name": "p", "labels": {"a": "b", "z": "new"}}));
        assert_eq!(pod["status"]["conditions"][0]["status"], "True");
    }

    #[test]
    fn labels_are_made_where_there_are_none() {
        for metadata in [r#"{"name":"p"}"#, r#"{"labels":null,"name":"p"}"#, r#"{"name":"p","labels":{ }}"#] {
            let pod = told(
                &format!(r#"{{"metadata":{metadata},"spec":{{}},"status":{{}}}}"#),
                &[("z", "a\"b"), ("y", "1")],
            );

            assert_eq!(
                pod["metadata"],
                json!({"name": "p", "labels": {"z": "a\"b", "y": "1"}}),
                "{metadata}"
            );
        }
    }

    #[test]
    fn everything_else_stays_byte_for_byte() {
        let pod = br#"{ "b" : [1, 2.50], "status": {"phase":"Pending"}, "spec": {"x": "\u00e4"} ,"a":null}"#;

        let bytes = bound(pod, "n", &[], "T").expect("a pod");

        let text = String::from_utf8(bytes).expect("text");
        assert!(
            text.starts_with(r#"{ "b" : [1, 2.50], "status": {"phase":"Pending","conditions":[{"#),
            "{text}"
        );
        assert!(text.ends_with(r#""spec": {"x": "\u00e4","nodeName":"n"} ,"a":null}"#), "{text}");
    }

    #[test]
    fn what_is_no_pod_is_not_bound() {
        assert_eq!(bound(b"[]", "n", &[], ""), None);
        assert_eq!(bound(b"{\"spec\":1}", "n", &[], ""), None);
    }
}

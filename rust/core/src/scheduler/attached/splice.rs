//! What binding a pod does to its bytes: nodeName, the node's topology labels, the condition PodScheduled.
//!
//! Invariant: everything else stays as it was, byte for byte and in its order.
//! Source: `POST …/pods/NAME/binding` of the API server; a test holds the two against each other.

use memchr::memmem;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{json, Map, Value};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The members of an object as they stand in it.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members<'de>, M::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some(member) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    members.push((member.0 .0, member.1));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// A member's name, borrowed unless it is escaped.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// The pod bound to `node`. None when the bytes are not a pod that can be bound.
pub fn bound(pod: &[u8], node: &str, labels: &[(Arc<str>, Arc<str>)], now: &str) -> Option<Vec<u8>> {
    let Members(members) = serde_json::from_slice(pod).ok()?;
    let mut out = Vec::with_capacity(pod.len() + 256);
    let mut has_status = false;
    out.push(b'{');
    for (name, raw) in &members {
        write_name(&mut out, name);
        match name.as_ref() {
            "spec" => with_node(&mut out, raw.get(), node)?,
            "status" => {
                has_status = true;
                with_condition(&mut out, raw.get(), now)?;
            }
            "metadata" if !labels.is_empty() => with_labels(&mut out, raw.get(), labels)?,
            _ => out.extend_from_slice(raw.get().as_bytes()),
        }
    }
    if !has_status {
        write_name(&mut out, "status");
        with_condition(&mut out, "{}", now)?;
    }
    out.push(b'}');
    Some(out)
}

/// `,"name":`, without the comma behind an opening brace.
fn write_name(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    serde_json::to_writer(&mut *out, name).expect("a text can be written into memory");
    out.push(b':');
}

/// The object without its closing brace.
fn opened(raw: &str) -> Option<&str> {
    raw.strip_suffix('}').map(str::trim_end)
}

fn with_node(out: &mut Vec<u8>, spec: &str, node: &str) -> Option<()> {
    if memmem::find(spec.as_bytes(), b"\"nodeName\"").is_some() {
        let mut parsed: Map<String, Value> = serde_json::from_str(spec).ok()?;
        parsed.insert("nodeName".into(), node.into());
        serde_json::to_writer(out, &parsed).ok()?;
        return Some(());
    }
    out.extend_from_slice(opened(spec)?.as_bytes());
    write_name(out, "nodeName");
    serde_json::to_writer(&mut *out, node).ok()?;
    out.push(b'}');
    Some(())
}

fn with_condition(out: &mut Vec<u8>, status: &str, now: &str) -> Option<()> {
    if memmem::find(status.as_bytes(), b"\"conditions\"").is_some() {
        let mut parsed: Map<String, Value> = serde_json::from_str(status).ok()?;
        let mut conditions = match parsed.remove("conditions") {
            Some(Value::Array(conditions)) => conditions,
            _ => Vec::new(),
        };
        conditions.retain(|condition| condition["type"] != "PodScheduled");
        conditions.push(json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null,
                               "lastTransitionTime": now}));
        parsed.insert("conditions".into(), Value::Array(conditions));
        serde_json::to_writer(out, &parsed).ok()?;
        return Some(());
    }
    out.extend_from_slice(opened(status)?.as_bytes());
    write_name(out, "conditions");
    out.extend_from_slice(
        br#"[{"type":"PodScheduled","status":"True","lastProbeTime":null,"lastTransitionTime":""#,
    );
    out.extend_from_slice(now.as_bytes());
    out.extend_from_slice(b"\"}]}");
    Some(())
}

fn with_labels(out: &mut Vec<u8>, metadata: &str, labels: &[(Arc<str>, Arc<str>)]) -> Option<()> {
    let Members(members) = serde_json::from_str(metadata).ok()?;
    let known = members.iter().find(|(name, _)| name == "labels").map(|(_, raw)| raw.get());
    let mut merged: Map<String, Value> = match known {
        Some(text) if text != "null" => serde_json::from_str(text).ok()?,
        _ => Map::new(),
    };
    for (key, value) in labels {
        merged.insert(key.to_string(), value.as_ref().into());
    }
    let others = members.iter().filter(|(name, _)| name != "labels");
    out.push(b'{');
    for (name, raw) in others {
        write_name(out, name);
        out.extend_from_slice(raw.get().as_bytes());
    }
    write_name(out, "labels");
    serde_json::to_writer(&mut *out, &merged).ok()?;
    out.push(b'}');
    Some(())
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
    fn what_is_no_pod_is_not_bound() {
        assert_eq!(bound(b"[]", "n", &[], ""), None);
        assert_eq!(bound(b"{\"spec\":1}", "n", &[], ""), None);
    }
}

//! The envelope: what one pass over an object finds, and the resourceVersion written into it.

use proptest::prelude::*;
use pyk8s_core::object::envelope::{parse, EnvelopeError, FieldSpec};

const POD: &str = concat!(
    r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"n","uid":"u-1","resourceVersion":"7","#,
    r#""labels":{"b":"2","a":"1"},"ownerReferences":[{"uid":"o-1"},{"kind":"X","uid":"o-2"}]},"#,
    r#""spec":{"nodeName":"","host":"h","hostNetwork":true,"n":12},"#,
    r#""status":{"podIPs":[{"ip":"10.0.0.1"},{"ip":"fd00::1"}]}}"#
);

fn pod_fields() -> Vec<FieldSpec> {
    vec![
        FieldSpec::new("spec.nodeName", "spec.nodeName|spec.host", ""),
        FieldSpec::new("spec.hostNetwork", "spec.hostNetwork", "false"),
        FieldSpec::new("spec.n", "spec.n", ""),
        FieldSpec::new("status.podIPs", "status.podIPs", ""),
        FieldSpec::new("status.phase", "status.phase", "Pending"),
    ]
}

#[test]
fn everything_an_envelope_holds_is_found_in_one_pass() {
    let specs = pod_fields();
    let envelope = parse(POD.as_bytes(), &specs).expect("the pod is good");

    assert_eq!((envelope.name(), envelope.namespace(), envelope.uid()), ("a", "n", "u-1"));
    assert_eq!(envelope.labels().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
    assert_eq!(envelope.owner_uids().collect::<Vec<_>>(), ["o-1", "o-2"]);
    let fields: Vec<&str> = specs.iter().map(|spec| envelope.field_named(&spec.label, &specs)).collect();
    assert_eq!(fields, ["h", "true", "12", "10.0.0.1,fd00::1", "Pending"]);
    assert_eq!(envelope.field_named("metadata.name", &specs), "a");
    assert!(!envelope.is_deleting());
    assert!(POD[envelope.head_len()..].starts_with("\"metadata\""));
}

#[test]
fn the_resource_version_finds_its_place_in_every_form() {
    let cases = [
        (r#"{"metadata":{"resourceVersion":"1","a":1}}"#, r#"{"metadata":{"resourceVersion":"42","a":1}}"#),
        (r#"{"metadata":{"resourceVersion":null}}"#, r#"{"metadata":{"resourceVersion":"42"}}"#),
        (
            r#"{"metadata":{"name":"a","uid":"u"}}"#,
            r#"{"metadata":{"name":"a","uid":"u","resourceVersion":"42"}}"#,
        ),
        (r#"{"metadata":{"name":"a"}}"#, r#"{"metadata":{"resourceVersion":"42","name":"a"}}"#),
        (r#"{"metadata":{}}"#, r#"{"metadata":{"resourceVersion":"42"}}"#),
        (r#"{"metadata":null}"#, r#"{"metadata":{"resourceVersion":"42"}}"#),
        (r#"{}"#, r#"{"metadata":{"resourceVersion":"42"}}"#),
        (r#"{"spec":1}"#, r#"{"metadata":{"resourceVersion":"42"},"spec":1}"#),
        (
            r#"{"kind":"A","apiVersion":"v1"}"#,
            r#"{"kind":"A","apiVersion":"v1","metadata":{"resourceVersion":"42"}}"#,
        ),
        (
            r#"{"kind":"A","apiVersion":"v1","spec":{}}"#,
            r#"{"kind":"A","apiVersion":"v1","metadata":{"resourceVersion":"42"},"spec":{}}"#,
        ),
    ];
    for (before, after) in cases {
        let mut envelope = parse(before.as_bytes(), &[]).expect("the object is good");
        let written = envelope.write_revision(before.as_bytes(), 42);

        assert_eq!(String::from_utf8_lossy(&written), after);
        assert_eq!(envelope, parse(&written, &[]).expect("what was written is good"), "{before}");
        let again = envelope.write_revision(&written, 1042);
        assert_eq!(String::from_utf8_lossy(&again), after.replace("42", "1042"));
    }
}

#[test]
fn what_is_no_json_object_is_refused() {
    for text in
        ["", "{", "{}x", "[1,]", "{\"a\":01}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\x01\"}", "{\"a\"}", "nul"]
    {
        assert_eq!(parse(text.as_bytes(), &[]), Err(EnvelopeError::NotJson), "{text}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(parse(deep.as_bytes(), &[]), Err(EnvelopeError::NotJson));
    assert!(matches!(parse(b"[]", &[]), Err(EnvelopeError::WrongType(..))));
    assert!(matches!(parse(br#"{"metadata":{"name":1}}"#, &[]), Err(EnvelopeError::WrongType(..))));
}

proptest! {
    #[test]
    fn random_bytes_never_crash(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, &pod_fields());
    }

    #[test]
    fn damaged_objects_never_crash(at in 0..POD.len(), byte in any::<u8>()) {
        let mut bytes = POD.as_bytes().to_vec();
        bytes[at] = byte;
        if let Ok(mut envelope) = parse(&bytes, &pod_fields()) {
            let written = envelope.write_revision(&bytes, 9);
            prop_assert_eq!(Ok(envelope), parse(&written, &pod_fields()));
        }
    }
}

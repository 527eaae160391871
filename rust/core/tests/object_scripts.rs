//! Runs `tests/scripts/object/*.txt` on the engine; their README tells the format. And: no input makes it panic.

use std::path::PathBuf;

use proptest::prelude::*;
use pyk8s_core::object::base64;
use pyk8s_core::object::quantity::canonical;
use pyk8s_core::object::scheme::Scheme;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn scheme() -> Scheme {
    let table = |name: &str| {
        std::fs::read_to_string(root().join(format!("python/pyk8s/api/data/{name}.json"))).expect(name)
    };
    let (schema, protobuf, defaults) = (table("openapi-schema"), table("protobuf-fields"), table("defaults"));
    let tables = format!(r#"{{"schema":{schema},"protobuf":{protobuf},"defaults":{defaults}}}"#);
    Scheme::new(tables.as_bytes()).expect("the tables are JSON")
}

/// What the lines after the command must be.
fn run(scheme: &Scheme, command: &str, argument: &str) -> Vec<String> {
    let (kind, body) = argument.split_once(' ').unwrap_or((argument, ""));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("JSON is text");
    let outcome = match command {
        "decode" => scheme.decode_json(kind, body.as_bytes()).map(|decoded| {
            let mut lines = vec![text(decoded.value)];
            lines.extend(decoded.problems);
            lines
        }),
        "both" => scheme
            .decode_json(kind, body.as_bytes())
            .and_then(|decoded| scheme.default(kind, &decoded.value))
            .map(|value| vec![text(value)]),
        "default" => scheme.default(kind, body.as_bytes()).map(|value| vec![text(value)]),
        "protobuf" => {
            let bytes = base64::decode(argument.as_bytes()).expect("the script holds base64");
            scheme.decode_protobuf(&bytes, "").map(|(kind, value)| vec![kind, text(value)])
        }
        "quantity" => {
            return vec![canonical(argument).unwrap_or_else(|error| format!("error {error}"))];
        }
        other => panic!("no command {other}"),
    };
    outcome.unwrap_or_else(|error| vec![format!("error {}", error.message)])
}

#[test]
fn scripts_run_as_written() {
    let scheme = scheme();
    let mut script_count = 0;
    for entry in std::fs::read_dir(root().join("tests/scripts/object")).expect("the scripts are there") {
        let path = entry.expect("a readable folder").path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        script_count += 1;
        let script = std::fs::read_to_string(&path).expect("a readable script");
        let lines: Vec<&str> =
            script.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| !line.starts_with("-> ")) {
            let expected: Vec<&str> =
                lines[index + 1..].iter().map_while(|line| line.strip_prefix("-> ")).collect();
            let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
            assert_eq!(run(&scheme, command, argument), expected, "{}: {line}", path.display());
        }
    }
    assert!(script_count >= 12);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_decoding_panic(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 20),
        texts in prop::collection::vec("[\\[\\]{}\":,a0-9.eE+ \\\\-]{0,80}", 20),
    ) {
        let scheme = scheme();
        for body in &bodies {
            let _ = scheme.decode_json("v1/Pod", body);
            let _ = scheme.decode_protobuf(&[b"k8s\0".as_slice(), body].concat(), "v1/Pod");
        }
        for text in &texts {
            let _ = scheme.decode_json("v1/Pod", text.as_bytes());
            let _ = scheme.default("v1/Pod", text.as_bytes());
            let _ = canonical(text);
        }
    }
}

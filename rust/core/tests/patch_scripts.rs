//! Runs `tests/scripts/patch/*.txt` on the engine; their README tells the format.

use std::path::PathBuf;
use std::sync::Arc;

use pyk8s_core::object::json::{parse, Value};
use pyk8s_core::object::json_patch::json_patch;
use pyk8s_core::object::managed_fields::{update_managed_fields, Update};
use pyk8s_core::object::merge_patch::merge_patch;
use pyk8s_core::object::patch_error::PatchError;
use pyk8s_core::object::strategic::strategic_merge_patch;
use pyk8s_core::object::structure::Structures;

struct Scene<'s> {
    structures: &'s Structures,
    kind: String,
    object: Vec<u8>,
}

impl Scene<'_> {
    /// What the lines after the command must be.
    fn run(&mut self, command: &str, argument: &str) -> Vec<String> {
        let patch = argument.as_bytes();
        match command {
            "object" => {
                let (kind, object) = argument.split_once(' ').expect("a kind and an object");
                (self.kind, self.object) = (kind.to_owned(), object.as_bytes().to_vec());
                Vec::new()
            }
            "json" => self.adopt(json_patch(&self.object, patch)),
            "merge" => self.adopt(merge_patch(&self.object, patch)),
            "strategic" => {
                self.adopt(strategic_merge_patch(self.structures, &self.kind, &self.object, patch))
            }
            "create" | "update" => self.write(command == "update", argument),
            other => panic!("no command {other}"),
        }
    }

    fn adopt(&mut self, outcome: Result<Vec<u8>, PatchError>) -> Vec<String> {
        match outcome {
            Ok(object) => {
                self.object = object;
                vec![String::from_utf8(self.object.clone()).expect("JSON is text")]
            }
            Err(error) => vec![format!("error {} {error}", error.reason.name()).replace('\n', "\\n")],
        }
    }

    fn write(&mut self, is_update: bool, argument: &str) -> Vec<String> {
        let (options, object) = argument.split_once(" {").expect("options and an object");
        let mut words = options.split(' ');
        let (manager, time) = (words.next().expect("a manager"), words.next().expect("a time"));
        let (mut subresource, mut reset_fields) = ("", Vec::new());
        for word in words {
            match word.split_once('=') {
                Some(("subresource", name)) => subresource = name,
                Some(("reset", path)) => reset_fields.push(path.to_owned()),
                _ => panic!("no option {word}"),
            }
        }
        let update = Update { manager, time, subresource, reset_fields: &reset_fields };
        let old = if is_update { self.object.clone() } else { Vec::new() };
        let new = format!("{{{object}");
        self.object = update_managed_fields(self.structures, &self.kind, &old, new.as_bytes(), &update)
            .expect("both objects are JSON");
        entries(&self.object)
    }
}

fn entries(object: &[u8]) -> Vec<String> {
    let object = parse(object).expect("the answer is JSON");
    let managed = object.get("metadata").and_then(|metadata| metadata.get("managedFields"));
    let text = |entry: &Value, name: &str| {
        let text = entry.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.unwrap_or("-").to_owned()
    };
    let line = |entry: &Value| {
        let words =
            ["manager", "operation", "apiVersion", "subresource", "time"].map(|name| text(entry, name));
        format!("{} {}", words.join(" "), entry.get("fieldsV1").unwrap_or(&Value::Null))
    };
    let lines: Vec<_> = managed.and_then(Value::as_array).into_iter().flatten().map(line).collect();
    if lines.is_empty() {
        return vec!["-".into()];
    }
    lines
}

fn structures() -> Structures {
    let schema = include_str!("../../../python/pyk8s/api/data/openapi-schema.json");
    let protobuf = include_str!("../../../python/pyk8s/api/data/protobuf-fields.json");
    let tables: Arc<str> = format!("{{\"schema\":{schema},\"protobuf\":{protobuf}}}").into();
    Structures::index(&tables).expect("the tables are complete")
}

#[test]
fn every_script_comes_out_as_it_says() {
    let structures = structures();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts/patch");
    let mut step_count = 0;
    for entry in std::fs::read_dir(folder).expect("the scripts are in the repository") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let script = std::fs::read_to_string(&path).expect("a script is text");
        let mut scene = Scene { structures: &structures, kind: String::new(), object: Vec::new() };
        let mut lines = script.lines().zip(1..).filter(|(line, _)| !line.starts_with('#')).peekable();
        while let Some((line, number)) = lines.next() {
            let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
            let mut expected = Vec::new();
            while let Some((line, _)) = lines.next_if(|(line, _)| line.starts_with("-> ")) {
                expected.push(line[3..].to_owned());
            }
            let outcome = scene.run(command, argument);
            assert_eq!(outcome, expected, "{}:{number}", path.display());
            step_count += 1;
        }
    }
    assert!(step_count > 100, "only {step_count} steps were found");
}

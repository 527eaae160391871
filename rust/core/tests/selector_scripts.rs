//! Runs `tests/scripts/selector/*.txt` on the engine; their README tells the format.

use std::collections::HashMap;
use std::path::PathBuf;

use pyk8s_core::selector::{Selection, SelectorError};

fn told(parsed: Result<Selection, SelectorError>, current: &mut Selection) -> String {
    let selection = match parsed {
        Err(error) => return format!("error {error}"),
        Ok(selection) => selection,
    };
    let operator = |is_equal| if is_equal { "=" } else { "!=" };
    let terms = selection.field_terms().iter();
    let terms: Vec<String> =
        terms.map(|term| format!("{}{}{}", term.field, operator(term.is_equal), term.value)).collect();
    let text = match (selection.is_everything(), selection.is_nothing()) {
        (true, _) => "(everything)".to_owned(),
        (_, true) => "(nothing)".to_owned(),
        _ => format!("{selection}{}", terms.join(" ")),
    };
    *current = selection;
    text
}

fn matches(selection: &Selection, argument: &str) -> String {
    let pairs: HashMap<&str, &str> =
        argument.split_whitespace().filter_map(|pair| pair.split_once('=')).collect();
    let field = |name: &str| *pairs.get(format!("@{name}").as_str()).unwrap_or(&"");
    let outcome = selection.matches(|key| pairs.get(key).copied(), field);
    if outcome { "yes" } else { "no" }.to_owned()
}

#[test]
fn every_script_comes_out_as_it_says() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts/selector");
    let mut step_count = 0;
    for entry in std::fs::read_dir(folder).expect("the scripts are in the repository") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let script = std::fs::read_to_string(&path).expect("a script is text");
        let mut current = Selection::default();
        for (index, line) in script.lines().enumerate() {
            let Some((step, expected)) = line.rsplit_once("-> ").filter(|_| !line.starts_with('#')) else {
                continue;
            };
            let (command, argument) = step.trim().split_once(' ').unwrap_or((step.trim(), ""));
            let outcome = match command {
                "labels" => told(Selection::parse(argument, ""), &mut current),
                "fields" => told(Selection::parse("", argument.trim()), &mut current),
                "selector" => told(Selection::from_label_selector(argument.as_bytes()), &mut current),
                "match" => matches(&current, argument),
                other => panic!("{}: no command {other}", path.display()),
            };
            assert_eq!(outcome, expected, "{}:{}", path.display(), index + 1);
            step_count += 1;
        }
    }
    assert!(step_count > 100, "only {step_count} steps were found");
}

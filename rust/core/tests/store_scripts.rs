//! Runs the scripts of `tests/scripts/store` on the core; the grammar is in the README beside them.
//!
//! Invariant: it formats answers exactly as `tests/contract/store_script.py` does.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyk8s_core::object::envelope::FieldSpec;
use pyk8s_core::selector::Selection;
use pyk8s_core::store::notifier::Notifier;
use pyk8s_core::store::read::RangeQuery;
use pyk8s_core::store::txn::{Comparator, Compare, Operand, Operation, Target};
use pyk8s_core::store::version::{Event, Version};
use pyk8s_core::store::watch::{Budget, WatchOptions, Watcher};
use pyk8s_core::store::write::Precondition;
use pyk8s_core::store::{encode, Store, StoreError};

const OPTIONS: [&str; 12] = [
    "after", "limit", "labels", "fields", "backlog", "notifier", "lease", "now", "history", "id", "bytes",
    "count",
];

type Answer = Result<String, StoreError>;

/// The words of one command: `words`, `revision` from `@N`, `options` from `name=value`.
#[derive(Default)]
struct Line<'a> {
    words: Vec<&'a str>,
    revision: i64,
    options: HashMap<&'a str, &'a str>,
}

impl<'a> Line<'a> {
    fn parse(text: &'a str) -> Self {
        let mut line = Line::default();
        for word in text.split_whitespace() {
            match word.split_once('=') {
                _ if word.starts_with('@') => line.revision = word[1..].parse().expect("a revision"),
                Some((name, value)) if OPTIONS.contains(&name) => drop(line.options.insert(name, value)),
                _ => line.words.push(word),
            }
        }
        line
    }

    fn text(&self, name: &str) -> &'a str {
        self.options.get(name).copied().unwrap_or("")
    }

    fn number(&self, name: &str, default: i64) -> i64 {
        self.options.get(name).map_or(default, |text| text.parse().expect("a number"))
    }

    fn seconds(&self, name: &str, default: f64) -> f64 {
        self.options.get(name).map_or(default, |text| text.parse().expect("seconds"))
    }

    fn selection(&self) -> Option<Selection> {
        let (labels, fields) = (self.text("labels"), self.text("fields"));
        let is_asked = !labels.is_empty() || !fields.is_empty();
        is_asked.then(|| Selection::parse(labels, fields).expect("a selector"))
    }

    fn query<'b>(&'b self, selection: &'b Option<Selection>) -> RangeQuery<'b> {
        RangeQuery {
            prefix: self.words[0],
            start_after: self.text("after"),
            limit: self.number("limit", 0) as usize,
            revision: self.revision,
            selection: selection.as_ref(),
        }
    }
}

struct Script {
    is_object_store: bool,
    stores: HashMap<String, Arc<Store>>,
    store: Arc<Store>,
    watches: BTreeMap<String, (Arc<Store>, Arc<Watcher>)>,
    notifiers: HashMap<String, Arc<Notifier>>,
}

impl Script {
    fn new() -> Self {
        let store = Arc::new(Store::new(false));
        Script {
            is_object_store: false,
            stores: HashMap::from([("main".to_owned(), store.clone())]),
            store,
            watches: BTreeMap::new(),
            notifiers: HashMap::new(),
        }
    }

    fn run(&mut self, path: &Path) {
        let text = fs::read_to_string(path).expect("a script");
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (command, expected) = match line.split_once("->") {
                Some((command, expected)) => (command.trim(), Some(expected)),
                None => (line.trim(), None),
            };
            let answer = self.answer(command).unwrap_or_else(|error| format!("error {}", told(&error)));
            let place = format!("{}:{}: {command}", path.display(), number + 1);
            match expected {
                Some(expected) => {
                    assert_eq!(answer, expected.split_whitespace().collect::<Vec<_>>().join(" "), "{place}")
                }
                None => assert!(!answer.starts_with("error"), "{place}: {answer}"),
            }
        }
    }

    fn answer(&mut self, command: &str) -> Answer {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        let line = Line::parse(rest);
        match verb {
            "store" | "fork" | "in" | "fields" | "notifier" | "close" | "watch" | "compact" => {
                self.set_up(verb, &line).map(|()| String::new())
            }
            "rev" => Ok(self.store.revision().to_string()),
            "compacted" => Ok(self.store.compact_revision().to_string()),
            "count" => Ok(self.store.count(line.words[0]).to_string()),
            "stat" => Ok(self.stat(line.words[0])),
            "put" | "create" | "update" => self.put(verb, &line),
            "del" => {
                let removed = self.store.delete(line.words[0], line.revision)?;
                Ok(format!("rev {} was {}", removed.mod_revision, shown(Some(&removed))))
            }
            "get" => Ok(shown(self.store.get(line.words[0], line.revision)?.as_ref())),
            "meta" => self.meta(&line),
            "range" => self.range(&line),
            "list" => self.list(&line),
            "txn" => self.txn(&line),
            "grant" | "keepalive" | "revoke" | "advance" => self.pass_time(verb, &line),
            _ => self.read_watch(verb, &line),
        }
    }

    fn set_up(&mut self, verb: &str, line: &Line<'_>) -> Result<(), StoreError> {
        let name = line.words.first().map_or(String::new(), |word| (*word).to_owned());
        match verb {
            "store" => {
                self.is_object_store = name == "objects";
                self.store = Arc::new(Store::new(self.is_object_store));
                self.stores.insert("main".to_owned(), self.store.clone());
            }
            "fork" => drop(self.stores.insert(name, Arc::new(self.store.fork(line.revision)?))),
            "in" => self.store = self.stores[&name].clone(),
            "fields" => {
                let default = if line.words[3] == "-" { "" } else { line.words[3] };
                self.store.set_fields(&name, vec![FieldSpec::new(line.words[1], line.words[2], default)])?;
            }
            "notifier" => drop(self.notifiers.insert(name, Arc::new(self.store.notifier()?))),
            "close" => self.watches[&name].0.close_watch(&self.watches[&name].1),
            "compact" => self.store.compact(name.parse().expect("a revision"))?,
            _ => {
                let options = WatchOptions {
                    prefix: line.words[1].to_owned(),
                    start_revision: line.revision,
                    selection: line.selection().map(Arc::new),
                    notifier: self.notifiers.get(line.text("notifier")).cloned(),
                    backlog_max: line.number("backlog", 10_000) as usize,
                };
                self.watches.insert(name, (self.store.clone(), self.store.watch(options)?));
            }
        }
        Ok(())
    }

    fn stat(&self, name: &str) -> String {
        let stats = self.store.stats();
        let value = match name {
            "keys" => stats.keys,
            "revisions" => stats.revisions,
            "leases" => stats.leases,
            "watchers" => stats.watchers,
            other => panic!("no such figure: {other}"),
        };
        value.to_string()
    }

    // -- keys ------------------------------------------------------------------------------------------------

    fn put(&self, verb: &str, line: &Line<'_>) -> Answer {
        let precondition = match verb {
            "create" => Precondition::Absent,
            "update" => Precondition::Revision(line.revision),
            _ => Precondition::None,
        };
        let (key, value) = (line.words[0], value(line.words[1]));
        let version = self.store.put(key, &value, line.number("lease", 0), precondition)?;
        Ok(format!("rev {}", version.mod_revision))
    }

    fn meta(&self, line: &Line<'_>) -> Answer {
        let Some(found) = self.store.get(line.words[0], line.revision)? else { return Ok("none".to_owned()) };
        let Version { create_revision, mod_revision, version, lease, .. } = &*found;
        Ok(format!("create {create_revision} mod {mod_revision} version {version} lease {lease}"))
    }

    fn range(&self, line: &Line<'_>) -> Answer {
        let selection = line.selection();
        let query = line.query(&selection);
        let page = self.store.range(query)?;
        let items: Vec<String> = page
            .items
            .iter()
            .map(|item| match self.is_object_store {
                true => item.key.to_string(),
                false => format!("{}={}", item.key, shown(Some(item))),
            })
            .collect();
        let items = if items.is_empty() { "empty".to_owned() } else { items.join(" ") };
        let more = if page.more { "; more" } else { "" };
        Ok(format!("{items}; count {}; rev {}{more}", page.count(query), page.revision))
    }

    fn list(&self, line: &Line<'_>) -> Answer {
        let selection = line.selection();
        let query = line.query(&selection);
        let page = self.store.range(query)?;
        let strip_type = !line.words.contains(&"keep-type");
        let mut body = vec![0; encode::list_len(&page.items, strip_type)];
        encode::write_list(&page.items, strip_type, &mut body);
        let body = if body.is_empty() { "empty".to_owned() } else { text(&body) };
        let last = if page.last_key().is_empty() { "-" } else { page.last_key() };
        let (remaining, revision) = (page.remaining_count(query), page.revision);
        let more = if page.more { "; more" } else { "" };
        let items = page.items.len();
        Ok(format!("{body}; items {items}; last {last}; remaining {remaining}; rev {revision}{more}"))
    }

    fn txn(&self, line: &Line<'_>) -> Answer {
        let mut parts: HashMap<&str, Vec<&str>> = HashMap::new();
        let mut at = "then";
        for word in &line.words {
            match *word {
                "if" | "then" | "else" => at = word,
                word => parts.entry(at).or_default().push(word),
            }
        }
        let part = |name: &str| parts.get(name).map_or(&[][..], Vec::as_slice);
        let compares: Vec<Compare> = groups(part("if"), "and").map(compare).collect();
        let success: Vec<Operation> = groups(part("then"), ";").map(operation).collect();
        let failure: Vec<Operation> = groups(part("else"), ";").map(operation).collect();
        let txn = self.store.txn(&compares, &success, &failure)?;
        let results: Vec<String> = txn.results.iter().map(|result| shown(result.as_ref())).collect();
        let results = if results.is_empty() { "nothing".to_owned() } else { results.join(", ") };
        Ok(format!("{} rev {}: {results}", txn.succeeded, txn.revision))
    }

    // -- watches ---------------------------------------------------------------------------------------------

    fn read_watch(&mut self, verb: &str, line: &Line<'_>) -> Answer {
        let name = line.words[0];
        if verb == "ready" {
            let ids = self.notifiers[name].ready();
            let names = self.watches.iter().filter(|(_, (_, watcher))| ids.contains(&watcher.id));
            let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
            return Ok(if names.is_empty() { "nothing".to_owned() } else { names.join(" ") });
        }
        let (store, watcher) = &self.watches[name];
        let told = match verb {
            "progress" => store.progress_revision(watcher).to_string(),
            "poll" => {
                let events = store.poll(watcher, Budget::Count(line.number("count", 1000) as usize))?;
                events.iter().map(|event| self.event(event)).collect::<Vec<_>>().join(", ")
            }
            "lines" => {
                let events = store.poll(watcher, Budget::Bytes(line.number("bytes", 1 << 20) as usize))?;
                let mut lines = vec![0; encode::lines_len(&events)];
                encode::write_lines(&events, &mut lines);
                text(&lines).split_whitespace().collect::<Vec<_>>().join(" ")
            }
            other => panic!("no such command: {other}"),
        };
        Ok(if told.is_empty() { "nothing".to_owned() } else { told })
    }

    fn event(&self, event: &Event) -> String {
        let (kind, version, revision) = (event.kind.name(), event.version(), event.revision());
        if self.is_object_store {
            return format!("{kind} {} @{revision}", version.key);
        }
        let was = event.change.previous.as_ref().map(|previous| format!(" was {}", text(&previous.value)));
        format!("{kind} {} {} @{revision}{}", version.key, text(&version.value), was.unwrap_or_default())
    }

    // -- time ------------------------------------------------------------------------------------------------

    fn pass_time(&self, verb: &str, line: &Line<'_>) -> Answer {
        let number = line.words[0];
        let id = || number.parse().expect("a lease");
        let seconds = || number.parse().expect("seconds");
        let now_s = line.seconds("now", 0.0);
        match verb {
            "grant" => {
                let lease = self.store.lease_grant(seconds(), now_s, line.number("id", 0))?;
                Ok(format!("lease {lease}"))
            }
            "keepalive" => Ok(format!("ttl {}", self.store.lease_keepalive(id(), now_s)?)),
            "revoke" => Ok(format!("deleted {}", self.store.lease_revoke(id())?)),
            _ => {
                let deleted_count = self.store.advance(seconds(), line.seconds("history", 300.0))?;
                Ok(format!("deleted {deleted_count}"))
            }
        }
    }
}

fn told(error: &StoreError) -> String {
    match error {
        StoreError::KeyExists { .. } => "exists".to_owned(),
        StoreError::KeyNotFound { .. } => "not-found".to_owned(),
        StoreError::Conflict { actual, .. } => format!("conflict({actual})"),
        StoreError::Compacted { compact_revision, .. } => format!("compacted({compact_revision})"),
        StoreError::FutureRevision { current, .. } => format!("future({current})"),
        StoreError::WatchOverflow { backlog_max } => format!("overflow({backlog_max})"),
        StoreError::LeaseNotFound { lease } => format!("no-lease({lease})"),
        StoreError::Object(_) => "not-an-object".to_owned(),
        StoreError::Invalid(_) => "invalid".to_owned(),
        other => panic!("a store in memory does not fail so: {other}"),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("scripts are text")
}

fn shown(version: Option<&Arc<Version>>) -> String {
    version.map_or("none".to_owned(), |version| text(&version.value))
}

fn groups<'a>(words: &'a [&'a str], at: &'a str) -> impl Iterator<Item = &'a [&'a str]> {
    words.split(move |word| *word == at).filter(|group| !group.is_empty())
}

fn compare(words: &[&str]) -> Compare {
    let target = match words[0] {
        "mod" => Target::Mod,
        "create" => Target::Create,
        "version" => Target::Version,
        _ => Target::Value,
    };
    let comparator = match words[2] {
        "=" => Comparator::Equal,
        "!=" => Comparator::NotEqual,
        "<" => Comparator::Less,
        _ => Comparator::Greater,
    };
    let operand = match target {
        Target::Value => Operand::Bytes(words[3].into()),
        _ => Operand::Number(words[3].parse().expect("a number")),
    };
    Compare { key: words[1].to_owned(), target, comparator, operand }
}

fn operation(words: &[&str]) -> Operation {
    let key = words[1].to_owned();
    match words[0] {
        "put" => {
            let lease = words.get(3).map_or(0, |lease| lease.parse().expect("a lease"));
            Operation::Put { key, value: value(words[2]), lease }
        }
        "del" => Operation::Delete { key },
        _ => Operation::Get { key },
    }
}

fn value(word: &str) -> Vec<u8> {
    match word.strip_prefix("pod:") {
        Some(pod) => pod_json(pod).into_bytes(),
        None => word.into(),
    }
}

/// `NAME,LABEL=VALUE,…;PHASE` as JSON.
fn pod_json(text: &str) -> String {
    let (rest, phase) = text.split_once(';').unwrap_or((text, ""));
    let mut parts = rest.split(',');
    let name = parts.next().unwrap_or("");
    let labels: Vec<String> = parts
        .map(|label| label.split_once('=').expect("a label"))
        .map(|(key, value)| format!("\"{key}\":\"{value}\""))
        .collect();
    let labels = labels.join(",");
    let status =
        if phase.is_empty() { String::new() } else { format!(",\"status\":{{\"phase\":\"{phase}\"}}") };
    format!(
        "{{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{{\"name\":\"{name}\",\"labels\":{{{labels}}}}}{status}}}"
    )
}

#[test]
fn every_script_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts/store");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).expect("the scripts").map(|entry| entry.expect("a script").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    assert!(paths.len() >= 45, "only {} scripts were found", paths.len());
    for path in paths {
        Script::new().run(&path);
    }
}

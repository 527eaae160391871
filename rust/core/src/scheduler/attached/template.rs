//! The event that tells of a binding: a template with places for what differs from pod to pod.
//!
//! Invariant: what is filled in are names, uids and times, which JSON writes as they are.

use memchr::memmem;

/// What may stand in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Name,
    Namespace,
    Pod,
    Uid,
    Version,
    Node,
    EventUid,
    Now,
}

const PLACES: [(&str, Place); 8] = [
    ("{name}", Place::Name),
    ("{namespace}", Place::Namespace),
    ("{pod}", Place::Pod),
    ("{uid}", Place::Uid),
    ("{version}", Place::Version),
    ("{node}", Place::Node),
    ("{event_uid}", Place::EventUid),
    ("{now}", Place::Now),
];

/// What one event says.
pub struct Facts<'a> {
    pub name: &'a str,
    pub namespace: &'a str,
    pub pod: &'a str,
    pub uid: &'a str,
    pub version: &'a str,
    pub node: &'a str,
    pub event_uid: &'a str,
    pub now: &'a str,
}

/// Text, then what stands behind it.
#[derive(Debug)]
pub struct Template {
    parts: Vec<(Vec<u8>, Option<Place>)>,
    len: usize,
}

impl Template {
    pub fn new(text: &[u8]) -> Template {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((at, pattern, place)) = first_place(rest) {
            parts.push((rest[..at].to_vec(), Some(place)));
            rest = &rest[at + pattern.len()..];
        }
        parts.push((rest.to_vec(), None));
        Template { parts, len: text.len() }
    }

    pub fn filled(&self, facts: &Facts) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len + 256);
        for (text, place) in &self.parts {
            out.extend_from_slice(text);
            let fact = match place {
                None => "",
                Some(Place::Name) => facts.name,
                Some(Place::Namespace) => facts.namespace,
                Some(Place::Pod) => facts.pod,
                Some(Place::Uid) => facts.uid,
                Some(Place::Version) => facts.version,
                Some(Place::Node) => facts.node,
                Some(Place::EventUid) => facts.event_uid,
                Some(Place::Now) => facts.now,
            };
            out.extend_from_slice(fact.as_bytes());
        }
        out
    }
}

fn first_place(text: &[u8]) -> Option<(usize, &'static str, Place)> {
    let found = PLACES.iter().filter_map(|(pattern, place)| {
        memmem::find(text, pattern.as_bytes()).map(|at| (at, *pattern, *place))
    });
    found.min_by_key(|(at, _, _)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_filled_and_other_braces_stay() {
        let template = Template::new(b"{\"a\":{\"n\":\"{pod} on {node}\"},\"v\":\"{version}{name}\"}");
        let facts = Facts {
            name: "e",
            namespace: "ns",
            pod: "p",
            uid: "u",
            version: "7",
            node: "n",
            event_uid: "x",
            now: "t",
        };

        assert_eq!(template.filled(&facts), b"{\"a\":{\"n\":\"p on n\"},\"v\":\"7e\"}");
    }
}

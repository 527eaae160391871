//! What a ResourceClaim asks for: requests for devices, alternatives among them, what the devices must have in common.
//!
//! Invariant: every request has at least one alternative; every selector has been read.
//! Not here: which devices are chosen (see `device_allocation`).

use super::cel_syntax::{self, CelError, Expression};
use super::objects::Objects;
use serde_json::Value;

/// Of a firstAvailable request; the first is worth so much in scores.
pub const ALTERNATIVES_MAX: usize = 8;

#[derive(Debug)]
pub struct Selector {
    pub expression: Expression,
    /// What it belongs to, for messages.
    pub owner: String,
}

/// One way to satisfy a request.
#[derive(Debug)]
pub struct Alternative {
    /// As results name it: the request's, or request/alternative.
    pub name: String,
    /// None: all that match.
    pub count: Option<usize>,
    pub selectors: Vec<Selector>,
    /// For looking at devices only: takes none away.
    pub is_admin: bool,
    /// Of its DeviceClass.
    pub config: Vec<Value>,
}

#[derive(Debug)]
pub struct Request {
    pub alternatives: Vec<Alternative>,
    /// Named its alternatives, so that the first are worth more.
    pub is_scored: bool,
}

/// An attribute that all devices of the requests share, or in which all differ.
#[derive(Debug)]
pub struct Constraint {
    /// Names of requests or request/alternative; none means all.
    requests: Vec<String>,
    pub domain: String,
    pub attribute: String,
    pub is_distinct: bool,
}

impl Constraint {
    pub fn concerns(&self, name: &str) -> bool {
        self.requests.is_empty() || is_among(&self.requests, name)
    }
}

/// True when the names hold that of the request, or of the request that it is an alternative of.
pub fn is_among(names: &[String], name: &str) -> bool {
    let request = name.split('/').next().unwrap_or(name);
    names.iter().any(|one| one == name || one == request)
}

#[derive(Debug)]
pub struct ClaimRequests {
    /// namespace/name.
    pub claim: String,
    pub requests: Vec<Request>,
    pub constraints: Vec<Constraint>,
    pub config: Vec<Value>,
}

impl ClaimRequests {
    /// The error is in kube-scheduler's words.
    pub fn parse(claim: &str, spec: &Value, objects: &Objects) -> Result<ClaimRequests, String> {
        let devices = &spec["devices"];
        let requests: Result<Vec<Request>, String> =
            items(&devices["requests"]).map(|entry| request(entry, objects)).collect();
        let constraints: Result<Vec<Constraint>, String> =
            items(&devices["constraints"]).map(constraint).collect();
        Ok(ClaimRequests {
            claim: claim.to_owned(),
            requests: requests?,
            constraints: constraints?,
            config: items(&devices["config"]).cloned().collect(),
        })
    }
}

pub fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The texts of a list.
pub fn texts(list: &Value) -> Vec<String> {
    items(list).map(|each| text(each).to_owned()).collect()
}

fn request(entry: &Value, objects: &Objects) -> Result<Request, String> {
    let name = text(&entry["name"]);
    if entry["exactly"].as_object().is_some_and(|fields| !fields.is_empty()) {
        let alternatives = vec![alternative(&entry["exactly"], name, objects)?];
        return Ok(Request { alternatives, is_scored: false });
    }
    let mut alternatives = Vec::new();
    for each in items(&entry["firstAvailable"]).take(ALTERNATIVES_MAX) {
        alternatives.push(alternative(each, &format!("{name}/{}", text(&each["name"])), objects)?);
    }
    if alternatives.is_empty() {
        return Err(format!("request {name}: unsupported request type"));
    }
    Ok(Request { alternatives, is_scored: true })
}

fn alternative(entry: &Value, name: &str, objects: &Objects) -> Result<Alternative, String> {
    let class_name = text(&entry["deviceClassName"]);
    let Some(class) = objects.get("DeviceClass", class_name) else {
        return Err(format!("request {name}: device class {class_name} does not exist"));
    };
    if entry["capacity"].as_object().is_some_and(|fields| !fields.is_empty()) {
        return Err(format!("request {name}: capacity is not supported"));
    }
    let spec = &class["spec"];
    let count = count(entry, name)?;
    let mut selectors = selectors(spec, &format!("class {class_name}"))?;
    selectors.extend(self::selectors(entry, &format!("request {name}"))?);
    Ok(Alternative {
        name: name.to_owned(),
        count,
        selectors,
        is_admin: entry["adminAccess"].as_bool().unwrap_or(false),
        config: items(&spec["config"]).cloned().collect(),
    })
}

fn count(entry: &Value, name: &str) -> Result<Option<usize>, String> {
    match text(&entry["allocationMode"]) {
        "All" => Ok(None),
        "" | "ExactCount" => {
            let count = entry["count"].as_u64().filter(|count| *count > 0).unwrap_or(1);
            Ok(Some(usize::try_from(count).unwrap_or(usize::MAX)))
        }
        mode => Err(format!("request {name}: unsupported count mode {mode}")),
    }
}

fn selectors(owner: &Value, place: &str) -> Result<Vec<Selector>, String> {
    let mut found = Vec::new();
    for (i, selector) in items(&owner["selectors"]).enumerate() {
        let owner = format!("{place}: selector #{i}");
        let expression = text(&selector["cel"]["expression"]);
        if expression.is_empty() {
            return Err(format!("{owner}: CEL expression empty (unsupported selector type?)"));
        }
        let expression = cel_syntax::parse(expression)
            .map_err(|CelError(text)| format!("{owner}: CEL compile error: {text}"))?;
        found.push(Selector { expression, owner });
    }
    Ok(found)
}

fn constraint(entry: &Value) -> Result<Constraint, String> {
    let distinct = text(&entry["distinctAttribute"]);
    let attribute = if distinct.is_empty() { text(&entry["matchAttribute"]) } else { distinct };
    let Some((domain, name)) = attribute.rsplit_once('/') else {
        return Err(format!("constraint: '{attribute}' is not an attribute with a domain"));
    };
    Ok(Constraint {
        requests: texts(&entry["requests"]),
        domain: domain.to_owned(),
        attribute: name.to_owned(),
        is_distinct: !distinct.is_empty(),
    })
}

//! The ResourceClaims that a pod names, directly or by a template.
//!
//! Invariant: a claim made from a template has no name until its controller has written it into the pod's status.
//! Not here: what the claims ask for (see `device_requests`).

use super::manifest;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClaimName {
    /// None when the claim is still to be made, "" when it was found that none is needed.
    pub claim: Option<String>,
    /// Made for this pod alone.
    pub is_generated: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodClaims {
    /// In the pod's order.
    pub names: Vec<ClaimName>,
}

impl PodClaims {
    pub fn parse(pod: &manifest::Pod) -> PodClaims {
        let entries = pod.spec.as_ref().and_then(|s| s.resource_claims.as_ref());
        let status = pod.status.as_ref();
        let statuses = || status.iter().flat_map(|s| s.resource_claim_statuses.iter().flatten());
        let made = |name: &str| {
            let entry = statuses().rfind(|s| s.name.as_deref().unwrap_or_default() == name);
            entry.map(|s| s.resource_claim_name.clone().unwrap_or_default())
        };
        let name = |entry: &manifest::PodClaim| match entry.resource_claim_name.as_deref() {
            Some(claim) if !claim.is_empty() => {
                ClaimName { claim: Some(claim.to_owned()), is_generated: false }
            }
            _ => ClaimName { claim: made(entry.name.as_deref().unwrap_or_default()), is_generated: true },
        };
        PodClaims { names: entries.into_iter().flatten().map(name).collect() }
    }
}

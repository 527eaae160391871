//! Why a patch was refused.

/// What the API server makes of the refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The patch itself is bad: 400.
    Malformed,
    /// It does not fit the object: 422.
    Unprocessable,
    /// Its result does not fit the types: 422 Invalid.
    Invalid,
    /// What kube-apiserver answers with 500 and the bare message.
    Internal,
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Reason::Malformed => "malformed",
            Reason::Unprocessable => "unprocessable",
            Reason::Invalid => "invalid",
            Reason::Internal => "internal",
        }
    }
}

/// `value` is the bad value of an `Invalid` refusal, as Go prints it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatchError {
    pub reason: Reason,
    pub message: String,
    pub value: String,
}

impl PatchError {
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        PatchError { reason, message: message.into(), value: String::new() }
    }

    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(Reason::Malformed, message)
    }

    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(Reason::Unprocessable, message)
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Reason::Internal, message)
    }
}

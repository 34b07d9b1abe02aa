//! What handlers have in common: the parameters of an address, and answers in JSON.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;

use super::limits::Claim;
use super::problem::Problem;

/// An answer in JSON.
pub(super) fn answer(value: &impl Serialize) -> Result<Response, Problem> {
    let text = serde_json::to_vec(value).map_err(|error| Problem::internal(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// The same, which counts as memory until the client has taken it.
pub(super) fn answer_within(value: &impl Serialize, mut claim: Claim) -> Result<Response, Problem> {
    let text = serde_json::to_vec(value).map_err(|error| Problem::internal(error.to_string()))?;
    claim.keep(text.len() as u64);
    let held = Bytes::from_owner(Held { text, _claim: claim });
    Ok(([(header::CONTENT_TYPE, "application/json")], held).into_response())
}

/// The text of an answer with its memory.
struct Held {
    text: Vec<u8>,
    _claim: Claim,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

/// The parameters behind an address's question mark.
pub(super) fn parameters<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|Query(parameters)| parameters).map_err(|error| Problem::malformed(error.body_text()))
}

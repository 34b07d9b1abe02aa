//! `POST /v1/query`: images in, answers out.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::problem::Problem;
use super::shared::Shared;
use super::{handler, pictures};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    neighbours: Option<usize>,
}

/// Bytes that a neighbour takes, about: in memory and as text.
const NEAR: u64 = 512;

/// `POST /v1/query`: what is on the images of a request.
pub(super) async fn query(
    State(shared): State<Arc<Shared>>,
    parameters: Result<Query<Asked>, QueryRejection>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let kept = neighbours(handler::parameters(parameters)?.neighbours, &shared)?;
    let mut claim = shared.budget.claim();
    let pictures = pictures::of_request(&shared, request, &mut claim).await?;
    let told = (pictures.0.len() as u64).saturating_mul(kept as u64).saturating_mul(NEAR);
    if !claim.grow(told) {
        return Err(claim.refusal(told));
    }
    let (images, names, _) = pictures.apart();
    let answers = shared.engine.ask(images, names, kept).await?;
    handler::answer_within(&json!({ "answers": answers }), claim)
}

/// How many neighbours are told: as the run does, unless asked for another number that there are.
fn neighbours(wanted: Option<usize>, shared: &Shared) -> Result<usize, Problem> {
    let vectors = shared.index().len();
    match wanted {
        Some(wanted) if wanted > vectors => {
            let detail = format!("{wanted} neighbours are wanted, but the index holds {vectors} vectors");
            Err(Problem::unprocessable("too-many-neighbours", detail))
        }
        wanted => Ok(wanted.unwrap_or(shared.asker.neighbours())),
    }
}

//! What a server says of itself: its page, its description, whether it is well, its numbers and its index.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::handler::answer;
use super::metrics::Now;
use super::openapi;
use super::problem::Problem;
use super::shared::Shared;

/// `GET /`: the page that images are dropped on, with its policy.
pub(super) async fn page(State(shared): State<Arc<Shared>>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, shared.page.policy.clone()),
    ];
    (headers, shared.page.text.clone()).into_response()
}

/// `GET /openapi.json`: which addresses there are.
pub(super) async fn description() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi::description()).into_response()
}

/// `GET /v2/health/live`: that it answers at all.
pub(super) async fn live() -> Result<Response, Problem> {
    answer(&json!({ "live": true }))
}

/// `GET /v2/health/ready`: 503 once it stops, or if nobody is left to answer.
pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    if shared.stopping.load(Ordering::Relaxed) {
        return Err(Problem::busy("the server is stopping"));
    }
    if !shared.engine.lives() {
        return Err(Problem::busy("the thread that asks the network has ended"));
    }
    answer(&json!({ "ready": true }))
}

/// `GET /metrics`: counters for Prometheus.
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let (run_vectors, added_vectors) = shared.index().counts();
    let memory = (shared.budget.taken(), shared.budget.whole());
    let text = shared.metrics.text(&Now { memory, run_vectors, added_vectors, writable: shared.writer.is_ok() });
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// `GET /v1/index`: what is served, as it is now.
pub(super) async fn index(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let index = shared.index();
    let (run_vectors, added_vectors) = index.counts();
    answer(&json!({
        "run": shared.about.run, "experiment": shared.about.experiment, "stage": shared.about.stage,
        "name": shared.about.name, "vectors": index.len(), "run_vectors": run_vectors, "added_vectors": added_vectors,
        "classes": index.classes(), "new_classes": index.new_classes(), "unknown_label": shared.asker.unknown(),
        "dimensions": shared.asker.dim(), "distance": shared.asker.distance().name(),
        "neighbours": shared.asker.neighbours(), "image": shared.asker.input(),
        "writable": shared.writer.is_ok(), "read_only_because": shared.writer.as_ref().err(),
    }))
}

//! What can be asked, by address and method: one list, which the description in OpenAPI must have too.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::guard::{self, Local};
use super::limits::Claim;
use super::metrics::Now;
use super::problem::Problem;
use super::server::Shared;
use super::{additions, embeddings, openapi, pictures};

/// The state of all handlers.
pub(super) type Server = State<Arc<Shared>>;

/// Makes the handlers of an address.
type Handlers = fn() -> MethodRouter<Arc<Shared>>;

/// Every address with its handlers.
pub(super) const ALL: [(&str, Handlers); 10] = [
    ("/", || get(page)),
    ("/openapi.json", || get(description)),
    ("/v2/health/live", || get(live)),
    ("/v2/health/ready", || get(ready)),
    ("/metrics", || get(metrics)),
    ("/v1/index", || get(index)),
    ("/v1/query", || post(query)),
    ("/v1/embeddings", || post(embeddings::create)),
    ("/v1/images", || post(additions::add)),
    ("/v1/images/{digest}", || delete(additions::remove)),
];

/// The whole service.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let routes = ALL.iter().fold(Router::new(), |router, (path, handlers)| router.route(path, handlers()));
    routes
        .fallback(|| async { Problem::not_found("there is nothing at this address: see /openapi.json") })
        .method_not_allowed_fallback(|| async {
            Problem::method("this address takes another method: see /openapi.json")
        })
        .layer(from_fn_with_state(shared.clone(), around))
        .with_state(shared)
}

/// What every request goes through: the guard, and what is noted of it.
async fn around(State(shared): Server, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let route = ALL.iter().map(|(path, _)| *path).find(|path| matched == Some(path)).unwrap_or("other");
    let local = request.extensions().get::<Local>().copied();
    let allowed = local.ok_or_else(|| Problem::internal("the connection has no address")).and_then(|local| {
        let head = (request.method(), request.uri(), request.headers());
        guard::check(head, local, &shared.hosts, shared.token.as_ref())
    });
    let mut response = match allowed {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    for (name, value) in SAFE {
        response.headers_mut().entry(name).or_insert(value);
    }
    shared.metrics.request(route, response.status().as_u16(), began.elapsed());
    response
}

/// Headers of every answer: none is kept, guessed at, framed or read by another site.
const SAFE: [(HeaderName, HeaderValue); 5] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

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

async fn page(State(shared): Server) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, shared.page.policy.clone()),
    ];
    (headers, shared.page.text.clone()).into_response()
}

async fn description() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi::description()).into_response()
}

async fn live() -> Result<Response, Problem> {
    answer(&json!({ "live": true }))
}

async fn ready(State(shared): Server) -> Result<Response, Problem> {
    if shared.stopping.load(Ordering::Relaxed) {
        return Err(Problem::busy("the server is stopping"));
    }
    if !shared.engine.lives() {
        return Err(Problem::busy("the thread that asks the network has ended"));
    }
    answer(&json!({ "ready": true }))
}

async fn metrics(State(shared): Server) -> Response {
    let (run_vectors, added_vectors) = shared.index().counts();
    let memory = (shared.budget.taken(), shared.budget.whole());
    let text = shared.metrics.text(&Now { memory, run_vectors, added_vectors, writable: shared.writer.is_ok() });
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn index(State(shared): Server) -> Result<Response, Problem> {
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    neighbours: Option<usize>,
}

/// Bytes that a neighbour takes, about: in memory and as text.
const NEAR: u64 = 512;

async fn query(
    State(shared): Server,
    parameters: Result<Query<Asked>, QueryRejection>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let kept = neighbours(self::parameters(parameters)?.neighbours, &shared)?;
    let mut claim = shared.budget.claim();
    let pictures = pictures::of_request(&shared, request, &mut claim).await?;
    let told = (pictures.0.len() as u64).saturating_mul(kept as u64).saturating_mul(NEAR);
    if !claim.grow(told) {
        return Err(claim.refusal(told));
    }
    let (images, names, _) = pictures.apart();
    let answers = shared.engine.ask(images, names, kept).await?;
    answer_within(&json!({ "answers": answers }), claim)
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

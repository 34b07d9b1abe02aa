//! What can be asked, by address and method: one list, which the description in OpenAPI must have too.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};

use super::guard::{self, Local};
use super::problem::Problem;
use super::shared::Shared;
use super::{additions, embeddings, query, status};

/// Makes the handlers of an address.
type Handlers = fn() -> MethodRouter<Arc<Shared>>;

/// Every address with its handlers.
pub(super) const ALL: [(&str, Handlers); 10] = [
    ("/", || get(status::page)),
    ("/openapi.json", || get(status::description)),
    ("/v2/health/live", || get(status::live)),
    ("/v2/health/ready", || get(status::ready)),
    ("/metrics", || get(status::metrics)),
    ("/v1/index", || get(status::index)),
    ("/v1/query", || post(query::query)),
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
async fn around(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
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

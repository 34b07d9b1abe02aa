//! What is wrong with a request, as RFC 9457 writes it: `application/problem+json`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    /// The last part of the problem's type, which programs tell problems by.
    kind: &'static str,
    detail: String,
}

/// Seconds after which a client may try again what there was no room for.
const RETRY_AFTER: u64 = 1;

impl Problem {
    const fn new(status: StatusCode, kind: &'static str, detail: String) -> Self {
        Self { status, kind, detail }
    }

    /// 400: the request itself is malformed.
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail.into())
    }

    /// 401: no token, or another one.
    pub(super) fn unauthorized() -> Self {
        let detail = "this server wants its token: `Authorization: Bearer TOKEN`".to_owned();
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// 403: not here, whoever asks.
    pub(super) fn forbidden(kind: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, kind, detail.into())
    }

    /// 404.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail.into())
    }

    /// 405.
    pub(super) fn method(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail.into())
    }

    /// 408: the body does not come.
    pub(super) fn slow(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", detail.into())
    }

    /// 409: it contradicts what is there.
    pub(super) fn conflict(kind: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, kind, detail.into())
    }

    /// 413.
    pub(super) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail.into())
    }

    /// 415: a body, or an encoding of one, that is not read.
    pub(super) fn unsupported(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported", detail.into())
    }

    /// 421: the request is for another host.
    pub(super) fn misdirected(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, "foreign-host", detail.into())
    }

    /// 422: well formed, but it can't be done.
    pub(super) fn unprocessable(kind: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, detail.into())
    }

    /// 500: the server's own fault.
    pub(super) fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail.into())
    }

    /// 503: no room now.
    pub(super) fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail.into())
    }

    /// Whether both are of one type.
    #[cfg(test)]
    pub(super) fn same_kind(&self, other: &Self) -> bool {
        (self.status, self.kind) == (other.status, other.kind)
    }

    /// 507: the disk refuses.
    pub(super) fn unwritten(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "not-written", detail.into())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, kind, detail } = self;
        let body = json!({
            "type": format!("urn:simpipe:problem:{kind}"), "title": status.canonical_reason(), "status": status.as_u16(),
            "detail": detail,
        });
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::REQUEST_TIMEOUT {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_the_headers_that_it_needs() {
        let header = |problem: Problem, name: header::HeaderName| {
            let response = problem.into_response();
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
            response.headers().get(name).map(|value| value.to_str().unwrap_or("").to_owned())
        };
        assert_eq!(header(Problem::busy("x"), header::RETRY_AFTER).as_deref(), Some("1"));
        assert_eq!(header(Problem::unauthorized(), header::WWW_AUTHENTICATE).as_deref(), Some("Bearer"));
        assert_eq!(header(Problem::slow("x"), header::CONNECTION).as_deref(), Some("close"));
        assert_eq!(header(Problem::not_found("x"), header::RETRY_AFTER), None);
    }
}

//! What a server can't make us do, whatever it says and sends: keep an endless list or an error's page in memory,
//! reserve the length that a header claims, or wait for a body of which a byte comes now and then.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
    ReqwestConnector,
};
use object_store::{ClientOptions, Error as ObjectError};

use simpipe_base::pace::{Least, Pace};

/// The most bytes of anything that is read whole: an entry, a page of a list, credentials.
pub(super) const SMALL: u64 = 16 << 20;

/// Of an answer that says why not, this much is read; the rest says no more.
const WHY_NOT: u64 = 64 << 10;

/// Names in a list, and names in it that were there before. A page has some thousand.
pub(super) const NAMES: usize = 4_000_000;
pub(super) const REPEATED: usize = 20_000;

/// What a server has gone beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Beyond {
    /// Something small has no end.
    #[error("the server sends more than {} MiB of something small", SMALL >> 20)]
    Small,
    /// A list has no end.
    #[error("the server's list of names does not end")]
    List,
    /// A body stands still, or nearly.
    #[error("the server is too slow: {0}")]
    Slow(Least),
}

impl Beyond {
    fn http(self) -> HttpError {
        let kind = match self {
            Self::Small | Self::List => HttpErrorKind::Decode,
            Self::Slow(_) => HttpErrorKind::Timeout,
        };
        HttpError::new(kind, self)
    }

    /// As the client's own errors look.
    pub(super) fn error(self) -> ObjectError {
        ObjectError::Generic { store: "server", source: Box::new(self.http()) }
    }
}

/// Makes clients whose answers are limited.
#[derive(Debug)]
pub(super) struct Connector(pub(super) Least);

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Service { inner, least: self.0 }))
    }
}

#[derive(Debug)]
struct Service {
    inner: HttpClient,
    least: Least,
}

impl HttpService for Service {
    // Written out: the trait's own macro makes this of an `async fn`.
    fn call<'life0, 'async_trait>(
        &'life0 self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let streamed = request.method().as_str() == "GET" && is_object(request.uri().path());
        let listed = request.uri().query().is_some_and(|query| query.contains("list"));
        Box::pin(async move {
            let (parts, body) = self.inner.execute(request).await?.into_parts();
            let limit = match parts.status.is_success() {
                true if streamed && !listed => Limit::None,
                // Whoever has a limit of their own reaches it first, and knows what it was that they read.
                true => Limit::Refuse(2 * SMALL),
                false => Limit::Cut(WHY_NOT),
            };
            let body = Limited { inner: body, limit, least: self.least, pace: None };
            Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)))
        })
    }
}

/// Whether a path leads to an object, whose size is known and which is written to disk as it comes.
fn is_object(path: &str) -> bool {
    path.contains("cas/") || path.contains("cas%2F")
}

/// How much of a body may come.
enum Limit {
    None,
    /// More is an error.
    Refuse(u64),
    /// More is not read.
    Cut(u64),
}

/// A body that is limited. It does not say how long it will be: who asks for that reserves it.
struct Limited {
    inner: HttpResponseBody,
    limit: Limit,
    least: Least,
    /// From the first bytes on: until then the time limit of each read holds.
    pace: Option<Pace>,
}

impl Limited {
    /// Lets some bytes through; `false` if the body is to end before them.
    fn admit(&mut self, bytes: u64) -> Result<bool, Beyond> {
        let least = self.least;
        let pace = self.pace.get_or_insert_with(|| Pace::new(least));
        pace.moved(bytes);
        if pace.stalled() {
            return Err(Beyond::Slow(least));
        }
        match &mut self.limit {
            Limit::None => {}
            Limit::Refuse(left) => *left = left.checked_sub(bytes).ok_or(Beyond::Small)?,
            Limit::Cut(left) if *left < bytes => return Ok(false),
            Limit::Cut(left) => *left -= bytes,
        }
        Ok(true)
    }
}

impl Body for Limited {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        Poll::Ready(match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
            Some(Ok(frame)) => match self.admit(frame.data_ref().map_or(0, Bytes::len) as u64) {
                Ok(true) => Some(Ok(frame)),
                Ok(false) => None,
                Err(beyond) => Some(Err(beyond.http())),
            },
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn body(bytes: usize, limit: Limit, least: Least) -> HttpResponseBody {
        HttpResponseBody::new(Limited { inner: vec![7; bytes].into(), limit, least, pace: None })
    }

    fn read(body: HttpResponseBody) -> Result<usize, HttpError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(body.bytes()).map(|bytes| bytes.len())
    }

    const PATIENT: Least = Least::over(Duration::from_secs(3600));

    #[test]
    fn more_than_the_limit_is_refused_or_cut() {
        assert_eq!(read(body(10, Limit::Refuse(10), PATIENT)).unwrap(), 10);
        let error = read(body(11, Limit::Refuse(10), PATIENT)).unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Decode);
        assert_eq!(read(body(11, Limit::Cut(10), PATIENT)).unwrap(), 0);
        assert_eq!(read(body(11, Limit::None, PATIENT)).unwrap(), 11);
        let never = Least { bytes: 100, within: Duration::ZERO };
        assert_eq!(read(body(11, Limit::None, never)).unwrap_err().kind(), HttpErrorKind::Timeout);
    }

    #[test]
    fn a_length_is_not_passed_on() {
        assert_eq!(body(11, Limit::None, PATIENT).size_hint().lower(), 0);
    }

    #[test]
    fn objects_are_told_from_all_else_by_their_path() {
        for object in ["/cas/aa/aa01", "/bucket/team/cas/aa/aa01", "/bucket/team%2Fcas%2Faa%2Faa01"] {
            assert!(is_object(object), "{object}");
        }
        for other in ["/bucket", "/bucket/ac/aa01.json", "/latest/meta-data", "/bucket/format"] {
            assert!(!is_object(other), "{other}");
        }
    }
}

//! Connections: taken as they come, dropped where they only wait and others want in, ended in order.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use futures_util::future::{Either, select};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::guard::Local;
use super::shared::Shared;
use simpipe_base::interrupt::LeftToEnd;

/// How often it is looked whether the server is to stop.
const TICK: Duration = Duration::from_millis(50);
/// How often it is looked whether clients take their answers.
const LOOK: Duration = Duration::from_secs(1);
/// The most bytes of a request's head.
const LONGEST_HEAD: usize = 64 << 10;
/// The most headers of a request.
const MOST_HEADERS: usize = 100;

/// A connection that is open.
#[derive(Debug, Default)]
struct Open {
    /// Requests that are being answered: 1 or none.
    busy: AtomicUsize,
    /// When an answer was last handed over, unless a request came behind it.
    answered: Mutex<Option<Instant>>,
    /// Tells it to end at once.
    evict: Notify,
    /// Tells it to end after what it is answering.
    finish: Notify,
}

impl Open {
    fn set_answered(&self, at: Option<Instant>) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// Whether an answer was handed over so long ago, and nothing came since.
    fn is_stalled(&self, most: Duration) -> bool {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|at| at.elapsed() >= most)
    }
}

/// Ends once a client has not taken its answer in so long a time: the limit of a connection that waits begins behind that.
async fn stalled(open: &Open, most: Duration) {
    while !open.is_stalled(most) {
        tokio::time::sleep(LOOK).await;
    }
}

/// All connections that are open, the oldest first.
type Connections = Arc<Mutex<BTreeMap<u64, Arc<Open>>>>;

/// Answers until `stop` says so.
pub(super) fn run(
    shared: &Arc<Shared>,
    router: Router,
    listener: TcpListener,
    stop: &AtomicBool,
) -> std::io::Result<()> {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).max(2);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(threads)
        .thread_name("decode")
        .build()?;
    listener.set_nonblocking(true)?;
    let ended = runtime.block_on(accept(shared, router, listener, stop));
    // What still decodes is of nobody any more.
    runtime.shutdown_background();
    ended
}

async fn accept(shared: &Arc<Shared>, router: Router, listener: TcpListener, stop: &AtomicBool) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let connections = Connections::default();
    for number in 0.. {
        let stream = loop {
            if stop.load(Ordering::Relaxed) {
                drop(listener);
                drain(shared, &connections).await;
                return Ok(());
            }
            match tokio::time::timeout(TICK, listener.accept()).await {
                Ok(Ok((stream, _))) => break stream,
                // No more files, or the client has left already: others may go on.
                Ok(Err(_)) => tokio::time::sleep(TICK).await,
                Err(_) => {}
            }
        };
        if let Some(open) = admit(&connections, number, shared.limits.connections) {
            shared.metrics.connections.fetch_add(1, Ordering::Relaxed);
            let (shared, router, connections) = (shared.clone(), router.clone(), connections.clone());
            tokio::spawn(async move {
                talk(stream, &shared, router, &open).await;
                lock(&connections).remove(&number);
                shared.metrics.connections.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
    Ok(())
}

fn lock(connections: &Connections) -> std::sync::MutexGuard<'_, BTreeMap<u64, Arc<Open>>> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a connection; where there are too many, the oldest that waits has to go, and without one nobody gets in.
fn admit(connections: &Connections, number: u64, most: usize) -> Option<Arc<Open>> {
    let mut all = lock(connections);
    if all.len() >= most {
        let (oldest, open) = all
            .iter()
            .find(|(_, open)| open.busy.load(Ordering::Relaxed) == 0)
            .map(|(at, open)| (*at, open.clone()))?;
        open.evict.notify_one();
        all.remove(&oldest);
    }
    let open = Arc::<Open>::default();
    all.insert(number, open.clone());
    Some(open)
}

/// Answers the requests of a connection.
async fn talk(stream: TcpStream, shared: &Shared, router: Router, open: &Arc<Open>) {
    let Ok(local) = stream.local_addr() else { return };
    drop(stream.set_nodelay(true));
    let service = service_fn(|request: Request<Incoming>| respond(router.clone(), request, local, open.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.limits.head)
        .max_buf_size(LONGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let leave = async {
        let taken = stalled(open, shared.limits.answer + shared.limits.head);
        let _ = select(pin!(open.evict.notified()), pin!(taken)).await;
    };
    let (mut evict, mut finish) = (pin!(leave), pin!(open.finish.notified()));
    let told = select(&mut connection, select(&mut evict, &mut finish)).await;
    match told {
        // A client that has broken off or sends no HTTP: nothing to do, and nobody to tell.
        Either::Left(_) | Either::Right((Either::Left(_), _)) => {}
        Either::Right((Either::Right(_), _)) => {
            connection.as_mut().graceful_shutdown();
            drop(select(connection, evict).await);
        }
    }
}

type Answer = Result<axum::response::Response, std::convert::Infallible>;

fn respond(
    router: Router,
    request: Request<Incoming>,
    local: SocketAddr,
    open: Arc<Open>,
) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Local(local));
    Box::pin(async move {
        let _busy = Busy::new(open);
        TowerToHyperService::new(router).call(request).await
    })
}

/// As long as a request is being answered, however that ends.
struct Busy(Arc<Open>);

impl Busy {
    fn new(open: Arc<Open>) -> Self {
        open.busy.fetch_add(1, Ordering::Relaxed);
        open.set_answered(None);
        Self(open)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set_answered(Some(Instant::now()));
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long a client has to take an answer that is on its way, and to send a request that has begun to come.
const PARTING: Duration = Duration::from_millis(250);

/// Lets connections end what they are answering, for as long as that may take; those that only wait are closed.
async fn drain(shared: &Shared, connections: &Connections) {
    let _end = LeftToEnd::begin();
    shared.stopping.store(true, Ordering::Relaxed);
    lock(connections).values().for_each(|open| open.finish.notify_one());
    let began = Instant::now();
    while !lock(connections).is_empty() && began.elapsed() < shared.limits.drain {
        tokio::time::sleep(TICK / 5).await;
        if began.elapsed() > PARTING {
            let all = lock(connections);
            let idle = all.values().filter(|open| open.busy.load(Ordering::Relaxed) == 0);
            idle.for_each(|open| open.evict.notify_one());
        }
    }
    lock(connections).values().for_each(|open| open.evict.notify_one());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_its_time_and_a_request_another() {
        let open = Arc::<Open>::default();
        assert!(!open.is_stalled(Duration::ZERO), "nothing was answered yet");
        drop(Busy::new(open.clone()));
        assert!(open.is_stalled(Duration::ZERO) && !open.is_stalled(Duration::from_secs(3600)));
        let _busy = Busy::new(open.clone());
        assert!(!open.is_stalled(Duration::ZERO), "it is being answered");
    }

    #[test]
    fn the_oldest_that_waits_makes_room() {
        let connections = Connections::default();
        let first = admit(&connections, 0, 2).unwrap();
        let second = admit(&connections, 1, 2).unwrap();
        let _busy = Busy::new(first);
        let third = admit(&connections, 2, 2).unwrap();
        assert_eq!(lock(&connections).keys().copied().collect::<Vec<_>>(), [0, 2], "the first is at work");
        let told = futures_util::FutureExt::now_or_never(second.evict.notified());
        assert!(told.is_some(), "the second is told to go");
        let _also = Busy::new(third);
        assert!(admit(&connections, 3, 2).is_none(), "all are at work");
    }
}

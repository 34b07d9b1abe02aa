//! A server: what it is made of, how it is opened and run.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use super::collection::{Collection, Searching, Served};
use super::engine::{Engine, Parts};
use super::files::Files;
use super::limits::{Budget, Limits};
use super::log::{self, Origin};
use super::metrics::Metrics;
use super::page::Page;
use super::shared::{About, Shared};
use super::token::Token;
use super::writer::{SLACK, Writer};
use super::{ServeError, listen, routes};
use simpipe_artifact::FileNames;
use simpipe_base::digest::Digest;
use simpipe_data::asked::Decoding;
use simpipe_stages::ask::Asker;

/// What a server is made of.
pub struct Setup {
    /// What is served.
    pub about: About,
    /// Who answers.
    pub asker: Asker,
    /// How images become pixels.
    pub decoding: Decoding,
    /// The files that indexed images come from.
    pub files: FileNames,
    /// The folder of what was added and deleted.
    pub folder: PathBuf,
    /// Whether that may change.
    pub writable: bool,
    /// What clients must show.
    pub token: Option<Token>,
    /// Names that the server is asked by, beside its addresses.
    pub hosts: Vec<String>,
    /// What clients may take.
    pub limits: Limits,
}

/// A server that is ready to listen.
pub struct Server(Arc<Shared>);

/// What was found in the folder of changes.
struct Opened {
    index: Served,
    writer: Result<Writer, String>,
}

impl Server {
    /// Reads what was added before, and starts the threads.
    ///
    /// # Errors
    /// If that is of another model or damaged, or the system gives no thread.
    pub fn new(setup: Setup) -> Result<Self, ServeError> {
        let Setup { about, asker, decoding, files, folder, writable, token, hosts, limits } = setup;
        let opened = open(&about, &asker, folder, writable)?;
        let (asker, metrics) = (Arc::new(asker), Arc::new(Metrics::default()));
        let parts = Parts {
            asker: asker.clone(),
            index: opened.index.clone(),
            files: Arc::new(files),
            metrics: metrics.clone(),
        };
        let engine = Engine::start(parts, limits.waiting).map_err(ServeError::Thread)?;
        Ok(Self(Arc::new(Shared {
            about,
            asker,
            decoding,
            engine,
            index: opened.index,
            writer: opened.writer,
            token,
            hosts,
            budget: Budget::new(limits.memory),
            limits,
            metrics,
            page: Page::new(),
            stopping: AtomicBool::new(false),
        })))
    }

    /// Why nothing can be added, if so.
    #[must_use]
    pub fn read_only(&self) -> Option<&str> {
        self.0.writer.as_ref().err().map(String::as_str)
    }

    /// Vectors of the run that are searched, and added ones.
    #[must_use]
    pub fn vectors(&self) -> (usize, usize) {
        self.0.index().counts()
    }

    /// Answers until `stop` says so, then ends what it has begun.
    ///
    /// # Errors
    /// If the system gives no thread, or the listener can't be used.
    pub fn run(self, listener: TcpListener, stop: &AtomicBool) -> std::io::Result<()> {
        let router = routes::router(self.0.clone());
        let ended = listen::run(&self.0, router, listener, stop);
        self.0.stopping.store(true, Ordering::Relaxed);
        ended
    }
}

fn open(about: &About, asker: &Asker, folder: PathBuf, writable: bool) -> Result<Opened, ServeError> {
    let model_use = serde_json::to_string(asker.model_use()).unwrap_or_default();
    let model = format!("{} {model_use} {}", about.model, asker.distance().name());
    let origin = Origin { model: Digest::of(model.as_bytes()).to_string(), dim: asker.dim() };
    let searching = Searching { dim: asker.dim(), distance: asker.distance(), search: asker.search() };
    let mut index = Collection::new(asker.rows(), asker.classes(), searching);
    let files = if writable { Files::open(&folder, &origin)? } else { None };
    let (files, replay) = match files {
        Some((files, replay)) => (Some(files), replay),
        None => (None, log::read(&folder.join(log::FILE), &origin)?),
    };
    if files.is_some() && replay.torn > 0 {
        tracing::warn!(
            "the log ended in a change that a crash left half written: its {} bytes were dropped, and no client was told that \
             the change is stored",
            replay.torn
        );
    }
    let unsearchable = |error| ServeError::Unsearchable { path: folder.join(log::FILE), error };
    replay.changes.iter().try_for_each(|change| index.apply(change)).map_err(unsearchable)?;
    let index = Arc::new(RwLock::new(Arc::new(index)));
    let writer = match files {
        Some(files) => Ok(Writer::start(files, index.clone(), SLACK).map_err(ServeError::Thread)?),
        None if writable => Err("another server writes it; start this one again when that has ended".to_owned()),
        None => Err("the server was started without `--writable`".to_owned()),
    };
    Ok(Opened { index, writer })
}

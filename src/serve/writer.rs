//! The one who writes the log: a thread that decides about changes in their order, makes all that wait durable together, and
//! only then shows them to those who ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::collection::{Collection, Known, Served, now, show};
use super::files::{Draft, Files, Unwritten};
use super::log::Change;
use super::problem::Problem;
use simpipe_base::interrupt::LeftToEnd;
use simpipe_search::SearchError;

/// Wishes that become durable together at most.
const TOGETHER: usize = 256;
/// Changes beyond the fewest that a log may hold before it is written anew, at least.
pub(super) const SLACK: usize = 1024;

/// An image to be added.
#[derive(Debug, Clone)]
pub(super) struct Addition {
    pub(super) digest: String,
    pub(super) class: String,
    pub(super) vector: Vec<f32>,
}

/// What somebody wants.
#[derive(Debug)]
pub(super) enum Wish {
    /// All of these, or none; the answer says which were not there before.
    Add(Vec<Addition>),
    /// All vectors of an image gone; the answer has one entry.
    Delete(String),
}

type Answer = Result<Vec<bool>, Problem>;

enum Order {
    Wish(Wish, oneshot::Sender<Answer>),
    /// A shorter log of what the first bytes of this one say.
    Compacted(Box<Result<Shorter, String>>),
}

/// A shorter log, and the index as whoever reads it from its start will have it.
struct Shorter {
    draft: Draft,
    index: Collection,
}

/// Takes wishes; the thread ends with the last of these.
#[derive(Debug, Clone)]
pub(super) struct Writer(mpsc::UnboundedSender<Order>);

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system gives none.
    pub(super) fn start(files: Files, index: Served, slack: usize) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let own = sender.downgrade();
        let work = move || {
            Work { files, index, own, slack, since: None, failed_at: None, broken: None }.run(receiver);
        };
        std::thread::Builder::new().name("served-log".to_owned()).spawn(work)?;
        Ok(Self(sender))
    }

    /// What becomes of a wish, once that is durable.
    pub(super) async fn ask(&self, wish: Wish) -> Answer {
        let gone = || Problem::internal("the thread that writes the log has ended");
        let (reply, answer) = oneshot::channel();
        self.0.send(Order::Wish(wish, reply)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

struct Work {
    files: Files,
    index: Served,
    /// Does not keep the thread alive.
    own: mpsc::WeakUnboundedSender<Order>,
    slack: usize,
    /// What was changed since a shorter log was begun; `None` while none is being written.
    since: Option<Vec<Change>>,
    /// Changes that the log had when no shorter one could be written: what the disk refuses is not tried again at once.
    failed_at: Option<usize>,
    /// Why nothing can be written any more.
    broken: Option<String>,
}

impl Work {
    fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        while let Some(first) = orders.blocking_recv() {
            let more = std::iter::from_fn(|| orders.try_recv().ok()).take(TOGETHER - 1);
            let (mut wishes, mut drafts) = (Vec::new(), Vec::new());
            for order in std::iter::once(first).chain(more) {
                match order {
                    Order::Wish(wish, reply) => wishes.push((wish, reply)),
                    Order::Compacted(draft) => drafts.push(*draft),
                }
            }
            drafts.into_iter().for_each(|draft| self.take(draft));
            self.group(wishes);
            self.compact_if_long();
        }
    }

    /// Decides about wishes in their order, writes what they change, shows it, and only then answers.
    fn group(&mut self, wishes: Vec<(Wish, oneshot::Sender<Answer>)>) {
        let _end = LeftToEnd::begin();
        // A copy, which nobody sees before it is written down.
        let mut next = Collection::clone(&self.read());
        let (mut changes, mut answers) = (Vec::new(), Vec::new());
        for (wish, reply) in wishes {
            let decided = match (&self.broken, wish) {
                (Some(words), _) => Err(Problem::unwritten(words.clone())),
                (None, Wish::Add(additions)) => add(&mut next, additions, &mut changes),
                (None, Wish::Delete(digest)) => delete(&mut next, digest, &mut changes),
            };
            answers.push((decided, reply));
        }
        let written = if changes.is_empty() { Ok(()) } else { self.files.append(&changes) };
        let unwritten = written.err().map(|Unwritten { words, whole }| {
            if !whole {
                self.broken = Some(format!("{words}; start the server again once there is room"));
            }
            Problem::unwritten(words)
        });
        if unwritten.is_none() && !changes.is_empty() {
            show(&self.index, next);
            if let Some(since) = &mut self.since {
                since.extend(changes);
            }
        }
        for (answer, reply) in answers {
            // What only repeats what is there stands, whatever the disk says; an answer may be decided by what was not written.
            let answer = unwritten.clone().map_or(answer, Err);
            drop(reply.send(answer));
        }
    }

    fn read(&self) -> Arc<Collection> {
        now(&self.index)
    }

    /// Has the log written anew, in a thread of its own, where it holds far more than it need.
    fn compact_if_long(&mut self) {
        let fewest = self.read().counts().1 + self.read().beside().gone.len();
        let most = (2 * fewest).max(self.failed_at.unwrap_or(0)) + self.slack;
        if self.since.is_some() || self.broken.is_some() || self.files.changes() <= most {
            return;
        }
        // Nobody is left to wish for anything: then nothing is gained by it.
        let Some(own) = self.own.upgrade() else { return };
        let (now, draft) = (self.read(), self.files.draft());
        let work = move || {
            drop(own.send(Order::Compacted(Box::new(shorter(&now, draft)))));
        };
        if std::thread::Builder::new().name("served-log-shorter".to_owned()).spawn(work).is_ok() {
            self.since = Some(Vec::new());
        }
    }

    /// Takes a shorter log, and has everybody find from now on what is found after a restart.
    fn take(&mut self, shorter: Result<Shorter, String>) {
        let since = self.since.take().unwrap_or_default();
        let replaced = shorter.and_then(|Shorter { draft, mut index }| {
            since.iter().try_for_each(|change| index.apply(change)).map_err(|error| error.to_string())?;
            self.files.replace(&draft, &since).map_err(|error| error.to_string())?;
            show(&self.index, index);
            Ok(())
        });
        self.failed_at = replaced.is_err().then(|| self.files.changes());
        match replaced {
            Ok(()) => tracing::info!("wrote the log anew: {} changes", self.files.changes()),
            // The long one says the same.
            Err(error) => tracing::warn!("can't shorten the log, which goes on growing: {error}"),
        }
    }
}

/// Writes a log of the fewest changes, and makes them.
fn shorter(now: &Collection, draft: Draft) -> Result<Shorter, String> {
    let (changes, mut index) = (now.changes(), now.unchanged());
    changes.iter().try_for_each(|change| index.apply(change)).map_err(|error| error.to_string())?;
    let draft = draft.write(&changes).map_err(|error| error.to_string())?;
    Ok(Shorter { draft, index })
}

/// All of these or none: none where one has another class, or can't be searched.
fn add(next: &mut Collection, additions: Vec<Addition>, changes: &mut Vec<Change>) -> Answer {
    let unsearchable = |error: SearchError| Problem::unprocessable("not-comparable", error.to_string());
    let mut own: BTreeMap<&str, &String> = BTreeMap::new();
    let mut new = Vec::with_capacity(additions.len());
    for Addition { digest, class, vector } in &additions {
        next.beside().added.expect_fitting(vector).map_err(unsearchable)?;
        let known = match own.get(digest.as_str()) {
            Some(class) => Known::As(vec![(*class).clone()]),
            None => next.known(digest),
        };
        match known {
            Known::No => {
                own.insert(digest.as_str(), class);
                new.push(true);
            }
            Known::As(classes) if classes.contains(class) => new.push(false),
            Known::As(classes) => return Err(other_class(digest, class, &classes)),
        }
    }
    for (Addition { digest, class, vector }, _) in additions.into_iter().zip(&new).filter(|(_, new)| **new) {
        let change = Change::Add { digest, class, vector };
        next.apply(&change).map_err(unsearchable)?;
        changes.push(change);
    }
    Ok(new)
}

/// All vectors of an image, but not the last of all.
fn delete(next: &mut Collection, digest: String, changes: &mut Vec<Change>) -> Answer {
    let copies = next.copies(&digest);
    if copies == 0 {
        return Err(Problem::not_found(format!("no image of the index has the digest {digest}")));
    }
    if copies >= next.len() {
        let detail = "the last vector stays: an index without any answers nothing; add another first";
        return Err(Problem::conflict("last-vector", detail));
    }
    let change = Change::Delete { digest };
    next.apply(&change).map_err(|error| Problem::internal(error.to_string()))?;
    changes.push(change);
    Ok(vec![true])
}

fn other_class(digest: &str, class: &str, classes: &[String]) -> Problem {
    let known = classes.join("`, `");
    let detail = format!("the image {digest} is in the index as `{known}`, not as `{class}`: delete it first");
    Problem::conflict("other-label", detail)
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;

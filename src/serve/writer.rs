//! The one who writes the log: a thread that decides about changes in their order, makes all that wait durable together, and
//! only then shows them to those who ask.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::collection::{Collection, Known, Served, now};
use super::files::{Draft, Files, Unwritten};
use super::log::Change;
use super::problem::Problem;
use simpipe_base::interrupt::LeftToEnd;

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
    Compacted(Result<Draft, String>),
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
            Work { files, index, own, slack, since: None, broken: None }.run(receiver);
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
    /// Why nothing can be written any more.
    broken: Option<String>,
}

/// What a group of wishes has decided about an image: its class, or that it is gone.
type Pending = BTreeMap<String, Option<String>>;

impl Work {
    fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        while let Some(first) = orders.blocking_recv() {
            let more = std::iter::from_fn(|| orders.try_recv().ok()).take(TOGETHER - 1);
            let (mut wishes, mut drafts) = (Vec::new(), Vec::new());
            for order in std::iter::once(first).chain(more) {
                match order {
                    Order::Wish(wish, reply) => wishes.push((wish, reply)),
                    Order::Compacted(draft) => drafts.push(draft),
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
        let (mut pending, mut left) = (Pending::new(), self.read().len());
        let (mut changes, mut answers) = (Vec::new(), Vec::new());
        for (wish, reply) in wishes {
            let decided = match &self.broken {
                Some(words) => Err(Problem::unwritten(words.clone())),
                None => self.decide(wish, &mut pending, &mut left, &mut changes),
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
        if unwritten.is_none() {
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            let own = Arc::make_mut(&mut index);
            changes.iter().for_each(|change| own.apply(change));
            drop(index);
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

    fn decide(&self, wish: Wish, pending: &mut Pending, left: &mut usize, changes: &mut Vec<Change>) -> Answer {
        let index = self.read();
        match wish {
            Wish::Add(additions) => add(&index, additions, pending, left, changes),
            Wish::Delete(digest) => delete(&index, digest, pending, left, changes),
        }
    }

    /// Has the log written anew, in a thread of its own, where it holds far more than it need.
    fn compact_if_long(&mut self) {
        let fewest = self.read().counts().1 + self.read().beside().gone.len();
        if self.since.is_some() || self.broken.is_some() || self.files.changes() <= 2 * fewest + self.slack {
            return;
        }
        // Nobody is left to wish for anything: then nothing is gained by it.
        let Some(own) = self.own.upgrade() else { return };
        let (changes, draft) = (self.read().changes(), self.files.draft());
        let work = move || {
            let written = draft.write(&changes).map_err(|error| error.to_string());
            drop(own.send(Order::Compacted(written)));
        };
        if std::thread::Builder::new().name("served-log-shorter".to_owned()).spawn(work).is_ok() {
            self.since = Some(Vec::new());
        }
    }

    fn take(&mut self, draft: Result<Draft, String>) {
        let since = self.since.take().unwrap_or_default();
        let replaced = draft.and_then(|draft| self.files.replace(&draft, &since).map_err(|error| error.to_string()));
        match replaced {
            Ok(()) => tracing::info!("wrote the log anew: {} changes", self.files.changes()),
            // The long one says the same.
            Err(error) => tracing::warn!("can't write the log anew: {error}"),
        }
    }
}

/// All of these or none: none where one has another class.
fn add(
    index: &Collection,
    additions: Vec<Addition>,
    pending: &mut Pending,
    left: &mut usize,
    changes: &mut Vec<Change>,
) -> Answer {
    let (mut then, mut new) = (pending.clone(), Vec::with_capacity(additions.len()));
    for Addition { digest, class, .. } in &additions {
        let known = match then.get(digest) {
            Some(Some(class)) => Known::As(vec![class.clone()]),
            Some(None) => Known::No,
            None => index.known(digest),
        };
        match known {
            Known::No => {
                then.insert(digest.clone(), Some(class.clone()));
                new.push(true);
            }
            Known::As(classes) if classes.contains(class) => new.push(false),
            Known::As(classes) => return Err(other_class(digest, class, &classes)),
        }
    }
    *pending = then;
    *left += new.iter().filter(|new| **new).count();
    let added = additions.into_iter().zip(&new).filter(|(_, new)| **new);
    changes.extend(added.map(|(Addition { digest, class, vector }, _)| Change::Add { digest, class, vector }));
    Ok(new)
}

/// All vectors of an image, but not the last of all.
fn delete(
    index: &Collection,
    digest: String,
    pending: &mut Pending,
    left: &mut usize,
    changes: &mut Vec<Change>,
) -> Answer {
    let copies = match pending.get(&digest) {
        Some(Some(_)) => 1,
        Some(None) => 0,
        None => index.copies(&digest),
    };
    if copies == 0 {
        return Err(Problem::not_found(format!("no image of the index has the digest {digest}")));
    }
    if copies >= *left {
        let detail = "the last vector stays: an index without any answers nothing; add another first";
        return Err(Problem::conflict("last-vector", detail));
    }
    *left -= copies;
    pending.insert(digest.clone(), None);
    changes.push(Change::Delete { digest });
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

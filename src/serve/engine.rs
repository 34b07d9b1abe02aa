//! One thread that asks the network: it takes all requests that wait, as far as they fill a batch, and answers them together.
//! While it computes one batch the next gathers, so nobody waits for company.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::answers::{Answered, answered};
use super::collection::{Served, now};
use super::metrics::Metrics;
use super::problem::Problem;
use simpipe_artifact::{FileNames, Image};
use simpipe_nn::EMBED_BATCH;
use simpipe_stage::StageError;
use simpipe_stages::ask::{Asker, Session};

/// Images with their names, and who waits for what becomes of each.
struct Task<T> {
    images: Vec<Image>,
    names: Vec<String>,
    reply: oneshot::Sender<Result<Vec<T>, Problem>>,
}

enum Job {
    /// What is on them, with so many neighbours.
    Ask(Task<Answered>, usize),
    /// Their embeddings as the network gives them.
    Embed(Task<Vec<f32>>),
    /// Their vectors as they are searched.
    Vectors(Task<Vec<f32>>),
}

impl Job {
    fn images(&self) -> usize {
        match self {
            Self::Ask(task, _) => task.images.len(),
            Self::Embed(task) | Self::Vectors(task) => task.images.len(),
        }
    }
}

/// Takes jobs; the thread ends with the last of these.
#[derive(Clone)]
pub(super) struct Engine {
    jobs: mpsc::UnboundedSender<Job>,
    /// Images that wait or are being computed.
    waiting: Arc<AtomicUsize>,
    most: usize,
}

/// What the thread needs.
pub(super) struct Parts {
    pub(super) asker: Arc<Asker>,
    pub(super) index: Served,
    pub(super) files: Arc<FileNames>,
    pub(super) metrics: Arc<Metrics>,
}

impl Engine {
    /// Starts the thread; `most` images may wait.
    ///
    /// # Errors
    /// If the system gives none.
    pub(super) fn start(parts: Parts, most: usize) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let counted = waiting.clone();
        std::thread::Builder::new().name("network".to_owned()).spawn(move || run(&parts, queue, &counted))?;
        Ok(Self { jobs, waiting, most })
    }

    /// What is on images, each with so many neighbours.
    pub(super) async fn ask(
        &self,
        images: Vec<Image>,
        names: Vec<String>,
        kept: usize,
    ) -> Result<Vec<Answered>, Problem> {
        self.put(images, names, |task| Job::Ask(task, kept)).await
    }

    /// The embeddings of images.
    pub(super) async fn embed(&self, images: Vec<Image>, names: Vec<String>) -> Result<Vec<Vec<f32>>, Problem> {
        self.put(images, names, Job::Embed).await
    }

    /// The vectors of images that are to be searched.
    pub(super) async fn vectors(&self, images: Vec<Image>, names: Vec<String>) -> Result<Vec<Vec<f32>>, Problem> {
        self.put(images, names, Job::Vectors).await
    }

    /// Whether the thread is there.
    pub(super) fn lives(&self) -> bool {
        !self.jobs.is_closed()
    }

    async fn put<T>(
        &self,
        images: Vec<Image>,
        names: Vec<String>,
        job: impl FnOnce(Task<T>) -> Job,
    ) -> Result<Vec<T>, Problem> {
        let gone = || Problem::internal("the thread that asks the network has ended");
        let count = images.len();
        let room = |waiting: usize| waiting.checked_add(count).filter(|all| *all <= self.most);
        if self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_err() {
            return Err(Problem::busy("too many images wait to be answered: try again"));
        }
        let (reply, answer) = oneshot::channel();
        if self.jobs.send(job(Task { images, names, reply })).is_err() {
            self.waiting.fetch_sub(count, Ordering::Relaxed);
            return Err(gone());
        }
        answer.await.map_err(|_| gone())?
    }
}

fn run(parts: &Parts, mut queue: mpsc::UnboundedReceiver<Job>, waiting: &AtomicUsize) {
    let session = parts.asker.session();
    while let Some(first) = queue.blocking_recv() {
        let mut images = first.images();
        let mut jobs = vec![first];
        while images < EMBED_BATCH {
            let Ok(job) = queue.try_recv() else { break };
            images += job.images();
            jobs.push(job);
        }
        parts.metrics.batch(images);
        let (mut asked, mut embed, mut vectors) = (Vec::new(), Vec::new(), Vec::new());
        for job in jobs {
            match job {
                Job::Ask(task, kept) => asked.push((task, kept)),
                Job::Embed(task) => embed.push((task, 0)),
                Job::Vectors(task) => vectors.push((task, 0)),
            }
        }
        together(asked, &|images, names, kept| answers(parts, &session, images, names, kept));
        together(embed, &|images, _, _| session.embeddings(images));
        together(vectors, &|images, names, _| session.vectors(images, names));
        waiting.fetch_sub(images, Ordering::Relaxed);
    }
}

fn answers(
    parts: &Parts,
    session: &Session<'_>,
    images: &[Image],
    names: &[String],
    kept: &[usize],
) -> Result<Vec<Answered>, StageError> {
    // Changes and whoever looks at the index don't wait for the network.
    let index = now(&parts.index);
    let found = session.ask(images, names, kept, index.beside())?;
    let all = names.iter().zip(&found);
    Ok(all.map(|(name, found)| answered(name, found, &parts.asker, &index, &parts.files)).collect())
}

type Compute<'a, T> = &'a dyn Fn(&[Image], &[String], &[usize]) -> Result<Vec<T>, StageError>;

/// Computes tasks as one batch, and each alone where that fails, so that one bad image is one bad answer.
fn together<T>(tasks: Vec<(Task<T>, usize)>, compute: Compute<'_, T>) {
    let tasks: Vec<_> = tasks.into_iter().filter(|(task, _)| !task.reply.is_closed()).collect();
    if tasks.is_empty() {
        return;
    }
    let (mut images, mut names, mut kept, mut replies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (task, neighbours) in tasks {
        replies.push((task.images.len(), task.reply));
        kept.extend(std::iter::repeat_n(neighbours, task.images.len()));
        images.extend(task.images);
        names.extend(task.names);
    }
    let mut whole = guarded(&|| compute(&images, &names, &kept)).ok().map(Vec::into_iter);
    let (mut at, alone) = (0, replies.len() == 1);
    for (count, reply) in replies {
        let part = at..at + count;
        at += count;
        let answer = match &mut whole {
            Some(answers) => Ok(answers.by_ref().take(count).collect()),
            None if alone => guarded(&|| compute(&images, &names, &kept)),
            None => guarded(&|| compute(&images[part.clone()], &names[part.clone()], &kept[part.clone()])),
        };
        drop(reply.send(answer));
    }
}

/// A fault of the program is this request's alone.
fn guarded<T>(compute: &dyn Fn() -> Result<Vec<T>, StageError>) -> Result<Vec<T>, Problem> {
    match catch_unwind(AssertUnwindSafe(compute)) {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(Problem::unprocessable("not-comparable", error.to_string())),
        Err(_) => Err(Problem::internal("the network could not be asked: a fault of the program")),
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt as _;

    use super::*;
    use simpipe_artifact::ImageShape;

    fn task(shades: &[u8]) -> (Task<u8>, oneshot::Receiver<Result<Vec<u8>, Problem>>) {
        let shape = ImageShape { height: 1, width: 1, channels: 1 };
        let images = shades.iter().map(|shade| Image { shape, pixels: vec![*shade] }).collect();
        let (reply, answer) = oneshot::channel();
        (Task { images, names: vec![String::new(); shades.len()], reply }, answer)
    }

    /// A network that knows no image of shade 13 and falls over one of shade 14.
    fn shades(images: &[Image], _: &[String], _: &[usize]) -> Result<Vec<u8>, StageError> {
        let shades: Vec<u8> = images.iter().map(|image| image.pixels[0]).collect();
        assert!(!shades.contains(&14), "a fault");
        if shades.contains(&13) { Err(StageError::failed("no shade")) } else { Ok(shades) }
    }

    #[test]
    fn one_bad_image_of_a_batch_is_one_bad_answer() {
        let (first, good) = task(&[1, 2]);
        let (second, bad) = task(&[13]);
        let (third, fault) = task(&[14]);
        let (fourth, other) = task(&[7]);
        together([first, second, third, fourth].map(|task| (task, 0)).into(), &shades);
        let said = |mut answer: oneshot::Receiver<Result<Vec<u8>, Problem>>| answer.try_recv().unwrap();
        assert_eq!((said(good), said(other)), (Ok(vec![1, 2]), Ok(vec![7])));
        assert_eq!(said(bad), Err(Problem::unprocessable("not-comparable", "no shade")));
        assert!(said(fault).is_err());
    }

    #[test]
    fn a_batch_is_computed_once_and_nobody_waits_for_who_has_left() {
        let calls = AtomicUsize::new(0);
        let count = |images: &[Image], names: &[String], kept: &[usize]| {
            calls.fetch_add(1, Ordering::Relaxed);
            assert_eq!((images.len(), kept), (3, &[0, 0, 0][..]));
            shades(images, names, kept)
        };
        let ((first, one), (second, left), (third, other)) = (task(&[1, 2]), task(&[3]), task(&[4]));
        drop(left);
        together([first, second, third].map(|task| (task, 0)).into(), &count);
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        drop((one, other));
    }

    #[test]
    fn no_more_images_wait_than_may() {
        let (jobs, mut queue) = mpsc::unbounded_channel();
        let engine = Engine { jobs, waiting: Arc::default(), most: 3 };
        let put = |count: usize| {
            let (Task { images, names, .. }, _) = task(&vec![0; count]);
            engine.embed(images, names)
        };
        let mut first = pin!(put(2));
        assert!(first.as_mut().now_or_never().is_none(), "it waits to be computed");
        let refused = put(2).now_or_never().unwrap().unwrap_err();
        assert!(refused.same_kind(&Problem::busy("")), "{refused:?}");
        assert!(put(1).now_or_never().is_none(), "there is room for one more");
        let images: Vec<usize> = std::iter::from_fn(|| queue.try_recv().ok()).map(|job| job.images()).collect();
        assert_eq!(images, [2, 1], "what was refused is not computed");
        drop(queue);
        assert!(!engine.lives());
    }
}

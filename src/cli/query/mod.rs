//! `simpipe query`: what is on a picture, by a run's network, index and threshold.

mod blocks;
mod canvas;
mod images;
mod kitty;
mod page;
mod pictures;
mod sixel;
mod words;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::{Args, ValueEnum};
use serde_json::{Value as Json, json};

use self::images::{Asked, Named};
use self::pictures::Way;
use self::stored::StoredMatch;
use super::options::PlaceOptions;
use super::{print, signal, threads};
use crate::error::{Error, Exit};
use crate::library::stored;
use simpipe_artifact::Image;
use simpipe_data::asked::Decoding;
use simpipe_runner::RunRecord;
use simpipe_stages::ask::{Answer, Asker, Reading};

/// Images that are in memory at once.
const TOGETHER: usize = 512;

/// Recognise images with a run: the label or unknown, distance, probability, and the nearest indexed images.
#[derive(Debug, Args)]
#[command(
    after_help = "The pictures are brought to what the network takes as those of the run's dataset are, and judged as the run's stage `match` \
judges its queries. \
Exit codes: 0 every picture has an answer, be it Unknown; 2 there is no such run, or it can't answer; 4 a picture is not \
there or can't be read. Nothing is written into the store.

Examples:
  simpipe query latest photo.jpg
  simpipe query cifar10 photos --json
  simpipe query cifar10 photos --html answers.html
  curl -s https://example.org/cat.jpg | simpipe query latest -"
)]
pub(super) struct QueryArgs {
    /// A run: its id, the start of one, its folder, an experiment's name, a tag or `latest`.
    run: String,
    /// Image files, folders of them, or `-` for one image from standard input.
    #[arg(required = true, value_name = "IMAGE|DIR|-")]
    images: Vec<PathBuf>,
    /// The stage `match` whose index and threshold to use, if the run has several.
    #[arg(long, value_name = "ID")]
    stage: Option<String>,
    /// Write a page with the pictures to a file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// How pictures are shown in the terminal, those of up to ten answers: `auto` by kitty's protocol or as sixels where the
    /// terminal is known to have them, else as half blocks where it has the colours.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pictures: When,
    /// First read and check every byte of the model, the index and the calibration.
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// How the terminal shows pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    Auto,
    Kitty,
    Sixel,
    Blocks,
    Never,
}

impl When {
    /// The way that is taken, if any is.
    fn way(self) -> Option<Way> {
        match self {
            Self::Auto => pictures::way(None),
            Self::Kitty => pictures::way(Some(Way::Kitty)),
            Self::Sixel => pictures::way(Some(Way::Sixel)),
            Self::Blocks => pictures::way(Some(Way::Blocks)),
            Self::Never => None,
        }
    }
}

/// A picture with its answer.
struct Answered {
    name: String,
    /// As the network has seen it, where it is shown.
    image: Option<Image>,
    answer: Answer,
}

pub(super) fn exec(args: &QueryArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    if args.html.as_deref() == Some(Path::new("-")) {
        return Err(Error::usage("the page needs a file", "name one: `--html FILE`"));
    }
    threads::start()?;
    let asked = images::asked(&args.images)?;
    let root = args.place.root_here()?;
    let record = RunRecord::read(&args.place.run_folder(&root, &args.run)?)?;
    let store = args.place.open_store_to_read(&root)?;
    let store = if args.verify { store.verifying() } else { store };
    let stored = StoredMatch::find(&record, args.stage.as_deref(), &store, args.place.url()?.is_some())?;
    let reading = if args.verify { Reading::Verified } else { Reading::ForSearch };
    let asker = Asker::open(stored.files(reading)?)?;
    print::store_warnings(&store)?;
    let decoding = Decoding::like(&stored.source, asker.input());
    let few = !args.json && asked.len() <= words::MOST_PICTURES;
    let way = few.then(|| args.pictures.way()).flatten();
    let answered = answer(&asked, &asker, &decoding, args.html.is_some() || way.is_some())?;
    let files = stored.file_names()?;
    if args.json {
        print::json(&report(&answered, &asker, &files), out)?;
    } else {
        words::write(&answered, &asker, &files, out)?;
        if let Some(way) = way {
            words::show_pictures(&answered, &stored, way)?;
        }
    }
    if let Some(path) = &args.html {
        page::write(path, &page::Asked { record: &record, stored: &stored, asker: &asker, files: &files }, &answered)?;
    }
    Ok(Exit::Done)
}

/// Every picture's answer; `keep`: the pictures too.
fn answer(asked: &[Asked], asker: &Asker, decoding: &Decoding, keep: bool) -> Result<Vec<Answered>, Error> {
    let wish = signal::wish();
    let stop = || wish.load(Ordering::Relaxed);
    let (mut answered, mut unreadable) = (Vec::with_capacity(asked.len()), Vec::new());
    for some in asked.chunks(TOGETHER) {
        let (mut names, mut images) = (Vec::new(), Vec::new());
        for Named { name, image } in images::decode(some, decoding, &stop)? {
            match image {
                Ok(image) => {
                    names.push(name);
                    images.push(image);
                }
                Err(reason) => unreadable.push((name, reason)),
            }
        }
        // Nobody is told half of it: what is left is read only to name all that can't be.
        if unreadable.is_empty() {
            let answers = asker.ask(&images, &names, &stop)?;
            let kept = images.into_iter().map(|image| keep.then_some(image));
            let all = names.into_iter().zip(kept).zip(answers);
            answered.extend(all.map(|((name, image), answer)| Answered { name, image, answer }));
        }
    }
    if unreadable.is_empty() { Ok(answered) } else { Err(images::unreadable(&unreadable, asked.len())) }
}

/// What `--json` prints.
fn report(answered: &[Answered], asker: &Asker, files: &stored::Files) -> Json {
    let of = |answered: &Answered| {
        let Answered { name, answer, .. } = answered;
        let neighbour = |near: &simpipe_artifact::Neighbour| {
            let mut neighbour = json!({
                "rank": near.rank, "example_id": near.example_id, "label": asker.class(near.label),
                "distance": near.distance, "file": files.of(near.example_id),
            });
            if asker.holds_class_means() {
                neighbour["class_mean"] = true.into();
            }
            neighbour
        };
        json!({
            "image": name, "label": asker.label(answer), "accepted": answer.accepted,
            "distance": answer.verdict.map(|verdict| verdict.distance),
            "probability": asker.probability(answer),
            "neighbours": answer.neighbours.iter().map(neighbour).collect::<Vec<_>>(),
        })
    };
    answered.iter().map(of).collect()
}

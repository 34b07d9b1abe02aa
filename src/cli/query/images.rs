//! The pictures of a command line.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::Error;
use simpipe_artifact::Image;
use simpipe_base::issue::{Issue, IssueKind};
use simpipe_base::param::left_to_a_shell;
use simpipe_data::asked::{Decoding, images_in};
use simpipe_stage::StageError;

/// Pictures that a message names; the rest is counted.
const NAMED: usize = 10;

/// Where a picture comes from.
pub(super) enum Asked {
    File(PathBuf),
    StandardInput,
}

/// A picture, or why it can't be had.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) image: Result<Image, String>,
}

/// All pictures that the arguments mean, in their order.
pub(super) fn asked(arguments: &[PathBuf]) -> Result<Vec<Asked>, Error> {
    let mut asked = Vec::new();
    for path in arguments {
        if path == Path::new("-") {
            asked.push(Asked::StandardInput);
        } else if path.is_dir() {
            let at = path.display();
            let files =
                images_in(path).map_err(|reason| unavailable(format!("can't read the folder `{at}`: {reason}"), ""))?;
            if files.is_empty() {
                let help = "name a folder with JPEG, PNG, WebP, GIF, BMP or TIFF files";
                return Err(unavailable(format!("there is no image in the folder `{at}`"), help));
            }
            asked.extend(files.into_iter().map(Asked::File));
        } else if path.exists() {
            asked.push(Asked::File(path.clone()));
        } else if let Some(message) = path.to_str().and_then(|written| left_to_a_shell(written, written)) {
            let help = "write out the folder, such as `/home/me/photos`, or write the path without quotes";
            return Err(unavailable(message, help));
        } else {
            let help = "a path is relative to the current folder";
            return Err(unavailable(format!("there is no image `{}`", path.display()), help));
        }
    }
    if asked.iter().filter(|one| matches!(one, Asked::StandardInput)).count() > 1 {
        return Err(Error::usage("`-` is given twice: standard input is one image", "name it once"));
    }
    Ok(asked)
}

/// The pixels of some, in their order.
pub(super) fn decode(
    asked: &[Asked],
    decoding: &Decoding,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<Named>, Error> {
    let file = |one: &Asked| if let Asked::File(path) = one { Some(path.clone()) } else { None };
    let paths: Vec<PathBuf> = asked.iter().filter_map(file).collect();
    let mut images = decoding.files(&paths, stop).into_iter();
    let mut found = Vec::with_capacity(asked.len());
    for one in asked {
        found.push(match one {
            Asked::StandardInput => Named { name: "-".to_owned(), image: from_standard_input(decoding) },
            Asked::File(path) => {
                let image = images.next().ok_or(StageError::Interrupted)?;
                Named { name: path.to_string_lossy().into_owned(), image }
            }
        });
    }
    if stop() { Err(StageError::Interrupted.into()) } else { Ok(found) }
}

fn from_standard_input(decoding: &Decoding) -> Result<Image, String> {
    let most = decoding.most_bytes();
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| format!("can't read it: {error}"))?;
    if bytes.len() as u64 > most {
        return Err(format!("it has more than {most} bytes, the most for an image of `max-pixels`"));
    }
    decoding.bytes(&bytes)
}

/// What is said of pictures that can't be read.
pub(super) fn unreadable(unreadable: &[(String, String)], asked: usize) -> Error {
    let named: Vec<String> =
        unreadable.iter().take(NAMED).map(|(name, reason)| format!("`{name}` ({reason})")).collect();
    let more = match unreadable.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let images = if asked == 1 { "image" } else { "images" };
    let message = format!("{} of {asked} {images} can't be read: {}{more}", unreadable.len(), named.join(", "));
    unavailable(
        message,
        "leave it out, or convert it to JPEG or PNG; the limit of pixels is the dataset's `max-pixels`",
    )
}

/// Exit code 4: the pictures are not there.
fn unavailable(message: String, help: &str) -> Error {
    let issue = Issue::nowhere(message).kind(IssueKind::Unavailable);
    Error::Spec(vec![if help.is_empty() { issue } else { issue.help(help) }])
}

//! From a request to images of the network's shape: bodies are read, then decoded beside the thread that talks to clients, in
//! memory that was claimed before.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;

use super::body::{self, Sent};
use super::limits::Claim;
use super::problem::Problem;
use super::shared::Shared;
use simpipe_artifact::Image;
use simpipe_data::asked::Refused;

/// An image with what the client says of it.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) image: Image,
    pub(super) name: String,
    pub(super) label: Option<String>,
}

/// Images of one request, and the memory that they take until they are answered.
#[derive(Debug)]
pub(super) struct Pictures(pub(super) Vec<Picture>);

impl Pictures {
    /// Images, names and labels.
    pub(super) fn apart(self) -> (Vec<Image>, Vec<String>, Vec<Option<String>>) {
        let (mut images, mut names, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for Picture { image, name, label } in self.0 {
            images.push(image);
            names.push(name);
            labels.push(label);
        }
        (images, names, labels)
    }
}

/// The images of a request's body.
pub(super) async fn of_request(
    shared: &Arc<Shared>,
    request: Request<Body>,
    claim: &mut Claim,
) -> Result<Pictures, Problem> {
    let (head, body) = request.into_parts();
    let bytes = body::read(&head.headers, body, shared.body_limits(), claim).await?;
    let sent = body::sent(&head.headers, bytes, shared.limits.images, claim).await?;
    decoded(shared, sent, claim).await
}

/// The pixels of image files, one after the other: who sends many lets others in between, and for who has left nothing more is
/// decoded.
pub(super) async fn decoded(shared: &Arc<Shared>, sent: Vec<Sent>, claim: &mut Claim) -> Result<Pictures, Problem> {
    let mut pictures = Vec::with_capacity(sent.len());
    for sent in sent {
        let of = shared.clone();
        pictures.push(body::elsewhere(claim, move |claim| picture(&of, sent, claim)).await?);
    }
    Ok(Pictures(pictures))
}

fn picture(shared: &Shared, Sent { name, bytes, label }: Sent, claim: &mut Claim) -> Result<Picture, Problem> {
    let mut held = 0;
    let decoded = shared.decoding.bytes_within(&bytes, &mut |memory| {
        let room = claim.grow(memory);
        held = if room { memory } else { 0 };
        room
    });
    claim.shrink(held);
    let shown = name.escape_debug();
    match decoded {
        Ok(image) => {
            let kept = image.pixels.len() as u64;
            if claim.grow(kept) { Ok(Picture { image, name, label }) } else { Err(claim.refusal(kept)) }
        }
        Err(Refused::TooLarge(words)) => Err(Problem::too_large(format!("`{shown}`: {words}"))),
        Err(Refused::Unreadable(words)) => Err(Problem::unprocessable("no-image", format!("`{shown}`: {words}"))),
        Err(Refused::NoRoom { memory }) => Err(claim.refusal(memory)),
    }
}

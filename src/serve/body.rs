//! Bodies of requests: read as far as limits, time and memory allow, and taken apart into image files.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::Deserialize;

use super::few::Few;
use super::given::Given;
use super::limits::Claim;
use super::problem::Problem;

/// Base64 of RFC 4648, section 4, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// The longest name of an image, in characters; the rest is cut off.
const LONGEST_NAME: usize = 255;

/// An image file that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    /// What the client calls it: only ever repeated to it, never a path.
    pub(super) name: String,
    pub(super) bytes: Bytes,
    /// The class that it is to have, where that was sent with it.
    pub(super) label: Option<String>,
}

/// The most bytes of a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    pub(super) bytes: u64,
    pub(super) time: Duration,
}

/// The longest body: `most` is what the largest image that is allowed may have, which fits in as base64 with room to spare.
pub(super) const fn longest(most: u64) -> u64 {
    most.saturating_add(most / 3).saturating_add(1 << 20)
}

/// The whole body, whose memory the claim then holds.
pub(super) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limits: BodyLimits,
    claim: &mut Claim,
) -> Result<Bytes, Problem> {
    let too_large = || Problem::too_large(format!("the body has more than {} bytes", limits.bytes));
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limits.bytes) {
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    let all = async {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Problem::malformed("the body ends before the length that it has told"))?;
            let Ok(some) = frame.into_data() else { continue };
            if (bytes.len() + some.len()) as u64 > limits.bytes {
                return Err(too_large());
            }
            if !claim.grow(some.len() as u64) {
                return Err(claim.refusal(some.len() as u64));
            }
            bytes.extend_from_slice(&some);
        }
        Ok(())
    };
    let slow = |_| Problem::slow(format!("the body has not come within {} s", limits.time.as_secs_f32()));
    tokio::time::timeout(limits.time, all).await.map_err(slow)??;
    Ok(bytes.freeze())
}

/// A body as JSON.
pub(super) fn json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::malformed(format!("the body is not as it should be: {error}")))
}

/// The image files of a body: multipart, JSON, or one as it is.
pub(super) async fn sent(
    headers: &HeaderMap,
    bytes: Bytes,
    most: usize,
    claim: &mut Claim,
) -> Result<Vec<Sent>, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).map_or(Ok(""), |kind| kind.to_str()).unwrap_or("?");
    let essence = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let found = match essence.as_str() {
        "multipart/form-data" => {
            // Taken apart in a copy.
            let copy = bytes.len() as u64;
            if !claim.grow(copy) {
                return Err(claim.refusal(copy));
            }
            let found = parts(kind, bytes, most).await;
            claim.shrink(copy);
            found?
        }
        "application/json" => elsewhere(claim, move |claim| of_json(&bytes, most, claim)).await?,
        "" | "application/octet-stream" => one(bytes),
        image if image.starts_with("image/") => one(bytes),
        other => {
            let takes = "send `multipart/form-data`, `application/json`, `application/octet-stream` or `image/*`";
            return Err(Problem::unsupported(format!("a body of the type `{other}` is not read: {takes}")));
        }
    };
    match found.len() {
        0 => Err(Problem::malformed("the body holds no image")),
        count if count > most => Err(too_many(most)),
        _ => Ok(found),
    }
}

/// Work that takes as long as what was sent is large, beside the thread that talks to clients: the claim goes to that thread and
/// comes back, whoever waits for it.
pub(super) async fn elsewhere<T: Send + 'static>(
    claim: &mut Claim,
    work: impl FnOnce(&mut Claim) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let mut own = claim.lend();
    let done = tokio::task::spawn_blocking(move || (work(&mut own), own)).await;
    let (result, own) =
        done.map_err(|_| Problem::internal("what was sent could not be read: a fault of the program"))?;
    *claim = own;
    result
}

fn one(bytes: Bytes) -> Vec<Sent> {
    if bytes.is_empty() { Vec::new() } else { vec![Sent { name: "body".to_owned(), bytes, label: None }] }
}

fn too_many(most: usize) -> Problem {
    Problem::too_large(format!("a request has at most {most} images"))
}

/// Fields called `label` are labels: one for all images, or one for each.
async fn parts(kind: &str, bytes: Bytes, most: usize) -> Result<Vec<Sent>, Problem> {
    let broken = |error: multer::Error| Problem::malformed(format!("the multipart body is broken: {error}"));
    let boundary = multer::parse_boundary(kind).map_err(broken)?;
    let whole = futures_util::stream::once(async move { Ok::<_, Infallible>(bytes) });
    let mut fields = multer::Multipart::new(whole, boundary);
    let (mut found, mut labels) = (Vec::new(), Vec::new());
    while let Some(field) = fields.next_field().await.map_err(broken)? {
        if field.name() == Some("label") {
            labels.push(field.text().await.map_err(broken)?);
        } else {
            let name = field.file_name().or(field.name()).unwrap_or("image").to_owned();
            let bytes = field.bytes().await.map_err(broken)?;
            found.push(Sent { name: shortened(&name), bytes, label: None });
        }
        if found.len() > most || labels.len() > most {
            return Err(too_many(most));
        }
    }
    match labels.len() {
        0 => {}
        1 => found.iter_mut().for_each(|sent| sent.label = Some(labels[0].clone())),
        count if count == found.len() => {
            found.iter_mut().zip(labels).for_each(|(sent, label)| sent.label = Some(label));
        }
        count => {
            let detail = format!("{count} labels for {} images: send one for all or one for each", found.len());
            return Err(Problem::malformed(detail));
        }
    }
    Ok(found)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Images<'a> {
    #[serde(borrow)]
    image: Option<Given<'a>>,
    #[serde(borrow, default)]
    images: Few<Given<'a>>,
    label: Option<String>,
}

fn of_json(bytes: &[u8], most: usize, claim: &mut Claim) -> Result<Vec<Sent>, Problem> {
    let Images { image, images: Few(images), label: all } = json(bytes)?;
    let given: Vec<Given<'_>> = image.into_iter().chain(images).collect();
    if given.len() > most {
        return Err(too_many(most));
    }
    let mut found = Vec::with_capacity(given.len());
    for (at, Given { image, name, label }) in given.into_iter().enumerate() {
        let name = name.map_or_else(|| format!("images[{at}]"), |name| shortened(&name));
        let bytes = decoded(&image, &name, claim)?;
        found.push(Sent { name, bytes, label: label.or_else(|| all.clone()) });
    }
    Ok(found)
}

/// The bytes of base64, or of a `data:` URI in base64.
pub(super) fn decoded(text: &str, name: &str, claim: &mut Claim) -> Result<Bytes, Problem> {
    let text = match text.split_once(',') {
        Some((scheme, rest)) if is_data(scheme) => rest,
        _ => text,
    };
    if text.contains("://") {
        return Err(Problem::unprocessable(
            "no-url",
            format!("`{name}` is a URL: nothing is fetched, send the image itself"),
        ));
    }
    let needed = (text.len() as u64).div_ceil(4) * 3;
    if !claim.grow(needed) {
        return Err(claim.refusal(needed));
    }
    let bytes = BASE64.decode(text.trim_ascii());
    Ok(bytes.map_err(|error| Problem::malformed(format!("`{name}` is not base64: {error}")))?.into())
}

/// Whether this begins a `data:` URI in base64.
pub(super) fn is_data(scheme: &str) -> bool {
    let lower = scheme.to_ascii_lowercase();
    lower.starts_with("data:") && lower.ends_with(";base64")
}

fn shortened(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;

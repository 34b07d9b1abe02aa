//! Images that are added to the index and deleted from it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::handler::{answer, parameters};
use super::pictures;
use super::problem::Problem;
use super::shared::Shared;
use super::writer::{Addition, Wish, Writer};

/// The longest name of a class, in bytes.
const LONGEST_CLASS: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    label: Option<String>,
}

/// `POST /v1/images`: all images of a request, or none.
pub(super) async fn add(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<Asked>, QueryRejection>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let Asked { label: all } = parameters(query)?;
    let writer = writer(&shared)?;
    let mut claim = shared.budget.claim();
    let (images, names, labels) = pictures::of_request(&shared, request, &mut claim).await?.apart();
    let mut classes = Vec::with_capacity(labels.len());
    for (label, name) in labels.into_iter().zip(&names) {
        let label = label.or_else(|| all.clone());
        let label = label.ok_or_else(|| Problem::malformed(format!("`{}` has no label", name.escape_debug())))?;
        classes.push(class(label, shared.asker.unknown())?);
    }
    let digests: Vec<String> = images.iter().map(|image| image.digest().to_string()).collect();
    let vectors = shared.engine.vectors(images, names).await?;
    let all = digests.iter().cloned().zip(classes.iter().cloned()).zip(vectors);
    let additions = all.map(|((digest, class), vector)| Addition { digest, class, vector }).collect();
    let new = writer.ask(Wish::Add(additions)).await?;
    let told = digests.iter().zip(&classes).zip(new);
    let images: Vec<_> =
        told.map(|((digest, label), added)| json!({ "digest": digest, "label": label, "added": added })).collect();
    answer(&json!({ "images": images }))
}

/// `DELETE /v1/images/{digest}`: all vectors of an image, the run's too.
pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(digest) = path.map_err(|error| Problem::malformed(error.body_text()))?;
    let is_digest = digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_digest {
        return Err(Problem::malformed("a digest has 64 hexadecimal digits, in small letters"));
    }
    writer(&shared)?.ask(Wish::Delete(digest.clone())).await?;
    answer(&json!({ "digest": digest, "deleted": true }))
}

fn writer(shared: &Shared) -> Result<&Writer, Problem> {
    shared.writer.as_ref().map_err(|why| Problem::forbidden("read-only", format!("the index can't be changed: {why}")))
}

/// A class as it may be called.
fn class(label: String, unknown: &str) -> Result<String, Problem> {
    let wrong = |detail: String| Err(Problem::unprocessable("label", detail));
    if label.is_empty() || label.len() > LONGEST_CLASS || label.chars().any(char::is_control) {
        return wrong(format!("a label has 1 to {LONGEST_CLASS} bytes and no control characters"));
    }
    if label == unknown {
        return wrong(format!("`{label}` is what no match is called"));
    }
    Ok(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_names() {
        for (label, ok) in [("cat", true), ("猫 & <b>", true), ("", false), ("a\nb", false), ("Unknown", false)] {
            assert_eq!(class(label.to_owned(), "Unknown").is_ok(), ok, "{label:?}");
        }
        assert!(class("x".repeat(256), "").is_ok() && class("x".repeat(257), "").is_err());
    }
}

//! `POST /v1/embeddings` in the shape of OpenAI's, for clients that speak it: the inputs are images as `data:` URIs.

use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value as Json, json};

use super::body::{self, Sent};
use super::few::few;
use super::handler::answer_within;
use super::limits::Claim;
use super::pictures;
use super::problem::Problem;
use super::shared::Shared;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    model: Option<String>,
    input: Inputs,
    #[serde(default)]
    encoding_format: Format,
    dimensions: Option<usize>,
    /// Who asks: of no account here.
    #[serde(default, rename = "user")]
    _user: Option<String>,
}

/// One input or several.
struct Inputs(Vec<String>);

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OneOrMore).map(Self)
    }
}

struct OneOrMore;

impl<'de> Visitor<'de> for OneOrMore {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an image as a `data:` URI, or a list of them")
    }

    fn visit_str<E: serde::de::Error>(self, one: &str) -> Result<Vec<String>, E> {
        Ok(vec![one.to_owned()])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<String>, A::Error> {
        few(list)
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Float,
    Base64,
}

/// The embeddings of images, as the network gives them.
pub(super) async fn create(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let mut claim = shared.budget.claim();
    let bytes = body::read(&head.headers, body, shared.body_limits(), &mut claim).await?;
    let of = shared.clone();
    let (sent, format) = body::elsewhere(&mut claim, move |claim| sent(&of, &bytes, claim)).await?;
    let (images, names, _) = pictures::decoded(&shared, sent, &mut claim).await?.apart();
    let rows = shared.engine.embed(images, names).await?;
    let entry = |(index, row): (usize, Vec<f32>)| json!({ "object": "embedding", "index": index, "embedding": written(&row, format) });
    let data: Vec<Json> = rows.into_iter().enumerate().map(entry).collect();
    // Images have no tokens; clients expect the numbers.
    let usage = json!({ "prompt_tokens": 0, "total_tokens": 0 });
    answer_within(&json!({ "object": "list", "data": data, "model": shared.about.experiment, "usage": usage }), claim)
}

/// The images of a body, and how their embeddings are to be written.
fn sent(shared: &Arc<Shared>, bytes: &[u8], claim: &mut Claim) -> Result<(Vec<Sent>, Format), Problem> {
    // Texts without escapes are as long as the body at most; with them shorter.
    let copy = bytes.len() as u64;
    if !claim.grow(copy) {
        return Err(claim.refusal(copy));
    }
    let Asked { model, input: Inputs(inputs), encoding_format, dimensions, .. } = body::json(bytes)?;
    let about = &shared.about;
    if let Some(model) = model.filter(|model| ![&about.run, &about.experiment].contains(&model)) {
        let detail = format!("there is no model `{}`: this server has `{}`", model.escape_debug(), about.experiment);
        return Err(Problem::not_found(detail));
    }
    let dim = shared.asker.dim();
    if let Some(wanted) = dimensions.filter(|wanted| *wanted != dim) {
        let detail = format!("embeddings of this model have {dim} numbers, not {wanted}");
        return Err(Problem::unprocessable("dimensions", detail));
    }
    if inputs.is_empty() {
        return Err(Problem::malformed("`input` holds no image"));
    }
    if inputs.len() > shared.limits.images {
        return Err(Problem::too_large(format!("a request has at most {} images", shared.limits.images)));
    }
    let named = |(at, text): (usize, String)| {
        let name = format!("input[{at}]");
        if !text.split_once(',').is_some_and(|(scheme, _)| body::is_data(scheme)) {
            let detail =
                format!("`{name}` is not a `data:` URI in base64: text is not embedded, and nothing is fetched");
            return Err(Problem::unprocessable("no-data-uri", detail));
        }
        let bytes = body::decoded(&text, &name, claim)?;
        Ok(Sent { name, bytes, label: None })
    };
    let sent = inputs.into_iter().enumerate().map(named).collect::<Result<Vec<_>, _>>()?;
    claim.shrink(copy);
    Ok((sent, encoding_format))
}

/// A list of numbers, or their little-endian bytes in base64.
fn written(row: &[f32], format: Format) -> Json {
    match format {
        Format::Float => json!(row),
        Format::Base64 => {
            let bytes: Vec<u8> = row.iter().flat_map(|number| number.to_le_bytes()).collect();
            BASE64_STANDARD.encode(bytes).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_openai_writes_them() {
        assert_eq!(written(&[0.5, -1.0], Format::Float), json!([0.5, -1.0]));
        // 0000003f and 000080bf.
        assert_eq!(written(&[0.5, -1.0], Format::Base64), json!("AAAAPwAAgL8="));
    }
}

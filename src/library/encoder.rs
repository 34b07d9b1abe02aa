//! Embeddings of images that are in no dataset.

use std::path::Path;

use super::pictures::{self, Pictures};
use super::stored::Stored;
use super::{Error, Run, lineage};
use simpipe_data::asked::Decoding;
use simpipe_runner::StageRecord;
use simpipe_stages::encode::Encode;

/// A run's network with its preprocessing, used as a stage `embed` uses it: the same views and layers.
///
/// ```no_run
/// # fn main() -> Result<(), simpipe::Error> {
/// let encoder = simpipe::Run::open("latest")?.encoder()?;
/// let vectors = encoder.encode_files(&["cat.jpg", "dog.png"])?;
/// assert!(vectors.iter().all(|vector| vector.len() == encoder.dim()));
/// # Ok(())
/// # }
/// ```
pub struct Encoder {
    encode: Encode,
    decoding: Decoding,
}

impl Encoder {
    pub(super) fn of(run: &Run, wanted: Option<&str>) -> Result<Self, Error> {
        let stored = Stored::new(run.record(), run.store(), false);
        let embed = choose(run, &stored, wanted)?;
        let model = stored.behind(embed, "model", "model.safetensors")?;
        let dataset = stored.dataset_of(embed)?;
        let file = |name: &str| {
            let path = stored.file(model, name)?;
            path.ok_or_else(|| Error::usage(format!("`{}` produced no `{name}`", model.id), "run it again"))
        };
        let behind = stored.models_behind(model)?;
        let behind: Vec<[&Path; 2]> = behind.iter().map(|[model, weights]| [&**model, &**weights]).collect();
        let encode = Encode::open(
            [&file("model.json")?, &file("model.safetensors")?],
            &behind,
            &embed.params,
            &stored.backend(embed),
            stored.numerics(embed).as_deref(),
        )?;
        let decoding = Decoding::like(&dataset.params["source"], encode.input());
        Ok(Self { encode, decoding })
    }

    /// Numbers of an embedding.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.encode.dim()
    }

    /// The embeddings of image files, in their order: JPEG, PNG, WebP, GIF, BMP or TIFF.
    ///
    /// # Errors
    /// If any of them can't be read; all of those are told.
    pub fn encode_files<P: AsRef<Path>>(&self, files: &[P]) -> Result<Vec<Vec<f32>>, Error> {
        self.encode(&pictures::of_files(&self.decoding, files)?)
    }

    /// The same of the bytes of image files.
    ///
    /// # Errors
    /// As [`Encoder::encode_files`].
    pub fn encode_bytes<B: AsRef<[u8]>>(&self, files: &[B]) -> Result<Vec<Vec<f32>>, Error> {
        self.encode(&pictures::of_bytes(&self.decoding, files)?)
    }

    fn encode(&self, pictures: &Pictures) -> Result<Vec<Vec<f32>>, Error> {
        let rows = self.encode.embed(&pictures.images)?;
        Ok(rows.chunks(self.dim().max(1)).map(<[f32]>::to_vec).collect())
    }
}

/// The stage `embed` that is meant; any of several that do the same.
fn choose<'a>(run: &'a Run, stored: &Stored<'a>, wanted: Option<&str>) -> Result<&'a StageRecord, Error> {
    lineage::one_run(run.record())?;
    let embeds = run.record().stages.iter().filter(|stage| stage.stage == "embed" && stage.outcome.done());
    let embeds: Vec<&StageRecord> = embeds.collect();
    let names = embeds.iter().map(|stage| format!("`{}`", stage.id)).collect::<Vec<_>>().join(", ");
    if let Some(wanted) = wanted {
        let message = format!("the run {} has no stage `embed` called `{wanted}`", run.id());
        return embeds.into_iter().find(|stage| stage.id == wanted).ok_or_else(|| Error::usage(message, names));
    }
    let Some(first) = embeds.first().copied() else {
        let help = "its pipeline needs a stage `embed` that has ended";
        return Err(Error::usage(format!("the run {} has no embeddings", run.id()), help));
    };
    let way = |stage: &StageRecord| -> Result<_, Error> {
        let settings = ["views", "layer", "layers", "normalize"].map(|name| stage.params[name].clone());
        Ok((stored.digest(stage, "model", "model.safetensors")?, settings))
    };
    for other in &embeds[1..] {
        if way(other)? != way(first)? {
            let message = format!("the stages `embed` of the run {} embed in different ways", run.id());
            return Err(Error::usage(message, format!("choose one with `encoder_of`: {names}")));
        }
    }
    Ok(first)
}

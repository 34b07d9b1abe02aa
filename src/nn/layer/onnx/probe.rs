//! What a file holds, found out by running it on two images: its output, and whether each image goes through by itself.

use super::running::{self, Images};
use super::runtime::{Output, Runtime, Takes};
use super::wrong::Wrong;
use super::{Onnx, OnnxFile, OnnxLayout};
use simpipe_base::digest::Digest;

impl OnnxLayout {
    /// Where height, width and channels are among the four sides of a batch.
    const fn places(&self) -> [usize; 3] {
        match self {
            Self::Nchw => [2, 3, 1],
            Self::Nhwc => [1, 2, 3],
        }
    }

    /// The sides of a batch.
    pub(super) const fn shape(&self, [count, height, width, channels]: [usize; 4]) -> [usize; 4] {
        match self {
            Self::Nchw => [count, channels, height, width],
            Self::Nhwc => [count, height, width, channels],
        }
    }
}

impl Onnx {
    /// What the file holds, for images of this height, width and channels.
    pub(super) fn probe(&self, bytes: &[u8], image: [usize; 3]) -> Result<OnnxFile, Wrong> {
        let digest = Digest::of(bytes).to_string();
        let runtime = running::kept(&digest, || Runtime::load(bytes.to_vec()))?;
        let layout = self.layout_in(runtime.takes(), image[2])?;
        let sees = self.side_in(runtime.takes(), &layout, image)?;
        self.suits(runtime.takes().bytes, image[2])?;
        let file = |output: String, features: usize, batch: Option<usize>| OnnxFile {
            digest: digest.clone(),
            bytes: bytes.len(),
            features,
            output,
            layout: layout.clone(),
            sees: sees.to_vec(),
            batch,
        };
        // A file may leave the number of images open and hold it in a reshape all the same.
        let counts = runtime.takes().sides[0].map_or_else(|| vec![None, Some(1)], |count| vec![Some(count)]);
        let mut first = None;
        for batch in counts {
            let count = batch.unwrap_or(2);
            let shape = layout.shape([count, sees[0], sees[1], image[2]]);
            match self.output_of(&runtime, shape) {
                Ok((name, features)) => {
                    let file = file(name, features, batch);
                    by_itself(&runtime, &file, shape)?;
                    return Ok(file);
                }
                Err(wrong) => first = first.or(Some(wrong)),
            }
        }
        Err(first.unwrap_or_else(|| Wrong::file("can't be run")))
    }

    /// Where the channels are.
    fn layout_in(&self, takes: &Takes, channels: usize) -> Result<OnnxLayout, Wrong> {
        let may = |layout: &OnnxLayout| takes.sides[layout.places()[2]].is_none_or(|side| side == channels);
        let says = |layout: &OnnxLayout| takes.sides[layout.places()[2]] == Some(channels);
        let layout = match &self.layout {
            Some(layout) => layout.clone(),
            None if !says(&OnnxLayout::Nchw) && says(&OnnxLayout::Nhwc) => OnnxLayout::Nhwc,
            None => OnnxLayout::Nchw,
        };
        if may(&layout) {
            return Ok(layout);
        }
        let message = format!("takes {}, and the images have {channels} channels", takes.words());
        Err(Wrong::file(message).help("let the dataset give images of as many channels, or set `layout`"))
    }

    /// Height and width of what it sees.
    fn side_in(&self, takes: &Takes, layout: &OnnxLayout, image: [usize; 3]) -> Result<[usize; 2], Wrong> {
        let [rows, columns, _] = layout.places();
        let (fixed, own) = ([takes.sides[rows], takes.sides[columns]], [image[0], image[1]]);
        let fits = |sides: [usize; 2]| fixed.iter().zip(sides).all(|(side, own)| side.is_none_or(|side| side == own));
        if let (Some(size), Some(shorter)) = (self.size, self.shorter)
            && shorter < size
        {
            let words = format!("no {size} x {size} pixels can be cut out where the shorter side has {shorter}");
            return Err(Wrong::at("shorter", words).help(format!("use at least {size}")));
        }
        match (self.size, fixed) {
            (Some(size), _) if fits([size; 2]) => Ok([size; 2]),
            (Some(_), _) => Err(Wrong::at("size", format!("the network takes {}", takes.words()))
                .help("leave `size` out: the file says it")),
            (None, _) if fits(own) => Ok(own),
            (None, [Some(height), Some(width)]) if height == width => Ok([height; 2]),
            (None, _) => {
                let [height, width] = fixed.map(|side| side.map_or("?".to_owned(), |side| side.to_string()));
                let message = format!("takes {}, and the images are of {} x {}", takes.words(), own[0], own[1]);
                let help = format!("let the dataset give them in that size: `resize = [{height}, {width}]`");
                Err(Wrong::file(message).help(help))
            }
        }
    }

    /// Whether mean and deviation are what its input asks for.
    fn suits(&self, bytes: bool, channels: usize) -> Result<(), Wrong> {
        let (mean, std) = (self.mean.len(), self.std.len());
        match (bytes, mean + std) {
            (true, 0) => Ok(()),
            (true, _) => {
                let at = if mean > 0 { "mean" } else { "std" };
                Err(Wrong::at(at, "the network takes pixels as bytes, and does itself what is to be done to them")
                    .help("leave `mean` and `std` out"))
            }
            (false, 0) => {
                let words = "the network takes numbers, and its file does not say which: `mean` and `std` of its training are missing";
                Err(Wrong::at("mean", words).help(
                    "for values of 0 to 1 `mean = [0, 0, 0], std = [255, 255, 255]`; for torchvision's and most of timm's \
                     `mean = [123.675, 116.28, 103.53], std = [58.395, 57.12, 57.375]`",
                ))
            }
            (false, _) if mean != channels => Err(numbers("mean", mean, channels)),
            (false, _) if std != channels => Err(numbers("std", std, channels)),
            (false, _) => Ok(()),
        }
    }

    /// The output that is a vector an image, and its length.
    fn output_of(&self, runtime: &Runtime, shape: [usize; 4]) -> Result<(String, usize), Wrong> {
        let all = runtime
            .all(&ramp(runtime, shape, 0), shape)
            .map_err(|said| Wrong::file(format!("can't be run: {said}")))?;
        let vector =
            |output: &Output| features(&output.shape, shape[0]).map(|features| (output.name.clone(), features));
        let words = || all.iter().map(words).collect::<Vec<_>>().join(", ");
        if let Some(wanted) = &self.output {
            let found = all.iter().find(|output| output.name == *wanted).ok_or_else(|| {
                Wrong::at("output", format!("there is no output `{wanted}`")).help(format!("there is {}", words()))
            })?;
            return vector(found).ok_or_else(|| no_vector("output", &words(), shape[0]));
        }
        let vectors: Vec<(String, usize)> = all.iter().filter_map(vector).collect();
        match vectors.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(no_vector("path", &words(), shape[0])),
            several => {
                let names = several.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                Err(Wrong::at("output", format!("several outputs are vectors: {names}"))
                    .help("say which one is the embedding: `output = \"NAME\"`"))
            }
        }
    }
}

/// One number a channel is missing.
fn numbers(at: &'static str, found: usize, channels: usize) -> Wrong {
    Wrong::at(at, format!("`{at}` has {found} numbers, but the images have {channels} channels"))
        .help("write one number a channel")
}

/// Numbers of an image in an output of `count` images.
fn features(shape: &[usize], count: usize) -> Option<usize> {
    match shape {
        [images, features] | [images, features, 1, 1] if *images == count && *features > 0 => Some(*features),
        _ => None,
    }
}

fn no_vector(at: &'static str, outputs: &str, count: usize) -> Wrong {
    let images = if count == 1 { "one image".to_owned() } else { format!("{count} images") };
    let words = format!("gives no vector an image: of {images} comes {outputs}");
    let words = if at == "path" { words } else { format!("it {words}") };
    Wrong::at(at, words)
        .help("export the network with its last pool and without a classifier, so that it gives `[batch, features]`")
}

fn words(Output { name, shape, .. }: &Output) -> String {
    let sides = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    if shape.is_empty() {
        format!("`{name}`, which holds no numbers of 32 bits")
    } else {
        format!("`{name}` [{sides}]")
    }
}

/// Refuses what is another vector the next time, or among other images.
fn by_itself(runtime: &Runtime, file: &OnnxFile, shape: [usize; 4]) -> Result<(), Wrong> {
    let rows = |of: usize| {
        let images = Images { numbers: ramp(runtime, shape, of), count: shape[0], shape };
        running::rows(runtime, file, &images).map_err(|said| Wrong::file(format!("can't be run: {said}")))
    };
    let (once, again, others) = (rows(0)?, rows(0)?, rows(1)?);
    if once.iter().zip(&again).any(|(one, other)| one.to_bits() != other.to_bits()) {
        return Err(Wrong::file("gives other numbers of the same image each time: it draws random ones")
            .help("export the network for inference (`model.eval()`)"));
    }
    if once.iter().any(|value| !value.is_finite()) {
        return Err(Wrong::file("gives numbers that are not finite, of pixels of 0 to 255 with this `mean` and `std`"));
    }
    let first = |rows: &[f32]| rows[..file.features.min(rows.len())].to_vec();
    let size = first(&once).iter().fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
    let off =
        first(&once).iter().zip(first(&others)).fold(0.0, |most: f32, (one, other)| most.max((one - other).abs()));
    if shape[0] > 1 && off > 1e-3 * size {
        return Err(Wrong::file("gives another vector of an image among other images, as batch statistics do")
            .help("export the network for inference (`model.eval()`)"));
    }
    Ok(())
}

/// Images of the size of numbers that networks see, the first of them always the same, the others by `of`.
fn ramp(runtime: &Runtime, shape: [usize; 4], of: usize) -> Vec<f32> {
    let image: usize = shape[1..].iter().product();
    let scale = if runtime.takes().bytes { 1.0 } else { 1.0 / 255.0 };
    let value = |at: usize| {
        let (number, inside) = (at / image.max(1), at % image.max(1));
        // Other images are darker, so that their mean is another one too.
        let darker = if number == 0 { 1 } else { of + 1 };
        #[expect(clippy::cast_precision_loss, reason = "a number below 251")]
        let value = ((inside + inside / 97) * 7919 % 251 / darker) as f32;
        value * scale
    };
    (0..shape[0] * image).map(value).collect()
}

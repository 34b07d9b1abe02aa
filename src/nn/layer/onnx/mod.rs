//! `onnx`: a network of any architecture, as a file of operators that is run as it is.
//!
//! The layer is the spec's side: what images become before the network sees them, and what its file was found to hold. The file
//! itself is a weight of the layer (see [`packed`](self::packed)), so that a model is whole by itself. What runs it is `runtime`,
//! behind the feature `onnx`; without that a network with this layer can be read and neither built nor loaded.

mod packed;
#[cfg(feature = "onnx")]
mod probe;
#[cfg(feature = "onnx")]
mod running;
#[cfg(feature = "onnx")]
mod runtime;
#[cfg(test)]
mod tests;
#[cfg(feature = "onnx")]
mod wrong;

use simpipe_base::check;
use simpipe_base::param::SpecPath;
use simpipe_base::{choice, params};

use super::{Cx, FeatureShape, Features, Layer, LayerSpec, ResizeFilter, Start, Walk, WeightSpec};
use simpipe_base::issue::Issue;

choice! {
    /// Where a network has the channels of an image.
    pub enum OnnxLayout {
        /// `[batch, channels, height, width]`, as torch has it.
        #[aka("channels_first", "bchw")]
        "nchw" => Nchw,
        /// `[batch, height, width, channels]`, as TensorFlow has it.
        #[aka("channels_last", "bhwc")]
        "nhwc" => Nhwc,
    }
}

params! {
    /// What a file was found to hold. A model has it beside its layers; a spec leaves it out.
    pub struct OnnxFile {
        /// The digest of the file.
        digest: String,
        /// Its bytes.
        bytes: usize,
        /// Numbers that it gives of an image.
        features: usize,
        /// The output that these are.
        output: String,
        /// Where the channels are.
        layout: OnnxLayout,
        /// Height and width of what it sees, in pixels.
        sees: Vec<usize> => check::not_empty(),
        /// Images that it takes at once, where it takes no other number of them.
        batch: Option<usize> = None => check::count(1).optional(),
    }
}

params! {
    /// A network of any architecture from an ONNX file, run as it is and never trained. It gives a vector; what follows it is
    /// yours.
    ///
    /// Only a build with the feature `onnx` runs it (`cargo build --release --features onnx`), by a runtime in Rust on the CPU,
    /// whatever the device. The file is an outside source: its content is part of the key, its place is not. The model of the
    /// run holds all of it, so whoever embeds, queries or serves needs no other file.
    ///
    /// The network takes a batch of images, of bytes (pixels as they come) or of numbers of 32 bits, and one of its outputs is a
    /// vector an image: `[batch, features]`, or `[batch, features, 1, 1]`. `check` runs it on two images to know.
    ///
    /// The file does not say how its images were scaled: write the size, mean and deviation of its training. For values of 0 to
    /// 1 that is `mean = [0, 0, 0]` and `std = [255, 255, 255]`; for torchvision's and most of timm's
    /// `mean = [123.675, 116.28, 103.53]` and `std = [58.395, 57.12, 57.375]`.
    ///
    /// # Shapes
    ///
    /// `[h, w, c]` to `[features]`; it is the first layer.
    ///
    /// # Example
    ///
    /// ```toml
    /// { onnx = { path = "model.onnx", size = 224, shorter = 256, mean = [123.675, 116.28, 103.53], std = [58.395, 57.12, 57.375] } }
    /// ```
    pub struct Onnx {
        /// The file, relative to the folder of the file that writes it.
        #[aka("file", "weights", "model", "checkpoint", "model_path")]
        path: Option<SpecPath> = None,
        /// The output that is taken; the only one that is a vector if it is left out.
        #[aka("output_name", "node", "outputs", "layer")]
        output: Option<String> = None,
        /// Where the network has the channels; if it is left out the sides of its input tell, and else it is `nchw`.
        #[aka("data_format", "format", "channels")]
        layout: Option<OnnxLayout> = None,
        /// Side of the image that the network sees, in pixels. If it is left out it is that of the file, and that of the images
        /// where the file leaves it open.
        #[aka("image_size", "img_size", "input_size", "resolution")]
        size: Option<usize> = None => check::between(1, 4_096).optional(),
        /// Pixels that the shorter side is brought to before the middle is cut out; the whole image is stretched if it is left out.
        #[aka("resize_size", "shorter_side", "crop")]
        shorter: Option<usize> = None => check::between(1, 4_096).optional(),
        /// The filter of that.
        #[aka("interpolation", "resample")]
        filter: ResizeFilter = ResizeFilter::Bilinear,
        /// What is subtracted from each channel of 0 to 255; nothing to say for a network that takes bytes.
        mean: Vec<f64> = Vec::new(),
        /// What each channel is divided by then.
        #[aka("sigma", "stddev")]
        std: Vec<f64> = Vec::new() => above_0(),
        /// What the file was found to hold; a model has it, a spec leaves it out.
        holds: Option<OnnxFile> = None,
    }
}

fn above_0() -> check::Check<Vec<f64>> {
    check::Check::new("numbers above 0, one a channel", |std: &Vec<f64>| {
        std.iter().all(|one| one.is_finite() && *one > 0.0)
    })
}

/// The weight that the file is.
const FILE: &str = "file";

impl Onnx {
    /// Whether this build runs such networks.
    ///
    /// # Errors
    /// How to get one that does.
    pub fn is_run() -> Result<(), Issue> {
        if cfg!(feature = "onnx") {
            return Ok(());
        }
        let message = "this simpipe was built without the feature `onnx`, which runs networks from ONNX files";
        let help =
            "build it with `cargo build --release --features onnx`, or name one of the architectures of `backbone`";
        Err(Issue::of("", message).help(help))
    }

    /// The layer with what its file holds, for images of this height, width and channels.
    ///
    /// # Errors
    /// If this build runs no such networks, or the file is none that gives a vector of such an image.
    #[cfg(feature = "onnx")]
    pub fn with_file(&self, bytes: &[u8], image: [usize; 3]) -> Result<Self, Issue> {
        let name = self.path.as_ref().map_or("the file", |path| &path.written);
        let found = self.probe(bytes, image).map_err(|wrong| wrong.issue(name))?;
        Ok(Self { holds: Some(found), ..self.clone() })
    }

    /// The layer with what its file holds, which this build does not find out.
    ///
    /// # Errors
    /// Always: how to get a build that does.
    #[cfg(not(feature = "onnx"))]
    pub fn with_file(&self, _: &[u8], _: [usize; 3]) -> Result<Self, Issue> {
        Self::is_run().map(|()| self.clone())
    }

    /// The file as the layer's weight, where the layer is number `at` of the outermost ones: its path and its numbers.
    #[must_use]
    pub fn weight(at: usize, bytes: &[u8]) -> (String, Vec<f32>) {
        (Self::weight_path(at), packed::pack(bytes))
    }

    /// Its path alone.
    #[must_use]
    pub fn weight_path(at: usize) -> String {
        format!("layers.{at}.onnx.{FILE}")
    }
}

impl Layer for Onnx {
    fn output<'a>(&'a self, input: &FeatureShape, walk: &mut Walk<'a>) -> Result<FeatureShape, Issue> {
        input.image("onnx")?;
        Self::is_run()?;
        if !walk.is_first() {
            let help = "put it first; size, mean and deviation are its own parameters";
            return Err(Issue::of("", "an ONNX network takes images as they come, before any other layer").help(help));
        }
        match &self.holds {
            Some(file) => Ok(FeatureShape::Vector(file.features)),
            None => Err(Issue::of("onnx.path", "the file was not read, so nobody knows what it gives")),
        }
    }

    /// The file as numbers; zeros, which are none, until they are replaced.
    fn weights(&self, _: &FeatureShape) -> Vec<WeightSpec> {
        let numbers = self.holds.as_ref().map_or(0, |file| packed::numbers(file.bytes));
        vec![WeightSpec::statistic(FILE, [numbers], Start::Zeros)]
    }

    #[cfg(feature = "onnx")]
    fn forward(&self, x: Features, cx: &mut Cx<'_>) -> Features {
        self.run(x, cx)
    }

    #[cfg(not(feature = "onnx"))]
    fn forward(&self, _: Features, _: &mut Cx<'_>) -> Features {
        unreachable!("`output` refuses the layer in a build that can't run it")
    }
}

/// The ONNX networks among the outermost layers, with their places.
pub fn onnx_networks(layers: &[LayerSpec]) -> impl Iterator<Item = (usize, &Onnx)> {
    layers.iter().enumerate().filter_map(|(at, layer)| match layer {
        LayerSpec::Onnx(onnx) => Some((at, onnx)),
        _ => None,
    })
}

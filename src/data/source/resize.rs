//! `resize` of a source of encoded images: a height and a width, or a table that says how they are reached.

use serde_json::Value as Json;

use super::pictures::colour;
use simpipe_base::check::{self, Check};
use simpipe_base::issue::Issues;
use simpipe_base::node::{Node, Value};
use simpipe_base::param::{Param, Shape, View};
use simpipe_base::params;
use simpipe_picture::{ResizeFilter, ResizeMode, Scaling};

/// The longest side, in pixels.
const LONGEST: u32 = 8192;

params! {
    /// How every image is brought to one size, as Pillow does it.
    pub struct Resizing {
        /// Height and width, in pixels.
        #[aka("image_size", "target_size", "shape", "to")]
        size: Vec<u32> => check::height_and_width(LONGEST),
        /// What to do with an image that has other proportions.
        #[aka("method", "how", "strategy", "crop")]
        mode: ResizeMode = ResizeMode::Stretch,
        /// How a pixel of the result is computed.
        #[aka("interpolation", "resample", "algorithm")]
        filter: ResizeFilter = ResizeFilter::Bilinear,
        /// The colour of the border of `fit`: red, green and blue from 0 to 255.
        #[aka("fill", "colour", "color", "padding", "background")]
        pad: Vec<u8> = vec![0; 3] => colour(),
    }
}

/// The size that images are brought to, and how: `[64, 64]` stretches them.
#[derive(Debug, Clone, PartialEq)]
pub struct Resize(Resizing);

impl Resize {
    /// Each side by itself.
    #[must_use]
    pub fn stretch(height: u32, width: u32) -> Self {
        let size = vec![height, width];
        Self(Resizing { size, mode: ResizeMode::Stretch, filter: ResizeFilter::Bilinear, pad: vec![0; 3] })
    }

    /// What the size may be.
    pub(super) fn range() -> Check<Self> {
        check::height_and_width(LONGEST).of(|resize: &Self| &resize.0.size)
    }

    /// The same for who scales.
    pub(crate) fn to_scaling(&self) -> Option<Scaling> {
        let Resizing { size, mode, filter, pad } = &self.0;
        let (height, width) = (*size.first()?, *size.get(1)?);
        let pad = pad.as_slice().try_into().unwrap_or_default();
        Some(Scaling { height, width, mode: mode.clone(), filter: filter.clone(), pad })
    }

    /// Whether a list of two numbers says all of it.
    fn is_bare(&self) -> bool {
        let Resizing { size, .. } = &self.0;
        matches!(size[..], [height, width] if *self == Self::stretch(height, width))
    }
}

impl Param for Resize {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        if matches!(node.value, Value::Table(_)) {
            return Resizing::read(node, path, issues).map(Self);
        }
        let size = Vec::<u32>::read(node, path, issues)?;
        Some(Self(Resizing { size, ..Self::stretch(1, 1).0 }))
    }

    /// One way of writing it for one thing, so that a key does not hang on how it was written.
    fn write(&self, view: View) -> Json {
        if self.is_bare() || self.0.size.len() != 2 { self.0.size.write(view) } else { self.0.write(view) }
    }

    fn shape() -> Shape {
        Shape::AnyOf(vec![Vec::<u32>::shape(), Resizing::shape()])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use simpipe_base::param;

    #[test]
    fn a_list_and_a_table_of_defaults_are_one_thing() {
        let read = |json: Json| param::from_json::<Resize>(&json);
        let bare = read(json!([3, 5])).unwrap();
        assert_eq!(bare, Resize::stretch(3, 5));
        assert_eq!(read(json!({ "size": [3, 5], "mode": "stretch", "filter": "bilinear" })).unwrap(), bare);
        for view in [View::Full, View::Key, View::Stored] {
            assert_eq!(bare.write(view), json!([3, 5]));
        }
        let cropped = read(json!({ "size": [3, 5], "mode": "centre-crop" })).unwrap();
        assert_eq!(cropped.write(View::Key), json!({ "size": [3, 5], "mode": "centre-crop" }));
        assert_eq!(read(cropped.write(View::Full)).unwrap(), cropped);
        let scaling = cropped.to_scaling().unwrap();
        assert_eq!((scaling.height, scaling.width, scaling.mode), (3, 5, ResizeMode::CentreCrop));
        for (wrong, what) in [
            (json!({ "mode": "fit" }), "missing key `size`"),
            (json!({ "size": [3] }), "two numbers from 1 to 8192, height and width"),
            (json!({ "size": [3, 5], "mode": "center-crop" }), "`centre-crop`"),
            (json!({ "size": [3, 5], "pad": [1, 2] }), "three numbers from 0 to 255"),
            (json!(64), "expects a list"),
        ] {
            let issue = &read(wrong).unwrap_err()[0];
            let text = format!("{} {}", issue.message, issue.help.clone().unwrap_or_default());
            assert!(text.contains(what), "{text}");
        }
    }
}

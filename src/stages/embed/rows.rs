//! Rows of embeddings: the mean over views of an image, and the outputs of several layers one behind the other.

use std::borrow::Cow;

use simpipe_data::augment::mirror;
use simpipe_nn::{Embedder, Network, to_bytes};
use simpipe_search::vectors;

simpipe_base::choice! {
    /// A version of an image that is embedded.
    pub enum EmbedView {
        /// The image as it is.
        #[aka("original", "none", "image")]
        "identity" => Identity,
        /// The image mirrored left and right.
        #[aka("horizontal_flip", "hflip", "mirror", "fliplr")]
        "flip" => Flip,
    }
}

impl EmbedView {
    /// This version of images of a shape.
    fn of<'a>(&self, pixels: &'a [u8], shape: [usize; 3]) -> Cow<'a, [u8]> {
        match self {
            Self::Identity => Cow::Borrowed(pixels),
            Self::Flip => {
                let mut pixels = pixels.to_vec();
                mirror(&mut pixels, shape);
                Cow::Owned(pixels)
            }
        }
    }
}

/// How a network embeds images.
type Embed<'a> = fn(&Embedder<'a>, &[u8]) -> Vec<f32>;

/// Makes rows.
pub(crate) struct Rows<'a> {
    /// Each with the network that it is of.
    parts: Vec<(&'a Network, Embedder<'a>)>,
    views: &'a [EmbedView],
    normalize: bool,
    /// What makes the features that the networks take, where they take no images.
    backbone: Option<Box<Rows<'a>>>,
}

impl<'a> Rows<'a> {
    /// Of the networks whose outputs stand one behind the other.
    pub(super) fn new(networks: &'a [Network], views: &'a [EmbedView], normalize: bool) -> Self {
        let parts = networks.iter().map(|network| (network, network.embedder())).collect();
        Self { parts, views, normalize, backbone: None }
    }

    /// The same of images, where the networks take features that another one makes of these.
    #[must_use]
    pub(super) fn behind(self, backbone: Option<Rows<'a>>) -> Self {
        Self { backbone: backbone.map(Box::new), ..self }
    }

    /// Length of a row.
    pub(crate) fn dim(&self) -> usize {
        self.parts.iter().map(|(network, _)| network.dim()).sum()
    }

    /// The rows of images, one behind the other. The network's own output, where nothing else is asked for, to the bit.
    pub(crate) fn embed(&self, pixels: &[u8]) -> Vec<f32> {
        self.joined(pixels, Embedder::embed)
    }

    /// The same in a time that the number of images decides: but for the last bits.
    pub(crate) fn embed_few(&self, pixels: &[u8]) -> Vec<f32> {
        self.joined(pixels, Embedder::embed_few)
    }

    fn joined(&self, pixels: &[u8], embed: Embed<'a>) -> Vec<f32> {
        let features = self.backbone.as_ref().map(|backbone| to_bytes(&backbone.joined(pixels, embed)));
        let pixels = features.as_deref().unwrap_or(pixels);
        let mut parts: Vec<(usize, Vec<f32>)> = self.parts.iter().map(|part| self.part(part, pixels, embed)).collect();
        if parts.len() == 1 {
            return parts.remove(0).1;
        }
        let count = parts.first().map_or(0, |(dim, values)| values.len() / dim);
        let row = |at: usize| parts.iter().flat_map(move |(dim, values)| &values[at * dim..(at + 1) * dim]).copied();
        let mut rows: Vec<f32> = (0..count).flat_map(row).collect();
        if self.normalize {
            rows.chunks_mut(self.dim()).for_each(scale);
        }
        rows
    }

    /// What one network gives: the mean over the views.
    fn part(
        &self,
        (network, embedder): &(&Network, Embedder<'a>),
        pixels: &[u8],
        embed: Embed<'a>,
    ) -> (usize, Vec<f32>) {
        let embedded = |view: &EmbedView| embed(embedder, &view.of(pixels, network.input().sides()));
        let mut views = self.views.iter().map(embedded);
        let mut mean = views.next().unwrap_or_default();
        for view in views {
            mean.iter_mut().zip(view).for_each(|(sum, value)| *sum += value);
        }
        let several = self.views.len() > 1;
        if several {
            let share = 1.0 / self.views.len() as f32;
            mean.iter_mut().for_each(|value| *value *= share);
        }
        if self.normalize || (several && network.gives_unit_rows()) {
            mean.chunks_mut(network.dim()).for_each(scale);
        }
        (network.dim(), mean)
    }
}

/// Scales a row to unit length; one of zeros stays.
fn scale(row: &mut [f32]) {
    // Summed in order, not in lanes as a search does it: the last bits are those of every embedding stored so far.
    let square = row.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
    vectors::divide_by_length(row, square);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_scaled_to_unit_length() {
        let mut row = [3.0, 4.0];
        scale(&mut row);
        assert_eq!(row, [0.6, 0.8]);
        let mut zeros = [0.0; 3];
        scale(&mut zeros);
        assert_eq!(zeros, [0.0; 3]);
        let mut tiny = [1e-30_f32, 0.0];
        scale(&mut tiny);
        assert_eq!(tiny, [1.0, 0.0]);
    }

    #[test]
    fn a_view_is_a_version_of_each_image() {
        let pixels = [1, 2, 3, 4, 5, 6];
        let as_it_is = EmbedView::Identity.of(&pixels, [1, 3, 1]);
        assert!(matches!(as_it_is, Cow::Borrowed(_)), "nothing is copied");
        assert_eq!(*as_it_is, pixels);
        assert_eq!(*EmbedView::Flip.of(&pixels, [1, 3, 1]), [3, 2, 1, 6, 5, 4]);
    }
}

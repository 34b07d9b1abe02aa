//! The images themselves as vectors.

use super::lookup::{Lookup, Values};
use crate::embedded;
use simpipe_artifact::{DatasetInfo, Distance, IMAGES, ImageShape};
use simpipe_nn::Pixels;
use simpipe_search::{SearchError, Vectors, vectors};
use simpipe_stage::{Ctx, StageError};

/// Numbers of all images of the index beyond which pixels are not compared: as `f32`, and once more in the order of the
/// search, these are 1.3 GB.
const MOST_NUMBERS: usize = 160_000_000;
/// Products of numbers beyond which pixels are not compared: about half a minute on two cores.
const MOST_PRODUCTS: f64 = 2e12;
/// Bytes of images read at once.
const READ_AT_ONCE: usize = 32 << 20;

/// Either a baseline, or why there is none, as a sentence.
pub(super) type Maybe<T> = Result<T, String>;

/// Images of index and queries, row after row.
pub(super) struct Shown {
    index: Vec<f32>,
    queries: Vec<f32>,
    /// Numbers of an image.
    dim: usize,
}

impl Shown {
    /// Reads the images, unless they are too many or too different.
    pub(super) fn read(
        ctx: &Ctx<'_>,
        dataset: &DatasetInfo,
        index: &[u64],
        queries: &[u64],
    ) -> Result<Maybe<Self>, StageError> {
        let Some(shape) = dataset.image else {
            return Ok(Err("Pixels can't be compared: the images differ in size.".to_owned()));
        };
        if let Some(reason) = too_much(index.len(), queries.len(), shape) {
            return Ok(Err(reason));
        }
        let dim = shape.bytes();
        Ok(Ok(Self { index: values(ctx, index, dim)?, queries: values(ctx, queries, dim)?, dim }))
    }

    /// By the euclidean distance of the images as they are.
    pub(super) fn raw(&self, ctx: &Ctx<'_>, lookup: &Lookup<'_>) -> Result<Maybe<Values>, StageError> {
        self.look_up(ctx, lookup, Distance::Euclidean)
    }

    /// Takes the mean image of the index from every image, and scales them to unit length.
    pub(super) fn centre(&mut self) {
        let count = (self.index.len() / self.dim.max(1)).max(1);
        let mut mean = vec![0.0_f64; self.dim];
        for image in self.index.chunks_exact(self.dim.max(1)) {
            mean.iter_mut().zip(image).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        mean.iter_mut().for_each(|sum| *sum /= count as f64);
        for values in [&mut self.index, &mut self.queries] {
            for image in values.chunks_exact_mut(self.dim.max(1)) {
                image.iter_mut().zip(&mean).for_each(|(value, mean)| *value = (f64::from(*value) - mean) as f32);
            }
            vectors::to_unit_length(values, self.dim);
        }
    }

    /// By the cosine distance, once centred.
    pub(super) fn centred(&self, ctx: &Ctx<'_>, lookup: &Lookup<'_>) -> Result<Maybe<Values>, StageError> {
        self.look_up(ctx, lookup, Distance::Cosine)
    }

    fn look_up(&self, ctx: &Ctx<'_>, lookup: &Lookup<'_>, distance: Distance) -> Result<Maybe<Values>, StageError> {
        ctx.stop_if_cancelled()?;
        let vectors = |values| Vectors::new(values, self.dim, distance);
        let found = vectors(&self.index)
            .and_then(|rows| vectors(&self.queries).and_then(|asked| lookup.of(ctx, &rows, &asked, distance)));
        unless_meaningless(found, "An image is the mean image to the last bit: it has no direction.")
    }
}

/// A baseline whose vectors have no distances is left out; all else that is wrong is an error.
pub(super) fn unless_meaningless(found: Result<Values, SearchError>, why: &str) -> Result<Maybe<Values>, StageError> {
    match found {
        Ok(values) => Ok(Ok(values)),
        Err(SearchError::Zero { .. } | SearchError::NotFinite { .. }) => Ok(Err(why.to_owned())),
        Err(error) => Err(embedded::unsearchable(&error)),
    }
}

/// Why comparing pixels would take too long, or too much memory.
fn too_much(index: usize, queries: usize, shape: ImageShape) -> Option<String> {
    let numbers = shape.bytes();
    let products = index as f64 * queries as f64 * numbers as f64;
    let (what, help) = if index.max(queries).saturating_mul(numbers) > MOST_NUMBERS {
        ("memory", "")
    } else if products > MOST_PRODUCTS {
        ("work", " Fewer `max-queries` are less.")
    } else {
        return None;
    };
    Some(format!(
        "Pixels were not compared: {queries} queries in an index of {index} images of {numbers} bytes are too much {what}.{help}"
    ))
}

/// Places of the examples, some at a time, in the order in which they lie in the file.
pub(super) fn pieces(ids: &[u64], image_bytes: usize) -> Vec<Vec<usize>> {
    let mut places: Vec<usize> = (0..ids.len()).collect();
    places.sort_by_key(|place| ids[*place]);
    let at_once = (READ_AT_ONCE / image_bytes.max(1)).clamp(64, 8192);
    places.chunks(at_once).map(<[usize]>::to_vec).collect()
}

/// The images of some examples.
pub(super) fn read(ctx: &Ctx<'_>, ids: &[u64]) -> Result<Pixels, StageError> {
    ctx.stop_if_cancelled()?;
    let pixels = Pixels::read(ctx.input("dataset", IMAGES), ids);
    pixels.map_err(|error| StageError::failed(error.to_string()))
}

/// The numbers of images, in the order asked for.
fn values(ctx: &Ctx<'_>, ids: &[u64], dim: usize) -> Result<Vec<f32>, StageError> {
    let mut values = vec![0.0; ids.len() * dim];
    for places in pieces(ids, dim) {
        let wanted: Vec<u64> = places.iter().map(|place| ids[*place]).collect();
        let pixels = read(ctx, &wanted)?;
        if pixels.image_size() != dim {
            return Err(StageError::failed("the dataset's images are not of the size that it says"));
        }
        for (at, place) in places.into_iter().enumerate() {
            let to = &mut values[place * dim..(place + 1) * dim];
            to.iter_mut().zip(pixels.image(at).iter()).for_each(|(to, pixel)| *to = f32::from(*pixel));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIFAR: ImageShape = ImageShape { height: 32, width: 32, channels: 3 };

    #[test]
    fn what_is_compared_is_bounded() {
        assert_eq!(too_much(2_000, 10_000, CIFAR), None);
        assert_eq!(too_much(50_000, 10_000, CIFAR), None);
        assert!(too_much(50_000, 20_000, CIFAR).unwrap().contains("too much work. Fewer `max-queries` are less."));
        assert!(too_much(60_000, 10, CIFAR).unwrap().ends_with("too much memory."));
        let photograph = ImageShape { height: 1000, width: 1000, channels: 3 };
        assert!(too_much(100, 60, photograph).unwrap().starts_with("Pixels were not compared: 60 queries"));
        assert!(too_much(usize::MAX, usize::MAX, photograph).is_some());
    }

    #[test]
    fn images_are_read_in_the_order_of_the_file() {
        assert_eq!(pieces(&[9, 3, 7], 1), [[1, 2, 0]]);
        let ids: Vec<u64> = (0..200).rev().collect();
        let pieces = pieces(&ids, 1 << 20);
        assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [64, 64, 64, 8]);
        assert_eq!(pieces[0][..2], [199, 198]);
    }

    #[test]
    fn centred_images_are_directions_from_the_mean_of_the_index() {
        let mut images = Shown { index: vec![10.0, 0.0, 30.0, 0.0], queries: vec![20.0, 5.0, 23.0, 4.0], dim: 2 };
        images.centre();
        assert_eq!(images.index, [-1.0, 0.0, 1.0, 0.0]);
        assert_eq!(images.queries, [0.0, 1.0, 0.6, 0.8]);
    }
}

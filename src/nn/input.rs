//! What a network takes, and the bytes that batches hold of it.

use burn::tensor::{Device, Tensor, TensorData};

use super::layer::{FeatureShape, Features};

/// An example as a network takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// An image of this height, width and channels: a byte a number, from 0 to 255.
    Image([usize; 3]),
    /// So many features, which another network has made of an image: four bytes a number, little-endian.
    Vector(usize),
}

impl Input {
    /// Bytes of one example.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Image([height, width, channels]) => height * width * channels,
            Self::Vector(features) => features * size_of::<f32>(),
        }
    }

    /// The shape that comes into the first layer.
    #[must_use]
    pub const fn shape(self) -> FeatureShape {
        match self {
            Self::Image(sides) => FeatureShape::Image(sides),
            Self::Vector(features) => FeatureShape::Vector(features),
        }
    }

    /// The sides of an image; `None` of features.
    #[must_use]
    pub const fn image(self) -> Option<[usize; 3]> {
        match self {
            Self::Image(sides) => Some(sides),
            Self::Vector(_) => None,
        }
    }

    /// Height, width and channels; features are the channels of one pixel.
    #[must_use]
    pub const fn sides(self) -> [usize; 3] {
        match self {
            Self::Image(sides) => sides,
            Self::Vector(features) => [1, 1, features],
        }
    }

    /// What it is, for messages: "images of 32 x 32 x 3".
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Image([height, width, channels]) => format!("images of {height} x {width} x {channels}"),
            Self::Vector(features) => format!("{features} features"),
        }
    }

    /// The bytes of examples as a tensor: images `[n, h, w, c]` of 0 to 255, or vectors `[n, features]`.
    pub(super) fn tensor(self, bytes: &[u8], device: &Device) -> Features {
        let count = bytes.len() / self.bytes().max(1);
        match self {
            Self::Image(sides) => Features::Image(images(bytes, sides, device)),
            Self::Vector(features) => {
                let values = from_bytes(bytes);
                Features::Vector(Tensor::from_data(TensorData::new(values, [count, features]), device))
            }
        }
    }
}

impl From<[usize; 3]> for Input {
    fn from(sides: [usize; 3]) -> Self {
        Self::Image(sides)
    }
}

/// Bytes as a tensor `[n, h, w, c]` of 0 to 255.
pub(super) fn images(pixels: &[u8], [height, width, channels]: [usize; 3], device: &Device) -> Tensor<4> {
    let count = pixels.len() / (height * width * channels);
    let values: Vec<f32> = pixels.iter().map(|&pixel| f32::from(pixel)).collect();
    Tensor::from_data(TensorData::new(values, [count, height, width, channels]), device)
}

/// Features as batches hold them.
#[must_use]
pub fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_come_back_from_their_bytes_to_the_bit() {
        let values = [0.0, -0.0, 1.5, f32::MIN_POSITIVE, -3.4e38, 1e-42];
        let bytes = to_bytes(&values);
        assert_eq!(bytes.len(), 2 * Input::Vector(3).bytes());
        let Features::Vector(tensor) = Input::Vector(3).tensor(&bytes, &Device::flex()) else { unreachable!() };
        assert_eq!(tensor.dims(), [2, 3]);
        let back = tensor.into_data().try_into_vec::<f32>().unwrap();
        assert!(back.iter().zip(values).all(|(a, b)| a.to_bits() == b.to_bits()), "{back:?}");
    }

    #[test]
    fn an_image_has_a_byte_a_number() {
        let input = Input::from([1, 2, 3]);
        assert_eq!((input.bytes(), input.sides(), input.image()), (6, [1, 2, 3], Some([1, 2, 3])));
        let Features::Image(tensor) = input.tensor(&[0, 1, 2, 3, 254, 255], &Device::flex()) else { unreachable!() };
        assert_eq!(tensor.dims(), [1, 1, 2, 3]);
        assert_eq!(tensor.into_data().try_into_vec::<f32>().unwrap(), [0.0, 1.0, 2.0, 3.0, 254.0, 255.0]);
        assert_eq!((Input::Vector(5).sides(), Input::Vector(5).image()), ([1, 1, 5], None));
    }
}

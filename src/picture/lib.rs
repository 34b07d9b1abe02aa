//! Pixels, and what becomes them: decoding image files that users bring ([`Encoded`]) and bringing them to a size ([`Scaling`]).
//!
//! Knows neither sources nor artifacts: both decode through here, so that an image has the same pixels whenever it is decoded.

mod decode;
mod raster;
mod recipe;
mod resample;
mod scale;

pub use decode::{BACKGROUND, DecodeError, DecodeOptions, Decoded, Encoded, MAX_PIXELS, Part, decode, starts_as_image};
pub use raster::{Image, ImageShape};
pub use scale::{ResizeFilter, ResizeMode, Scaling};

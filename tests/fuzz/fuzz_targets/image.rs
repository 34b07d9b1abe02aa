//! Any bytes as an image file, decoded in colour or in grey: pixels within the limit, or a reason.
#![no_main]

use libfuzzer_sys::fuzz_target;
use simpipe_picture::{DecodeOptions, Encoded};

/// More takes long, and is refused by the header.
const MAX_PIXELS: u64 = 1 << 18;

fuzz_target!(
    // A decoder that panics is caught, so its message must not end the process; what is not caught does.
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| {
        let Some((first, bytes)) = bytes.split_first() else { return };
        let channels = if first % 2 == 0 { 3 } else { 1 };
        let options = DecodeOptions { channels, max_pixels: MAX_PIXELS, ..DecodeOptions::default() };
        let Ok(encoded) = Encoded::read(bytes, &options) else { return };
        let memory = encoded.memory();
        let Ok(decoded) = encoded.decode() else { return };
        let shape = decoded.image.shape;
        let pixels = u64::from(shape.height) * u64::from(shape.width);
        assert!(pixels <= MAX_PIXELS && shape.channels == channels);
        assert_eq!(decoded.image.pixels.len() as u64, pixels * u64::from(channels));
        assert!(memory >= decoded.image.pixels.len() as u64, "it takes more memory than was said");
    }
);

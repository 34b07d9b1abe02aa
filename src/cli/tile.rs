//! An image laid out on a square of fewer pixels, or of more.

use simpipe_artifact::ImageShape;

/// The mean colour of what the pixel in row `y` and column `x` of a picture of `side` x `side` covers of an image.
pub(super) fn colour(shape: ImageShape, image: &[u8], (y, x): (usize, usize), side: usize) -> [u8; 3] {
    let (height, width, channels) = (shape.height as usize, shape.width as usize, shape.channels as usize);
    let part = |at: usize, length: usize| at * length / side..((at + 1) * length / side).max(at * length / side + 1);
    let (rows, columns) = (part(y, height), part(x, width));
    let count = (rows.len() * columns.len()).max(1);
    [0, 1, 2].map(|channel| {
        let channel = channel.min(channels.saturating_sub(1));
        let value = |y: usize, x: usize| image.get((y * width + x) * channels + channel).copied().unwrap_or(0);
        let of_row = |y: usize| columns.clone().map(|x| usize::from(value(y, x))).sum::<usize>();
        u8::try_from((rows.clone().map(of_row).sum::<usize>() + count / 2) / count).unwrap_or(u8::MAX)
    })
}

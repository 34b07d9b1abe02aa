//! Pictures as sixels (DEC STD 070, the VT340's graphics): bands of six rows, each of which is drawn once for every colour in it.

use std::fmt::Write;

use super::canvas::Canvas;

/// Steps of each colour: a cube of 216.
const STEPS: usize = 6;
/// Rows of a band.
const ROWS: usize = 6;

/// A row of pictures.
pub(super) fn row(canvas: &Canvas) -> String {
    let colours: Vec<usize> = canvas.pixels.chunks_exact(3).map(nearest).collect();
    let mut text = format!("\x1bP0;1q\"1;1;{};{}", canvas.width, canvas.height);
    let mut known = [false; STEPS * STEPS * STEPS];
    for band in colours.chunks(ROWS * canvas.width.max(1)) {
        let mut present = band.to_vec();
        present.sort_unstable();
        present.dedup();
        for colour in present {
            if !std::mem::replace(&mut known[colour], true) {
                let [red, green, blue] = [colour / 36, colour / 6 % 6, colour % 6].map(|step| step * 20);
                // A string takes all that is written. Colours are in hundredths.
                let _ = write!(text, "#{colour};2;{red};{green};{blue}");
            }
            let _ = write!(text, "#{colour}");
            draw(band, canvas.width, colour, &mut text);
            text.push('$');
        }
        text.push('-');
    }
    text + "\x1b\\\n"
}

/// The nearest colour of the cube.
fn nearest(pixel: &[u8]) -> usize {
    pixel.iter().fold(0, |number, value| number * STEPS + (usize::from(*value) * (STEPS - 1) + 127) / 255)
}

/// One colour of a band: a character a column, whose bits are the rows that have it, and the number of those that are alike.
fn draw(band: &[usize], width: usize, colour: usize, text: &mut String) {
    let bits = |x: usize| {
        let rows = band.iter().skip(x).step_by(width).enumerate();
        rows.filter(|(_, found)| **found == colour).fold(0_u8, |bits, (row, _)| bits | 1 << row)
    };
    let mut begin = 0;
    while begin < width {
        let one = bits(begin);
        let length = (begin..width).take_while(|x| bits(*x) == one).count();
        let letter = char::from(b'?' + one);
        let _ = if length > 3 {
            write!(text, "!{length}{letter}")
        } else {
            write!(text, "{}", letter.to_string().repeat(length))
        };
        begin += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_is_drawn_once_a_colour() {
        // Red above blue on the left, white on the right, four columns wide.
        let (red, blue, white) = ([255, 0, 0], [0, 0, 255], [255; 3]);
        let pixels = [[red, white, white, white], [blue, white, white, white]].concat().concat();
        let text = row(&Canvas { width: 4, height: 2, pixels });
        // Blue is 5, red 180, white 215; the first row is bit 0: `@`, the second bit 1: `A`, both `B`.
        assert_eq!(
            text,
            "\x1bP0;1q\"1;1;4;2#5;2;0;0;100#5A???$#180;2;100;0;0#180@???$#215;2;100;100;100#215?BBB$-\x1b\\\n"
        );
        let plain = row(&Canvas { width: 9, height: 7, pixels: vec![0; 3 * 63] });
        assert_eq!(plain, "\x1bP0;1q\"1;1;9;7#0;2;0;0;0#0!9~$-#0!9@$-\x1b\\\n");
    }
}

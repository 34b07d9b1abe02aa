//! Pictures by the graphics protocol of kitty (<https://sw.kovidgoyal.net/kitty/graphics-protocol/>): pixels in base64, in pieces.

use std::fmt::Write;

use super::canvas::{CELLS, Canvas};
use simpipe_report::base64;

/// The longest piece.
const PIECE: usize = 4096;

/// A row of pictures that is so many characters wide. The terminal is asked for no answer.
pub(super) fn row(canvas: &Canvas, columns: usize) -> String {
    let encoded = base64(&canvas.pixels);
    let mut pieces = encoded.as_bytes().chunks(PIECE).map(String::from_utf8_lossy).peekable();
    let (width, height, lines) = (canvas.width, canvas.height, CELLS[1]);
    let mut head = format!("a=T,f=24,s={width},v={height},c={columns},r={lines},q=2,");
    let mut text = String::new();
    while let Some(piece) = pieces.next() {
        let more = u8::from(pieces.peek().is_some());
        // A string takes all that is written.
        let _ = write!(text, "\x1b_G{head}m={more};{piece}\x1b\\");
        head.clear();
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_one_command_in_pieces() {
        let canvas = Canvas { width: 2, height: 1, pixels: vec![255, 0, 0, 0, 0, 255] };
        assert_eq!(row(&canvas, 12), "\x1b_Ga=T,f=24,s=2,v=1,c=12,r=6,q=2,m=0;/wAAAAD/\x1b\\\n");
        let large = Canvas { width: 64, height: 32, pixels: vec![0; 3 * 64 * 32] };
        let text = row(&large, 12);
        let pieces: Vec<&str> = text.trim_end().split("\x1b\\").filter(|piece| !piece.is_empty()).collect();
        assert_eq!(pieces.len(), 2);
        assert!(
            pieces[0].ends_with('A')
                && pieces[0].contains("m=1;")
                && pieces[1] == format!("\x1b_Gm=0;{}", "A".repeat(4096))
        );
    }
}

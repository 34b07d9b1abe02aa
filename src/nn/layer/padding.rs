//! `padding`: how far the windows of convolutions and pools reach beyond the border.

use simpipe_base::check;
use simpipe_base::issue::Issue;
use simpipe_base::{choice, params};

params! {
    /// The same number of pixels on all four sides, as torch pads.
    pub struct Symmetric {
        /// Pixels on each side, fewer than the window has.
        #[aka("padding", "size", "width", "amount")]
        pixels: usize => check::between(0, 4_096),
    }
}

choice! {
    /// How far windows reach beyond the border. A convolution sees zeros there, `max-pool` nothing at all.
    pub enum Padding {
        /// Not at all: the map shrinks by `kernel - 1`.
        "valid" => Valid,
        /// So far that the map keeps its size at stride 1 (Keras' rule: the odd pixel lies below and right).
        #[aka("zeros", "zero")]
        "same" => Same,
        /// The same number of pixels on all four sides, as torch pads.
        "symmetric" => Symmetric(Symmetric),
    }
}

/// Square windows over a map.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows<'a> {
    /// Side of a window, in pixels from its first to its last.
    pub(super) reach: usize,
    /// Step between windows.
    pub(super) stride: usize,
    pub(super) padding: &'a Padding,
}

impl Windows<'_> {
    /// Pixels of border before and after a side of `size` pixels.
    pub(super) fn border(&self, size: usize) -> (usize, usize) {
        match self.padding {
            Padding::Valid => (0, 0),
            Padding::Same => {
                let reach = (size.div_ceil(self.stride) - 1) * self.stride + self.reach;
                let total = reach.saturating_sub(size);
                (total / 2, total - total / 2)
            }
            Padding::Symmetric(Symmetric { pixels }) => (*pixels, *pixels),
        }
    }

    /// Windows along a side of `size` pixels; `None` if not even one fits.
    pub(super) fn along(&self, size: usize) -> Option<usize> {
        let (before, after) = self.border(size);
        Some((size + before + after).checked_sub(self.reach)? / self.stride + 1)
    }

    /// The sides of the output of `layer`; `window` says what does not fit, and at which of its parameters.
    pub(super) fn output(
        &self,
        layer: &str,
        [height, width]: [usize; 2],
        (window, parameter): (&str, &str),
    ) -> Result<[usize; 2], Issue> {
        if let Padding::Symmetric(Symmetric { pixels }) = self.padding
            && *pixels >= self.reach
        {
            let message = format!("{window} lies in the border alone where that is {pixels} pixels wide");
            let help = format!("pad by at most {} pixels", self.reach - 1);
            return Err(Issue::of(format!("{layer}.padding.symmetric.pixels"), message).help(help));
        }
        match (self.along(height), self.along(width)) {
            (Some(height), Some(width)) => Ok([height, width]),
            _ => {
                let (before, after) = self.border(height);
                let border =
                    if before + after > 0 { format!(" with {before} pixels around it") } else { String::new() };
                let message = format!("{window} is larger than its input of {height} x {width}{border}");
                Err(Issue::of(format!("{layer}.{parameter}"), message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_puts_the_odd_pixel_after_as_keras_does() {
        // 4 pixels, reach 3, stride 2: windows at 0 and 2, the last of which ends at pixel 4: one pixel, after.
        let windows = |stride| Windows { reach: 3, stride, padding: &Padding::Same };
        assert_eq!(windows(2).border(4), (0, 1));
        assert_eq!(windows(1).border(4), (1, 1));
        assert_eq!([4, 5].map(|side| windows(2).along(side)), [Some(2), Some(3)]);
    }

    #[test]
    fn symmetric_padding_is_torchs() {
        // torchvision's stem: 224 pixels, kernel 7, stride 2, padding 3 give 112; its pool of 3, stride 2, padding 1, 56.
        let padding = Padding::Symmetric(Symmetric { pixels: 3 });
        let windows = Windows { reach: 7, stride: 2, padding: &padding };
        assert_eq!((windows.border(224), windows.along(224), windows.along(1)), ((3, 3), Some(112), Some(1)));
        let padding = Padding::Symmetric(Symmetric { pixels: 1 });
        assert_eq!(Windows { reach: 3, stride: 2, padding: &padding }.along(112), Some(56));
        assert_eq!(Windows { reach: 4, stride: 2, padding: &padding }.along(1), None);
    }
}

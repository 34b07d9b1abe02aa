//! What lies around an image.

simpipe_base::choice! {
    /// What lies around an image.
    pub enum Border {
        /// Black.
        #[aka("constant", "black", "zeros")]
        "zero" => Zero,
        /// The image mirrored at its outermost pixels, which are not repeated.
        #[aka("mirror", "reflect_101", "symmetric")]
        "reflect" => Reflect,
        /// The outermost pixel, repeated.
        #[aka("replicate", "nearest", "clamp")]
        "edge" => Edge,
    }
}

impl Border {
    /// Which of `length` pixels in a row is seen at a place that may lie outside; `None` where it is black.
    #[must_use]
    pub fn source(&self, place: isize, length: usize) -> Option<usize> {
        let last = length.cast_signed() - 1;
        if (0..=last).contains(&place) {
            return Some(place.cast_unsigned());
        }
        match self {
            Self::Zero => None,
            Self::Edge => Some(place.clamp(0, last).cast_unsigned()),
            Self::Reflect if last == 0 => Some(0),
            Self::Reflect => {
                let turned = place.rem_euclid(2 * last);
                Some(turned.min(2 * last - turned).cast_unsigned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_border_says_what_is_seen() {
        let seen = |border: Border, length| (-4..7).map(|place| border.source(place, length)).collect::<Vec<_>>();
        let inside = [Some(0), Some(1), Some(2)];
        let zero = seen(Border::Zero, 3);
        assert_eq!((&zero[..4], &zero[4..7], &zero[7..]), (&[None; 4][..], &inside[..], &[None; 4][..]));
        let places = |list: [usize; 11]| list.map(Some).to_vec();
        assert_eq!(seen(Border::Reflect, 3), places([0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]));
        assert_eq!(seen(Border::Edge, 3), places([0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2]));
        assert_eq!(seen(Border::Reflect, 1), places([0; 11]));
        assert_eq!(seen(Border::Edge, 1), places([0; 11]));
    }
}

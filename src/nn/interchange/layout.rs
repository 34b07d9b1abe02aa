//! How a tensor lies here and in torch: channels last here and first there, matrices `[in, out]` here and `[out, in]` there.

use std::rc::Rc;

/// For each feature of a vector in torch's order its place in ours; `None` where both have one order.
///
/// A map that is flattened has its channels innermost here and outermost in torch, up to the next full matrix.
pub(super) type Order = Option<Rc<[usize]>>;

/// What becomes of the sides of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// They stay.
    Same,
    /// `[height, width, in, out]` becomes `[out, in, height, width]`.
    Kernel,
    /// `[in, out]` becomes `[out, in]`.
    Matrix,
    /// `[in, out]` becomes `[out, in, 1, 1]`: a matrix as a convolution of one pixel.
    Pointwise,
    /// They stay; sides of one in front are of no account, as libraries have more or fewer of them for one tensor.
    Tokens,
}

/// A tensor by both names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    /// Our full path.
    pub(super) ours: String,
    /// Torch's name.
    pub(super) theirs: String,
    /// Our sides.
    pub(super) shape: Vec<usize>,
    pub(super) layout: Layout,
    /// The order of the features that a matrix takes in, or of those that a vector is of.
    pub(super) order: Order,
    /// Which third of torch's tensor it is, where that holds three one behind the other.
    pub(super) third: Option<usize>,
    /// How many of our first rows torch's tensor does not have: they are zeros.
    pub(super) zeros: usize,
}

impl Pair {
    /// A tensor by our name, in our layout.
    pub(super) fn own(path: &str, shape: &[usize]) -> Self {
        let (ours, theirs) = (path.to_owned(), path.to_owned());
        Self { ours, theirs, shape: shape.to_vec(), layout: Layout::Same, order: None, third: None, zeros: 0 }
    }

    /// Torch's sides.
    pub(super) fn their_shape(&self) -> Vec<usize> {
        let mut shape = self.turned_shape();
        if let Some(first) = shape.first_mut() {
            *first = if self.third.is_some() { *first * 3 } else { first.saturating_sub(self.zeros) };
        }
        shape
    }

    /// Whether torch's tensor may have these sides.
    pub(super) fn takes(&self, sides: &[usize]) -> bool {
        let without = |sides: &[usize]| sides.iter().copied().skip_while(|side| *side == 1).collect::<Vec<_>>();
        let expected = self.their_shape();
        sides == expected || self.layout == Layout::Tokens && without(sides) == without(&expected)
    }

    /// The numbers of torch's tensor that are its own.
    pub(super) fn own_part<'a>(&self, theirs: &'a [f32]) -> &'a [f32] {
        let Some(third) = self.third else { return theirs };
        let size = theirs.len() / 3;
        theirs.get(third * size..(third + 1) * size).unwrap_or_default()
    }

    fn turned_shape(&self) -> Vec<usize> {
        match (self.layout, &self.shape[..]) {
            (Layout::Kernel, &[height, width, inputs, outputs]) => vec![outputs, inputs, height, width],
            (Layout::Matrix, &[inputs, outputs]) => vec![outputs, inputs],
            (Layout::Pointwise, &[inputs, outputs]) => vec![outputs, inputs, 1, 1],
            _ => self.shape.clone(),
        }
    }

    /// Where a number lies here that is the `at`-th in torch.
    fn place(&self, at: usize) -> usize {
        let ordered = |feature: usize| self.order.as_ref().map_or(feature, |order| order[feature]);
        match (self.layout, &self.shape[..]) {
            (Layout::Kernel, &[height, width, inputs, outputs]) => {
                let (x, rest) = (at % width, at / width);
                let (y, rest) = (rest % height, rest / height);
                let (input, output) = (rest % inputs, rest / inputs);
                ((y * width + x) * inputs + input) * outputs + output
            }
            (Layout::Matrix | Layout::Pointwise, &[inputs, outputs]) => ordered(at % inputs) * outputs + at / inputs,
            _ => ordered(at),
        }
    }

    /// Our numbers as torch has them; of pairs that are written, which are whole tensors on both sides.
    pub(super) fn to_theirs(&self, ours: &[f32]) -> Vec<f32> {
        debug_assert!(self.zeros == 0 && self.third.is_none(), "a part of a tensor is only read");
        (0..ours.len()).map(|at| ours[self.place(at)]).collect()
    }

    /// Torch's numbers as we have them.
    pub(super) fn to_ours(&self, theirs: &[f32]) -> Vec<f32> {
        let before = self.zeros * self.shape.iter().skip(1).product::<usize>();
        let mut ours = vec![0.0; before + theirs.len()];
        for (at, value) in theirs.iter().enumerate() {
            ours[before + self.place(at)] = *value;
        }
        ours
    }
}

/// The order of the features of a map that was flattened.
pub(super) fn flattened([height, width, channels]: [usize; 3]) -> Order {
    if height * width == 1 || channels == 1 {
        return None;
    }
    let pixels = 0..height * width;
    Some((0..channels).flat_map(|channel| pixels.clone().map(move |pixel| pixel * channels + channel)).collect())
}

/// The order of vectors one behind the other, each with its length.
pub(super) fn joined(parts: &[(usize, Order)]) -> Order {
    if parts.iter().all(|(_, order)| order.is_none()) {
        return None;
    }
    let (mut all, mut begin) = (Vec::new(), 0);
    for (length, order) in parts {
        let place = |at| begin + order.as_ref().map_or(at, |order| order[at]);
        all.extend((0..*length).map(place));
        begin += length;
    }
    Some(all.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(layout: Layout, shape: &[usize], order: Order) -> Pair {
        Pair { layout, order, ..Pair::own("x", shape) }
    }

    fn count(numbers: usize) -> Vec<f32> {
        (0..numbers).map(|at| at as f32).collect()
    }

    #[test]
    fn kernels_and_matrices_are_turned_around() {
        // Two rows of three pixels, two inputs, five outputs.
        let kernel = pair(Layout::Kernel, &[2, 3, 2, 5], None);
        assert_eq!(kernel.their_shape(), [5, 2, 2, 3]);
        let theirs = kernel.to_theirs(&count(60));
        // Output 4, input 1, row 1, column 2.
        assert_eq!(theirs[((4 * 2 + 1) * 2 + 1) * 3 + 2], (((3 + 2) * 2 + 1) * 5 + 4) as f32);
        assert_eq!(kernel.to_ours(&theirs), count(60));
        let matrix = pair(Layout::Matrix, &[2, 3], None);
        assert_eq!(
            (matrix.their_shape(), matrix.to_theirs(&count(6))),
            (vec![3, 2], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0])
        );
        assert_eq!(pair(Layout::Pointwise, &[2, 3], None).their_shape(), [3, 2, 1, 1]);
    }

    #[test]
    fn rows_that_torch_does_not_have_are_zeros() {
        let tokens = Pair { zeros: 1, ..pair(Layout::Tokens, &[3, 2], None) };
        assert_eq!((tokens.their_shape(), tokens.takes(&[1, 2, 2])), (vec![2, 2], true));
        assert_eq!(tokens.to_ours(&[1.0, 2.0, 3.0, 4.0]), [0.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn a_flattened_map_has_its_channels_outermost_in_torch() {
        // One row of two pixels with three channels: ours is 0a 0b 0c 1a 1b 1c, torch's 0a 1a 0b 1b 0c 1c.
        let order = flattened([1, 2, 3]);
        assert_eq!(order.as_deref(), Some(&[0, 3, 1, 4, 2, 5][..]));
        let (matrix, vector) = (pair(Layout::Matrix, &[6, 2], order.clone()), pair(Layout::Same, &[6], order.clone()));
        assert_eq!(vector.to_theirs(&count(6)), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(matrix.to_theirs(&count(12))[..6], [0.0, 6.0, 2.0, 8.0, 4.0, 10.0]);
        for (pair, size) in [(&matrix, 12), (&vector, 6)] {
            assert_eq!(pair.to_ours(&pair.to_theirs(&count(size))), count(size));
        }
        assert_eq!(joined(&[(2, None), (6, order)]).as_deref(), Some(&[0, 1, 2, 5, 3, 6, 4, 7][..]));
        assert_eq!((flattened([1, 1, 9]), flattened([3, 4, 1]), joined(&[(2, None)])), (None, None, None));
    }
}

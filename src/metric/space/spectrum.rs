//! Eigenvalues of a symmetric matrix: Householder's reduction to three diagonals, then implicit QL steps (Golub and Van
//! Loan, Matrix Computations, 8.3). In one fixed order on one thread: the same bytes everywhere.

/// Steps for one eigenvalue; two or three are usual.
const STEPS: usize = 60;

/// The eigenvalues of a symmetric matrix of `size` rows, in no particular order. Only its lower triangle is read.
pub(super) fn eigenvalues(mut matrix: Vec<f64>, size: usize) -> Vec<f64> {
    if size == 0 {
        return Vec::new();
    }
    let (mut diagonal, mut beside) = tridiagonal(&mut matrix, size);
    beside.rotate_left(1);
    for at in 0..size {
        for _ in 0..STEPS {
            let small = |last: &usize| {
                let scale = diagonal[*last].abs() + diagonal[last + 1].abs();
                beside[*last].abs() <= f64::EPSILON * scale
            };
            let end = (at..size - 1).find(small).unwrap_or(size - 1);
            if end == at {
                break;
            }
            ql_step(&mut diagonal, &mut beside, at, end);
        }
    }
    diagonal
}

/// The diagonal, and the one beside it from its second place on.
fn tridiagonal(matrix: &mut [f64], size: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut diagonal, mut beside) = (vec![0.0; size], vec![0.0; size]);
    for row in (1..size).rev() {
        let scale: f64 = matrix[row * size..row * size + row].iter().map(|value| value.abs()).sum();
        if row == 1 || scale == 0.0 {
            beside[row] = matrix[row * size + row - 1];
            continue;
        }
        let (above, rest) = matrix.split_at_mut(row * size);
        let reflector = &mut rest[..row];
        reflector.iter_mut().for_each(|value| *value /= scale);
        let mut half: f64 = reflector.iter().map(|value| value * value).sum();
        let last = reflector[row - 1];
        let length = if last >= 0.0 { -half.sqrt() } else { half.sqrt() };
        beside[row] = scale * length;
        half -= last * length;
        reflector[row - 1] = last - length;
        // p = A u / half, of which only the lower triangle of A is at hand.
        let mut product = vec![0.0; row];
        for one in 0..row {
            let line = &above[one * size..one * size + one + 1];
            let mut sum = line[one] * reflector[one];
            for (other, value) in line[..one].iter().enumerate() {
                sum += value * reflector[other];
                product[other] += value * reflector[one];
            }
            product[one] += sum;
        }
        product.iter_mut().for_each(|value| *value /= half);
        let along: f64 = product.iter().zip(&*reflector).map(|(p, u)| p * u).sum::<f64>() / (2.0 * half);
        product.iter_mut().zip(&*reflector).for_each(|(p, u)| *p -= along * u);
        for one in 0..row {
            let (u, q) = (reflector[one], product[one]);
            let line = &mut above[one * size..one * size + one + 1];
            for (value, (p, r)) in line.iter_mut().zip(product.iter().zip(&*reflector)) {
                *value -= u * p + q * r;
            }
        }
    }
    for (row, value) in diagonal.iter_mut().enumerate() {
        *value = matrix[row * size + row];
    }
    (diagonal, beside)
}

/// One implicit QL step on the block from `start` to `end`.
fn ql_step(diagonal: &mut [f64], beside: &mut [f64], start: usize, end: usize) {
    let shift = (diagonal[start + 1] - diagonal[start]) / (2.0 * beside[start]);
    let root = shift.hypot(1.0);
    let mut gap = diagonal[end] - diagonal[start] + beside[start] / (shift + root.copysign(shift));
    let (mut sine, mut cosine, mut carried) = (1.0, 1.0, 0.0);
    for at in (start..end).rev() {
        let (one, other) = (sine * beside[at], cosine * beside[at]);
        let length: f64 = gap.hypot(one);
        beside[at + 1] = length;
        if length == 0.0 {
            // The block has come apart.
            diagonal[at + 1] -= carried;
            beside[end] = 0.0;
            return;
        }
        (sine, cosine) = (one / length, gap / length);
        let lower = diagonal[at + 1] - carried;
        let turned = (diagonal[at] - lower) * sine + 2.0 * cosine * other;
        carried = sine * turned;
        diagonal[at + 1] = lower + carried;
        gap = cosine * turned - other;
    }
    diagonal[start] -= carried;
    beside[start] = gap;
    beside[end] = 0.0;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(matrix: &[f64], size: usize) -> Vec<f64> {
        let mut found = eigenvalues(matrix.to_vec(), size);
        found.sort_unstable_by(f64::total_cmp);
        found
    }

    #[test]
    fn eigenvalues_are_as_known() {
        assert_eq!(sorted(&[], 0), [0.0; 0]);
        assert_eq!(sorted(&[4.0], 1), [4.0]);
        assert_eq!(sorted(&[0.0; 9], 3), [0.0; 3]);
        let close = |found: Vec<f64>, expected: &[f64]| {
            assert!(found.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-12), "{found:?}");
        };
        close(sorted(&[2.0, 1.0, 1.0, 2.0], 2), &[1.0, 3.0]);
        close(sorted(&[3.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 2.0], 3), &[1.0, 2.0, 3.0]);
        // All ones: the size once, else 0.
        close(sorted(&[1.0; 25], 5), &[0.0, 0.0, 0.0, 0.0, 5.0]);
        // Second differences: 2 - 2 cos(k pi / (n + 1)).
        let second = |at: usize| match (at / 12).abs_diff(at % 12) {
            0 => 2.0,
            1 => -1.0,
            _ => 0.0,
        };
        let matrix: Vec<f64> = (0..144).map(second).collect();
        let expected: Vec<f64> =
            (1..13).map(|k| 2.0 - 2.0 * (f64::from(k) * std::f64::consts::PI / 13.0).cos()).collect();
        close(sorted(&matrix, 12), &expected);
    }
}

//! Eigenvectors of small symmetric matrices, the same bits on every machine.

/// Sweeps at most; a dozen are enough for every matrix that is met.
const SWEEPS: usize = 30;

/// Unit eigenvectors (as rows) and eigenvalues of a symmetric matrix, largest first, by cyclic Jacobi rotations (Golub and
/// Van Loan, 8.5). The sign of an eigenvector is any, see [`fix_sign`].
#[must_use]
pub fn of_symmetric(mut matrix: Vec<Vec<f64>>) -> (Vec<Vec<f64>>, Vec<f64>) {
    let size = matrix.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..size).map(|row| (0..size).map(|column| f64::from(u8::from(row == column))).collect()).collect();
    for _ in 0..SWEEPS {
        let mut turned = false;
        for p in 0..size {
            for q in p + 1..size {
                turned |= rotate(&mut matrix, &mut vectors, p, q);
            }
        }
        if !turned {
            break;
        }
    }
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|&one, &other| matrix[other][other].total_cmp(&matrix[one][one]));
    (order.iter().map(|&at| vectors[at].clone()).collect(), order.iter().map(|&at| matrix[at][at]).collect())
}

/// Makes entry `p, q` zero; whether it was another number.
fn rotate(matrix: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) -> bool {
    if matrix[p][q].abs() <= f64::MIN_POSITIVE {
        return false;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * matrix[p][q]);
    let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cosine = tangent.hypot(1.0).recip();
    let sine = tangent * cosine;
    for row in matrix.iter_mut() {
        (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
    }
    for rows in [matrix, vectors] {
        for at in 0..rows[p].len() {
            let (one, other) = (rows[p][at], rows[q][at]);
            (rows[p][at], rows[q][at]) = (cosine * one - sine * other, sine * one + cosine * other);
        }
    }
    true
}

/// Turns a vector so that its largest entry by magnitude, of equal ones the first, is positive.
pub fn fix_sign(vector: &mut [f64]) {
    let largest =
        vector.iter().fold(0.0_f64, |largest, value| if value.abs() > largest.abs() { *value } else { largest });
    if largest < 0.0 {
        vector.iter_mut().for_each(|value| *value = -*value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_satisfy_their_equation_and_are_orthonormal() {
        let size = 24;
        let entry = |row: usize, column: usize| ((row * column + row + column) % 17) as f64 / 17.0;
        let matrix: Vec<Vec<f64>> = (0..size).map(|row| (0..size).map(|column| entry(row, column)).collect()).collect();
        let (vectors, values) = of_symmetric(matrix.clone());
        let dot = |one: &[f64], other: &[f64]| one.iter().zip(other).map(|(one, other)| one * other).sum::<f64>();
        assert!(values.windows(2).all(|two| two[0] >= two[1]));
        for (at, (vector, value)) in vectors.iter().zip(&values).enumerate() {
            for (row, entry) in matrix.iter().zip(vector) {
                assert!((dot(row, vector) - value * entry).abs() < 1e-12);
            }
            for (other_at, other) in vectors.iter().enumerate() {
                assert!((dot(vector, other) - f64::from(u8::from(at == other_at))).abs() < 1e-12);
            }
        }
        assert_eq!(of_symmetric(Vec::new()), (Vec::new(), Vec::new()));
        let (vectors, values) = of_symmetric(vec![vec![0.0; 3]; 3]);
        assert_eq!((vectors.len(), values), (3, vec![0.0; 3]));
    }

    #[test]
    fn the_largest_entry_of_a_vector_decides_its_sign() {
        let mut vector = [1.0, -3.0, 2.0];
        fix_sign(&mut vector);
        assert_eq!(vector, [-1.0, 3.0, -2.0]);
        fix_sign(&mut vector);
        assert_eq!(vector, [-1.0, 3.0, -2.0]);
    }
}

//! Which instruction sets give the same bytes: AVX2 those of AVX-512, portable code others, for it has no fused multiply-add.
//! A backend's name in a key rests on this.
use crate::reference::Rng;
use crate::*;

/// FNV-1a over the bits of numbers.
fn add(digest: &mut u64, values: &[f32]) {
    for value in values {
        *digest = (*digest ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01b3);
    }
}

/// Of what every kernel gives for the same random numbers.
fn digest() -> u64 {
    let (mut rng, mut sum) = (Rng::new(99), 0xcbf2_9ce4_8422_2325);
    let input = |side| [3, side, side + 1, 18];
    let wide = |[n, h, w, _]: [usize; 4]| [n, h, w, 33];
    let shapes = [
        ConvShape::valid(input(9), [3, 3], 40),
        ConvShape::same(wide(input(12)), [3, 3], 18, [1, 1]),
        ConvShape::valid(input(4), [3, 3], 20),
        ConvShape::same([2, 13, 15, 3], [7, 7], 20, [2, 2]),
        ConvShape::valid(input(5), [1, 1], 70),
        ConvShape::same(wide(input(7)), [3, 3], 24, [2, 2]),
    ];
    for shape in shapes {
        let (x, w, b) = (rng.normal(shape.x_len()), rng.normal(shape.w_len()), rng.normal(shape.c_out));
        let (mut y, dy) = (vec![0.0; shape.y_len()], rng.normal(shape.y_len()));
        let stats = conv2d_forward_stats(&shape, &x, &w, &b, true, &mut y);
        let (mut dx, mut dw, mut db) = (x.clone(), w.clone(), b.clone());
        let grads = ConvGrads { dx: Some(&mut dx), dw: &mut dw, db: &mut db };
        conv2d_backward(&shape, &x, &w, Some(&y), &dy, grads);
        let mut finished = y.clone();
        ConvWeights::new(&shape, &w, &b).forward_after(shape.n, &x, After::Gelu, Some(&dy), &mut finished);
        let (mut z, c) = (y.clone(), shape.c_out);
        batch_norm_forward(&y, &stats, &rng.normal(c), &b, 1e-3, &mut z);
        let (mut dz, mut dgamma, mut dbeta) = (y.clone(), b.clone(), b.clone());
        let into = BatchNormGrads { dx: &mut dz, dgamma: &mut dgamma, dbeta: &mut dbeta };
        batch_norm_backward(&y, &stats, &b, 1e-3, &dy, into);
        let parts = [&y, &stats.mean, &stats.var, &dx, &dw, &db, &finished, &z, &dz, &dgamma, &dbeta];
        parts.into_iter().for_each(|part| add(&mut sum, part));
    }
    for (k, stride) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
        let shape = ConvShape::same([3, 9, 10, 37], [k, k], 37, [stride; 2]);
        let (x, w, b) = (rng.normal(shape.x_len()), rng.normal(k * k * 37), rng.normal(37));
        let (mut y, mut dx, mut dw, mut db) = (vec![0.0; shape.y_len()], x.clone(), w.clone(), b.clone());
        depthwise_forward(&shape, &x, &w, &b, After::Silu, &mut y);
        let grad = OutputGrad { dy: &y, relu: false, norm: None, pool: None };
        let into = ConvGrads { dx: Some(&mut dx), dw: &mut dw, db: &mut db };
        depthwise_backward(&shape, &x, &w, None, &grad, into);
        [&y, &dx, &dw, &db].into_iter().for_each(|part| add(&mut sum, part));
    }
    let matrix = Matrix::new(&rng.normal(50 * 90), &rng.normal(90), Numerics::Fast);
    let mut rows = vec![0.0; 40 * 90];
    matrix.forward(40, &rng.normal(40 * 50), After::Nothing, None, &mut rows);
    let mut attended = vec![0.0; 40 * 30];
    attention(&AttentionShape { n: 2, tokens: 20, heads: 3, size: 10 }, &rows, &mut attended);
    let mut normal = rows.clone();
    layer_norm(&rows, &rng.normal(90), &rng.normal(90), 1e-3, &mut normal);
    let mut means = vec![0.0; 90];
    global_mean_forward(1, 90, &rows, &mut means);
    [&rows, &attended, &normal, &means].into_iter().for_each(|part| add(&mut sum, part));
    sum
}

#[test]
fn prints_its_bytes() {
    println!("digest {} {:x}", instruction_set(), digest());
}

/// In a process of its own, for the choice is made once.
fn digest_of(set: &str) -> Option<String> {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "instruction_set_tests::prints_its_bytes", "--nocapture"]);
    let output = child.env("SIMPIPE_SIMD", set).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("digest "), "{set}: {text}");
    // A processor without the set has told of another.
    let rest = text.split_once("digest ")?.1;
    let (found, digest) = rest.split_whitespace().next().zip(rest.split_whitespace().nth(1))?;
    (found == set).then(|| digest.to_owned())
}

#[test]
fn vectors_of_eight_and_of_sixteen_give_the_same_bytes_and_portable_code_others() {
    let [wide, middle, portable] = ["avx512", "avx2", "portable"].map(digest_of);
    assert!(portable.is_some());
    if let (Some(wide), Some(middle)) = (&wide, &middle) {
        assert_eq!(wide, middle);
    }
    if middle.is_some() {
        assert_ne!(middle, portable);
    }
}

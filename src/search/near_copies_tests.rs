use super::*;

/// Numbers that look random (splitmix64), from 0 to 255.
fn noise(at: u64) -> u8 {
    let mut state = at.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    u8::try_from((state ^ (state >> 31)) % 256).unwrap()
}

fn shape(height: u32, width: u32, channels: u32) -> ImageShape {
    ImageShape { height, width, channels }
}

fn image(number: u64, shape: ImageShape) -> Vec<u8> {
    (0..shape.bytes() as u64).map(|at| noise(number * 1_000_003 + at)).collect()
}

fn correlation(one: (ImageShape, &[u8]), other: (ImageShape, &[u8])) -> f64 {
    product(&thumbnail(one.0, one.1), &thumbnail(other.0, other.1))
}

#[test]
fn a_thumbnail_is_the_mean_of_what_each_cell_covers() {
    // Cells of 1.5 pixels along a row of 24: the first covers pixel 0 whole and half of pixel 1.
    let cells = covered(24);
    assert_eq!(cells[0], [(0, 1.0 / 1.5), (1, 0.5 / 1.5)]);
    assert_eq!(cells[1], [(1, 0.5 / 1.5), (2, 1.0 / 1.5)]);
    // Half a pixel a cell where the image is smaller.
    assert_eq!((&cells[15], &covered(8)[3]), (&vec![(22, 0.5 / 1.5), (23, 1.0 / 1.5)], &vec![(1, 1.0)]));
    assert!([1, 7, 16, 33, 1000].iter().all(|side| {
        covered(*side).iter().all(|cell| (cell.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-12)
    }));
    // Left half black, right half white: 384 numbers of -127.5 and as many of 127.5, of length 127.5 sqrt(768).
    let shape = shape(2, 4, 1);
    let halves = thumbnail(shape, &[0, 0, 255, 255, 0, 0, 255, 255]);
    let expected = 1.0 / 768_f32.sqrt();
    assert!(halves.iter().enumerate().all(|(at, value)| {
        let expected = if at / 3 % 16 < 8 { -expected } else { expected };
        (value - expected).abs() < 1e-6
    }));
}

#[test]
fn what_shows_the_same_correlates_and_what_does_not_does_not() {
    let colour = shape(32, 32, 3);
    let one = image(1, colour);
    let brighter: Vec<u8> = one.iter().map(|value| value / 2 + 100).collect();
    let doubled: Vec<u8> = (0..64 * 64 * 3).map(|at| one[(at / 192 / 2 * 32 + at / 3 % 64 / 2) * 3 + at % 3]).collect();
    assert!(correlation((colour, &one), (colour, &one)) > 1.0 - 1e-6);
    assert!(correlation((colour, &one), (colour, &brighter)) > 0.999, "brightness and contrast do not matter");
    assert!(correlation((colour, &one), (shape(64, 64, 3), &doubled)) > 1.0 - 1e-6, "nor does size");
    let negative: Vec<u8> = one.iter().map(|value| 255 - value).collect();
    assert!(correlation((colour, &one), (colour, &negative)) < -0.999);
    assert!(correlation((colour, &one), (colour, &image(2, colour))).abs() < 0.2);
    // Nothing to see: no number that is none, and like nothing.
    assert_eq!(correlation((colour, &[7; 3072]), (colour, &[7; 3072])), 0.0);
    assert_eq!(thumbnail(shape(0, 0, 3), &[]), vec![0.0; THUMBNAIL]);
}

fn thumbnails(numbers: impl Iterator<Item = u64>) -> Vec<f32> {
    numbers.flat_map(|number| thumbnail(shape(16, 16, 3), &image(number, shape(16, 16, 3)))).collect()
}

#[test]
fn pairs_are_those_of_the_definition_whatever_the_blocks() {
    // References 0..700 are images 100..800, of which the queries 150, 151 and 799 are some; two more are alone.
    let references = thumbnails(100..800);
    let queries = thumbnails([150, 5, 799, 151, 6].into_iter());
    let search = |blocks: usize, itself: fn(usize, u32) -> bool| {
        let mut search = CopySearch::new(&queries, 0.9, 3, &|| false);
        for (at, block) in references.chunks(blocks * THUMBNAIL).enumerate() {
            let positions: Vec<u32> = (0..block.len() / THUMBNAIL).map(|row| (at * blocks + row) as u32).collect();
            search.look(block, &positions, itself).unwrap();
        }
        search.finish()
    };
    let found = search(700, |_, _| false);
    let rows: Vec<Vec<u32>> =
        found.iter().map(|copies| copies.nearest.iter().map(|copy| copy.reference).collect()).collect();
    assert_eq!(rows, [vec![50], vec![], vec![699], vec![51], vec![]]);
    assert!((found[0].nearest[0].correlation - 1.0).abs() < 1e-6);
    assert_eq!(search(13, |_, _| false), found);
    assert_eq!(search(513, |_, _| false), found);
    let others = search(700, |query, reference| query == 0 && reference == 50);
    assert_eq!((others[0].count, others[2].count), (0, 1), "a query is no copy of itself");
}

#[test]
fn only_the_nearest_are_kept_and_all_are_counted() {
    let twins: Vec<f32> = thumbnails(std::iter::repeat_n(9, 300));
    let queries = thumbnails(std::iter::once(9));
    let mut search = CopySearch::new(&queries, 0.95, 4, &|| false);
    search.look(&twins, &(0..300).collect::<Vec<u32>>(), |_, _| false).unwrap();
    let found = search.finish();
    let rows: Vec<u32> = found[0].nearest.iter().map(|copy| copy.reference).collect();
    assert_eq!((found[0].count, rows), (300, vec![0, 1, 2, 3]));
    let mut search = CopySearch::new(&queries, 0.95, 4, &|| true);
    assert_eq!(search.look(&twins, &[0; 300], |_, _| false), Err(SearchError::Stopped));
}

/// 10,000 queries in 50,000 references: `cargo test --release --lib near_copies -- --ignored --nocapture`.
#[test]
#[ignore = "half a minute; says how long it takes"]
#[expect(clippy::print_stderr, reason = "the time is what it is run for")]
fn ten_thousand_in_fifty_thousand() {
    let random = |count: u64, first: u64| -> Vec<f32> {
        (0..count * THUMBNAIL as u64).map(|at| (f32::from(noise(first + at)) - 127.5) / 2040.0).collect()
    };
    let (queries, references) = (random(10_000, 0), random(50_000, 1 << 40));
    let begin = std::time::Instant::now();
    let mut search = CopySearch::new(&queries, 0.95, 10, &|| false);
    search.look(&references, &(0..50_000).collect::<Vec<u32>>(), |_, _| false).unwrap();
    let found: usize = search.finish().iter().map(|copies| copies.count).sum();
    eprintln!("{found} pairs in {:.1} s", begin.elapsed().as_secs_f64());
    assert!(begin.elapsed().as_secs() < 30 || cfg!(debug_assertions));
}

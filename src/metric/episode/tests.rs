//! Episodes: what is drawn, and how it is labelled.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use simpipe_base::seed::Seed;

fn episodes(ways: usize, shots: usize, queries: usize) -> Episodes {
    Episodes { ways, shots, queries, count: 50, seed: Seed::of_stage(1, "few-shot", None) }
}

fn labels() -> Vec<i32> {
    (0..120).map(|row| row % 8).collect()
}

#[test]
fn episodes_hold_what_was_asked_and_no_row_twice() {
    let labels = labels();
    let drawn = episodes(5, 2, 3).draw(&labels, None).unwrap();
    assert_eq!(drawn.len(), 50);
    for episode in &drawn {
        assert_eq!((episode.ways.len(), episode.support.len(), episode.queries.len()), (5, 10, 15));
        assert_eq!(episode.ways.iter().collect::<BTreeSet<_>>().len(), 5);
        let rows: BTreeSet<usize> =
            episode.support.iter().map(|shown| shown.0).chain(episode.queries.iter().map(|query| query.1)).collect();
        assert_eq!(rows.len(), 25);
        assert!(episode.support.iter().all(|shown| labels[shown.0] == episode.ways[shown.1]));
        assert!(episode.queries.iter().all(|query| labels[query.1] == episode.ways[query.0]));
    }
    assert_ne!(drawn[0], drawn[1]);
    // An episode does not depend on how many there are.
    let fewer = Episodes { count: 3, ..episodes(5, 2, 3) }.draw(&labels, None).unwrap();
    assert_eq!(fewer, drawn[..3]);
}

#[test]
fn no_group_is_shown_and_asked() {
    let labels = labels();
    let groups: Vec<u64> = (0..120).map(|row| row / 24).collect();
    let drawn = episodes(4, 2, 5).draw(&labels, Some(&groups)).unwrap();
    for episode in drawn {
        for (row, way) in &episode.support {
            let asked = episode.queries.iter().filter(|query| query.0 == *way);
            assert!(asked.map(|query| groups[query.1]).all(|group| group != groups[*row]));
        }
    }
    // Five groups of three rows a class: with two shown, nine rows are left.
    assert!(episodes(4, 2, 9).draw(&labels, Some(&groups)).is_ok());
    assert!(episodes(4, 2, 10).draw(&labels, Some(&groups)).is_err());
    assert!(episodes(4, 6, 1).draw(&labels, Some(&groups)).is_err());
}

#[test]
fn episodes_can_stay_within_a_family_of_classes() {
    let labels = labels();
    // Classes 0 to 4 are of one family, 5 to 7 of another.
    let family = |label: i32| Some(if label < 5 { "greek" } else { "latin" });
    let of = |ways: usize| episodes(ways, 2, 3).drawer(&labels, None).unwrap().within(family);
    let drawer = of(3).unwrap();
    assert_eq!((drawer.families(), drawer.classes()), (2, 8));
    let mut greek = 0;
    for number in 0..200 {
        let families: BTreeSet<_> = drawer.episode(number).ways.into_iter().map(family).collect();
        assert_eq!(families.len(), 1, "episode {number}");
        greek += u32::from(families.contains(&Some("greek")));
    }
    assert!((70..130).contains(&greek), "{greek} of 200");
    // Four ways leave one family; six none.
    assert_eq!((of(4).unwrap().families(), of(4).unwrap().classes()), (1, 5));
    let refused = of(6).unwrap_err().to_string();
    assert!(refused.starts_with("ways must be at most 5, the classes of the largest group"), "{refused}");
    let nobody = episodes(1, 1, 1).drawer(&labels, None).unwrap().within(|_| None);
    assert!(nobody.unwrap_err().to_string().starts_with("ways must be at most 0"));
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let refused = episodes(9, 1, 1).draw(&labels(), None).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "ways must be at most 8, the classes that have 1 examples to show and 1 others to ask"
    );
    assert!(episodes(2, 14, 2).draw(&labels(), None).is_err());
    assert!(episodes(2, 14, 1).draw(&labels(), None).is_ok());
    for (ways, shots, queries) in [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1, usize::MAX, 1), (1, 1, usize::MAX)] {
        assert!(episodes(ways, shots, queries).draw(&labels(), None).is_err());
    }
    assert!(episodes(1, 1, 1).draw(&[], None).is_err());
    assert!(episodes(1, 1, 1).draw(&labels(), Some(&[1])).is_err());
}

#[test]
fn classes_that_lie_apart_are_told_and_noise_is_chance() {
    let labels = labels();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut values = |apart: f32| -> Vec<f32> {
        labels
            .iter()
            .flat_map(|label| [apart * *label as f32 + rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0)])
            .collect()
    };
    let (clear, noise) = (values(5.0), values(0.0));
    let of = |name: &str, values: &[f32], count: usize, threads: usize| {
        let space = Space::new(values, 2, &labels).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let episodes = Episodes { count, ..episodes(5, 3, 6) };
        pool.install(|| accuracies(parse(name).unwrap().as_ref(), &space, None, &episodes).unwrap())
    };
    for name in ["nearest-prototype", "nearest-neighbour"] {
        assert_eq!(of(name, &clear, 20, 1), [1.0; 20], "{name}");
        let chance = of(name, &noise, 400, 1);
        let mean = chance.iter().sum::<f64>() / 400.0;
        assert!((mean - 0.2).abs() < 0.05, "{name} {mean}");
        assert_eq!(chance, of(name, &noise, 400, 3), "{name}");
    }
    assert_eq!(parse("protonet").unwrap_err().help, "did you mean `nearest-prototype`?");
}

#[test]
fn the_two_agree_with_one_shot_and_differ_with_more() {
    // Class 0 at -3, 5 (mean 1), class 1 at 2, 2.4 (mean 2.2): the query at 1.4 is nearer to the mean of 0 and a row of 1.
    let space_values = [-3.0, 5.0, 2.0, 2.4, 1.4];
    let space = Space::new(&space_values, 1, &[0, 0, 1, 1, 0]).unwrap();
    let episode =
        |support: &[(usize, usize)]| Episode { ways: vec![0, 1], support: support.to_vec(), queries: vec![(0, 4)] };
    let two = episode(&[(0, 0), (1, 0), (2, 1), (3, 1)]);
    assert_eq!(NearestPrototype.of_episode(&space, &two), Some(1.0));
    assert_eq!(NearestNeighbour.of_episode(&space, &two), Some(0.0));
    let one = episode(&[(1, 0), (2, 1)]);
    assert_eq!(NearestPrototype.label(&space, &one), NearestNeighbour.label(&space, &one));
    // As near to both: the class drawn first.
    let equal = episode(&[(2, 0), (2, 1)]);
    assert_eq!((NearestPrototype.label(&space, &equal), NearestNeighbour.label(&space, &equal)), (vec![0], vec![0]));
}

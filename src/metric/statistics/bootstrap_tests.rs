use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

fn bootstrap(draws: usize) -> Bootstrap {
    Bootstrap { draws, ..Bootstrap::new(Seed::of_stage(3, "evaluate", None)) }
}

fn queries(count: usize, classes: i32, seed: u64) -> (Vec<i32>, Vec<Option<f64>>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| (rng.random_range(0..classes), Some(f64::from(rng.random_bool(0.7))))).unzip()
}

fn micro(values: &[Option<f64>]) -> Column<'_> {
    Column { values, average: Average::Micro }
}

#[test]
fn the_interval_of_independent_queries_is_that_of_the_normal_approximation() {
    // Every query its own class: the two levels are one, the standard error of the mean is known.
    let (_, values) = queries(4_000, 1, 1);
    let labels: Vec<i32> = (0..4_000).collect();
    let found = bootstrap(2_000).means(&labels, &[micro(&values)]).unwrap()[0].unwrap();
    let half = 1.96 * (found.value * (1.0 - found.value) / 4_000.0).sqrt();
    assert!((found.low - (found.value - half)).abs() < 0.1 * half, "{found:?} {half}");
    assert!((found.high - (found.value + half)).abs() < 0.1 * half, "{found:?} {half}");
}

#[test]
fn classes_that_differ_widen_the_interval() {
    let labels: Vec<i32> = (0..2_000).map(|query| query % 10).collect();
    let values: Vec<Option<f64>> = labels.iter().map(|label| Some(f64::from(*label < 5))).collect();
    let by_class = bootstrap(1_000).means(&labels, &[micro(&values)]).unwrap()[0].unwrap();
    let alone: Vec<i32> = (0..2_000).collect();
    let by_query = bootstrap(1_000).means(&alone, &[micro(&values)]).unwrap()[0].unwrap();
    assert!(by_class.high - by_class.low > 5.0 * (by_query.high - by_query.low), "{by_class:?} {by_query:?}");
}

#[test]
fn the_bytes_do_not_depend_on_threads() {
    let (labels, values) = queries(500, 12, 2);
    let columns = [micro(&values), Column { values: &values, average: Average::Macro }];
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| bootstrap(300).means(&labels, &columns).unwrap())
    };
    assert_eq!(with(1), with(3));
    // Another seed gives other bytes, a column alone the same as beside others.
    let other = Bootstrap { seed: Seed::of_stage(4, "evaluate", None), ..bootstrap(300) };
    assert_ne!(other.means(&labels, &columns).unwrap(), with(1));
    assert_eq!(bootstrap(300).means(&labels, &columns[1..]).unwrap()[0], with(1)[1]);
}

#[test]
fn columns_of_other_queries_and_averages_stand_side_by_side() {
    let labels = [0, 0, 0, 1, 2];
    let values = [Some(1.0), Some(0.0), None, None, Some(1.0)];
    let whole = [Some(0.5); 5];
    let none = [None; 5];
    let columns = [micro(&values), Column { values: &values, average: Average::Macro }, micro(&whole), micro(&none)];
    let found = bootstrap(400).means(&labels, &columns).unwrap();
    let (micro, of_classes) = (found[0].unwrap(), found[1].unwrap());
    assert_eq!((micro.value, of_classes.value), (2.0 / 3.0, 0.75));
    assert!(micro.low >= 0.0 && micro.high <= 1.0 && of_classes.low >= 0.0 && of_classes.high <= 1.0);
    assert_eq!(found[2], Some(Interval { value: 0.5, low: 0.5, high: 0.5 }));
    assert_eq!(found[3], None);
}

#[test]
fn a_figure_of_queries_has_the_interval_of_its_mean() {
    let (labels, values) = queries(300, 7, 5);
    let mean = |queries: &[u32]| {
        let sum: f64 = queries.iter().filter_map(|query| values[*query as usize]).sum();
        Some(sum / real(queries.len()))
    };
    let figure = bootstrap(200).figure(&labels, mean).unwrap().unwrap();
    let column = bootstrap(200).means(&labels, &[micro(&values)]).unwrap()[0].unwrap();
    for (one, other) in [(figure.value, column.value), (figure.low, column.low), (figure.high, column.high)] {
        assert!((one - other).abs() < 1e-12, "{figure:?} {column:?}");
    }
    assert_eq!(bootstrap(9).figure(&labels, |_| None).unwrap(), None);
    assert_eq!(bootstrap(9).figure(&labels, |_| Some(f64::NAN)).unwrap(), None);
}

#[test]
fn several_figures_share_their_draws_and_classes_may_be_kept() {
    let (labels, values) = queries(300, 7, 5);
    let mean = |queries: &[u32]| {
        let sum: f64 = queries.iter().filter_map(|query| values[*query as usize]).sum();
        Some(sum / real(queries.len()))
    };
    let both = |queries: &[u32]| vec![mean(queries), None, mean(queries).map(|mean| 2.0 * mean)];
    let of = |resampling| bootstrap(200).figures_unless(NEVER, resampling, &labels, 3, both).unwrap();
    let found = of(Resampling::ClassesThenQueries);
    assert_eq!(found[0], bootstrap(200).figure(&labels, mean).unwrap());
    assert_eq!((found[1], found[2].unwrap().low), (None, 2.0 * found[0].unwrap().low));
    // Queries of 7 classes that don't differ: keeping the classes leaves the interval nearly as it is.
    let within = of(Resampling::WithinClasses)[0].unwrap();
    assert!(within.low < within.value && within.value < within.high && within != found[0].unwrap(), "{within:?}");
    let counts = |queries: &[u32]| {
        let first = queries.iter().filter(|query| labels[**query as usize] == labels[0]).count();
        vec![Some(real(first))]
    };
    let kept = bootstrap(50).figures_unless(NEVER, Resampling::WithinClasses, &labels, 1, counts).unwrap()[0].unwrap();
    assert_eq!((kept.low, kept.high), (kept.value, kept.value));
}

#[test]
fn who_wants_to_stop_gets_no_figure() {
    let (labels, values) = queries(30, 3, 5);
    let stopped = bootstrap(10).means_unless(&|| true, &labels, &[micro(&values)]);
    assert_eq!(stopped.unwrap_err(), MetricError::Stopped);
    let resampling = Resampling::ClassesThenQueries;
    let stopped = bootstrap(10).figures_unless(&|| true, resampling, &labels, 1, |_| vec![Some(1.0)]);
    assert_eq!(stopped.unwrap_err(), MetricError::Stopped);
}

#[test]
fn what_is_wrong_is_refused() {
    let values = [Some(1.0), Some(f64::NAN)];
    let refused = bootstrap(10).means(&[0, 0], &[micro(&values)]).unwrap_err();
    assert_eq!(refused, MetricError::NotFinite { what: "value", row: 1 });
    let refused = bootstrap(10).means(&[0], &[micro(&values)]).unwrap_err();
    assert_eq!(refused.to_string(), "2 values do not fit 1 labels");
    assert!(bootstrap(0).means(&[], &[]).is_err());
    assert!(Bootstrap { level: 1.0, ..bootstrap(10) }.means(&[], &[]).is_err());
    assert_eq!(bootstrap(10).means(&[], &[micro(&[])]).unwrap(), [None]);
}

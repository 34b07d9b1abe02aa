//! Miners against pytorch-metric-learning, and what holds of every one.

use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Map, Value as Json, json};

use super::*;
use crate::golden::{self, Case, Golden};
use simpipe_base::param;

/// What the miners of pytorch-metric-learning are called here.
const NAMES: &[(&str, &str)] = &[
    ("MultiSimilarityMiner", "multi-similarity"),
    ("TripletMarginMiner", "triplet-margin"),
    ("BatchHardMiner", "batch-hard"),
    ("BatchEasyHardMiner", "batch-easy-hard"),
    ("PairMarginMiner", "pair-margin"),
    ("AngularMiner", "angular"),
    ("HDCMiner", "hdc"),
];

fn miner_of(case: &Case) -> MinerSpec {
    let params: &Map<String, Json> = case.params.as_object().unwrap();
    let (_, ours) = NAMES.iter().find(|(theirs, _)| params["miner"] == *theirs).unwrap();
    let params = params.iter().filter(|(name, _)| *name != "miner");
    let params = params.map(|(name, value)| (param::kebab(name), value.clone()));
    param::from_json(&json!({ *ours: Json::Object(params.collect()) })).unwrap()
}

fn mine(miner: &MinerSpec, embeddings: Tensor<2>, labels: &[i32]) -> Mined {
    let mining = Mining::new(miner, Seed::of_stage(1, "train", None), vec![0]);
    mining.mine(&Embedded::new(embeddings, labels, &[]))
}

/// Rows of a list of columns, in order.
fn rows<const N: usize>(columns: &[Vec<u32>]) -> Vec<[u32; N]> {
    let mut rows: Vec<[u32; N]> = (0..columns[0].len()).map(|at| std::array::from_fn(|end| columns[end][at])).collect();
    rows.sort_unstable();
    rows
}

#[test]
fn what_is_mined_is_pytorch_metric_learnings() {
    let golden = Golden::read(golden::file!("pml_miners"));
    for case in &golden.cases {
        let labels: Vec<i32> = serde_json::from_value(case.input["labels"].clone()).unwrap();
        let columns: Vec<Vec<u32>> = serde_json::from_value(case.expected["tuple"].clone()).unwrap();
        let expected = match columns.len() {
            3 => Mined::Triplets(rows(&columns)),
            _ => Mined::Pairs { positive: rows(&columns[..2]), negative: rows(&columns[2..]) },
        };
        let found = mine(&miner_of(case), golden::matrix(&case.input["embeddings"], &Device::flex()), &labels);
        assert_eq!(found, expected, "{} {}", case.params, case.input["kind"]);
    }
    assert_eq!(golden.cases.len(), 18);
}

/// Rows without a pattern.
fn noise(rows: usize, dim: usize) -> Tensor<2> {
    let mut rng = Seed::of_stage(9, "rows", None).rng("rows", &[rows as u64]);
    let values: Vec<f32> = (0..rows * dim).map(|_| (crate::layer::unit(&mut rng) - 0.5) as f32).collect();
    Tensor::from_data(TensorData::new(values, [rows, dim]), &Device::flex())
}

fn every_miner() -> Vec<MinerSpec> {
    MinerSpec::NAMES.iter().map(|name| param::from_json(&json!(name)).unwrap()).collect()
}

/// Pairs of anchors with references of their class, and with others.
fn pairs_of(mined: &Mined) -> (Vec<[u32; 2]>, Vec<[u32; 2]>) {
    match mined {
        Mined::Pairs { positive, negative } => (positive.clone(), negative.clone()),
        Mined::Triplets(list) => {
            (list.iter().map(|[a, p, _]| [*a, *p]).collect(), list.iter().map(|[a, _, n]| [*a, *n]).collect())
        }
    }
}

#[test]
fn every_miner_chooses_pairs_of_their_kind_in_order_and_twice_the_same() {
    let labels: Vec<i32> = (0..24).map(|row| row % 5 * 7).collect();
    for miner in every_miner() {
        let mined = mine(&miner, noise(24, 6), &labels);
        assert!(!mined.is_empty(), "{}", miner.name());
        assert_eq!(mined, mine(&miner, noise(24, 6), &labels), "{}", miner.name());
        let (positive, negative) = pairs_of(&mined);
        for [anchor, other] in positive {
            assert!(anchor != other && labels[anchor as usize] == labels[other as usize], "{}", miner.name());
        }
        assert!(negative.iter().all(|[anchor, other]| labels[*anchor as usize] != labels[*other as usize]));
        match &mined {
            Mined::Pairs { positive, negative } => assert!(positive.is_sorted() && negative.is_sorted()),
            Mined::Triplets(list) => assert!(list.is_sorted()),
        }
        // No triplet without a pair of each kind; and no panic of one class, of one row, or of rows that are no numbers.
        for labels in [vec![1; 24], (0..24).collect()] {
            if let Mined::Triplets(list) = mine(&miner, noise(24, 6), &labels) {
                assert!(list.is_empty(), "{}", miner.name());
            }
        }
        assert!(mine(&miner, noise(1, 6), &[3]).is_empty(), "{}", miner.name());
        mine(&miner, noise(24, 6).mul_scalar(f32::NAN), &labels);
        mine(&miner, noise(24, 6).mul_scalar(0.0), &labels);
    }
}

#[test]
fn only_miners_that_draw_depend_on_the_step() {
    let labels: Vec<i32> = (0..24).map(|row| row % 5).collect();
    for miner in every_miner() {
        let at = |step| {
            let mining = Mining::new(&miner, Seed::of_stage(1, "train", None), vec![step]);
            mining.mine(&Embedded::new(noise(24, 6), &labels, &[]))
        };
        let draws = matches!(miner, MinerSpec::DistanceWeighted(_) | MinerSpec::UniformHistogram(_));
        assert_eq!(at(0) != at(1), draws, "{}", miner.name());
    }
}

#[test]
fn a_batch_of_five_hundred_rows_is_mined_in_bounds() {
    let labels: Vec<i32> = (0..500).map(|row| row % 10).collect();
    for miner in every_miner() {
        let most = match mine(&miner, noise(500, 8), &labels) {
            Mined::Pairs { positive, negative } => positive.len().max(negative.len()),
            Mined::Triplets(list) => list.len(),
        };
        assert!(most > 0 && most <= 1 << 24, "{}: {most}", miner.name());
    }
}

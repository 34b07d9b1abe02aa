//! Miners: the sets of pairs or triplets that they choose.

use std::collections::BTreeSet;

use burn::tensor::Device;
use serde_json::{Map, json};

use super::{given, matrix, read, same_length, seed, tensor};
use crate::loss::Embedded;
use crate::miner::{Mined, MinerSpec, Mining};
use simpipe_base::golden::{Case, CaseError, Comparison, fields, text, value};
use simpipe_base::param;

/// What pytorch-metric-learning calls our miners.
const NAMES: &[(&str, &str)] = &[
    ("AngularMiner", "angular"),
    ("BatchEasyHardMiner", "batch-easy-hard"),
    ("BatchHardMiner", "batch-hard"),
    ("HDCMiner", "hdc"),
    ("MultiSimilarityMiner", "multi-similarity"),
    ("PairMarginMiner", "pair-margin"),
    ("TripletMarginMiner", "triplet-margin"),
];

/// What a miner chooses, as sets: `a, p, n` or `a1, p, a2, n`.
pub(super) fn evaluate(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let miner = miner(case)?;
    let embeddings = matrix(case, "embeddings")?;
    let labels: Vec<i32> = value(&case.input, "labels")?;
    same_length("rows and labels", embeddings.shape[0], labels.len())?;
    let mining = Mining::new(&miner, seed(), vec![0]);
    let found = mining.mine(&Embedded::new(tensor(&embeddings, &Device::flex()), &labels, &[]));
    let columns: Vec<Vec<u32>> = value(&case.expected, "tuple")?;
    match (found, &columns[..]) {
        (Mined::Triplets(found), [a, p, n]) => {
            let expected = a.iter().zip(p).zip(n).map(|((a, p), n)| [*a, *p, *n]);
            to.equal("triplets", &found.into_iter().collect::<BTreeSet<_>>(), &expected.collect());
        }
        (Mined::Pairs { positive, negative }, [a1, p, a2, n]) => {
            let expected = |a: &[u32], b: &[u32]| a.iter().zip(b).map(|(a, b)| [*a, *b]).collect::<BTreeSet<_>>();
            to.equal("positive pairs", &positive.into_iter().collect(), &expected(a1, p));
            to.equal("negative pairs", &negative.into_iter().collect(), &expected(a2, n));
        }
        (_, other) => return Err(CaseError::malformed(format!("a tuple of {}", other.len()))),
    }
    Ok(())
}

fn miner(case: &Case) -> Result<MinerSpec, CaseError> {
    let theirs = text(&case.params, "miner")?;
    let known = NAMES.iter().find(|known| known.0 == theirs);
    let (_, ours) = known.ok_or_else(|| CaseError::unknown(format!("the miner `{theirs}`")))?;
    let mut params = Map::new();
    for (name, value) in fields(&case.params)?.iter().filter(|(_, value)| !value.is_null()) {
        match name.as_str() {
            "miner" | "collect_stats" => {}
            name => drop(params.insert(param::kebab(name), given::value(value)?)),
        }
    }
    read(&json!({ *ours: params }))
}

//! `faiss`: the vectors of an index as faiss reads them: an `IndexFlatIP` or `IndexFlatL2` under example ids.
//!
//! The bytes are those of `index_write.cpp` of faiss 1.x: an `IndexIDMap` (`IxMp`) around a flat index (`IxFI`, `IxF2`), each with
//! the same head. All numbers are little-endian, as faiss writes them on the machines that it is built for.

use std::path::Path;

use serde_json::json;

use super::refuse_overwriting;
use super::whole_run::{RunFormat, Sent, StoredRun};
use crate::cli::print::{self, shown};
use crate::cli::sink;
use crate::error::Error;
use crate::library::lineage;
use simpipe_artifact::{Distance, IndexInfo, IndexRows, read_json};
use simpipe_base::interrupt::LeftToEnd;
use simpipe_runner::{RunRecord, StageRecord};

/// A file of faiss.
pub(super) struct Faiss;

/// How a flat index of faiss compares, `faiss::MetricType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Metric {
    InnerProduct,
    SquaredEuclidean,
}

impl Metric {
    fn of(distance: Distance) -> Option<Self> {
        match distance {
            // Rows are of unit length there.
            Distance::Cosine | Distance::InnerProduct => Some(Self::InnerProduct),
            // The order of the squares is that of the distances.
            Distance::Euclidean | Distance::SquaredEuclidean => Some(Self::SquaredEuclidean),
            Distance::Manhattan | Distance::Snr => None,
        }
    }

    const fn number(self) -> i32 {
        match self {
            Self::InnerProduct => 0,
            Self::SquaredEuclidean => 1,
        }
    }

    const fn tag(self) -> &'static [u8; 4] {
        match self {
            Self::InnerProduct => b"IxFI",
            Self::SquaredEuclidean => b"IxF2",
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::InnerProduct => "IndexFlatIP",
            Self::SquaredEuclidean => "IndexFlatL2",
        }
    }
}

impl RunFormat for Faiss {
    fn name(&self) -> &'static str {
        "faiss"
    }

    fn about(&self) -> &'static str {
        "the vectors of a stage `index` for faiss: an exact index whose ids are example ids"
    }

    fn target(&self) -> &'static str {
        "a file"
    }

    fn default_output(&self, experiment: &str) -> Option<String> {
        Some(format!("{experiment}.faiss"))
    }

    fn takes_stage(&self) -> bool {
        true
    }

    fn write(&self, run: &StoredRun<'_>, output: &str, force: bool) -> Result<Sent, Error> {
        let path = Path::new(output);
        refuse_overwriting(path, force)?;
        let stage = choose(run)?;
        let files = run.files(stage)?;
        let file = |name: &str| {
            let found = files.iter().find(|file| file.name.as_str() == name).map(|file| file.path.clone());
            found.ok_or_else(|| Error::usage(format!("`{}` produced no `{name}`", stage.id), "run it again"))
        };
        let info: IndexInfo = read_json(&file("index.json")?)?;
        let rows = IndexRows::read(&file("index.arrow")?)?;
        let metric = Metric::of(info.metric).ok_or_else(|| {
            let message = format!(
                "the index `{}` uses the distance `{}`, which faiss does not have",
                stage.id,
                info.metric.name()
            );
            Error::usage(message, "its vectors alone are in `--parquet FILE` and `--npz FILE`")
        })?;
        let bytes = bytes(&rows, metric);
        let _writing = LeftToEnd::begin();
        let help = "choose a file in a writable folder: `--output FILE`";
        sink::write(path, &bytes).map_err(|error| sink::unwritable(path, &error, help))?;
        let (count, size, said) =
            (print::thousands(rows.label.len()), print::thousands(bytes.len()), shown(path.display()));
        Ok(Sent {
            json: json!({
                "file": output, "bytes": bytes.len(), "stage": stage.id, "index": metric.class(), "vectors": rows.label.len(),
                "dim": rows.dim,
            }),
            words: format!(
                "wrote {said}: {count} vectors of {} numbers as an {} under example ids, {size} bytes",
                rows.dim,
                metric.class()
            ),
        })
    }
}

/// The index that questions about the run are answered from: that of its stage `match`, if there is one alone.
fn asked(record: &RunRecord) -> Option<&StageRecord> {
    let mut matches = record.stages.iter().filter(|stage| stage.stage == "match" && stage.outcome.done());
    let only = matches.next().filter(|_| matches.next().is_none())?;
    lineage::behind(record, only, "index", "index.json")
}

/// The stage `index` that is meant.
fn choose<'a>(run: &StoredRun<'a>) -> Result<&'a StageRecord, Error> {
    lineage::one_run(run.record)?;
    let done = |stage: &&StageRecord| stage.stage == "index" && stage.outcome.done();
    let found: Vec<&StageRecord> = run.record.stages.iter().filter(done).collect();
    let names = found.iter().map(|stage| format!("`{}`", stage.id)).collect::<Vec<_>>().join(", ");
    let run_id = &run.record.run;
    match (run.stage, &found[..]) {
        (_, []) => Err(Error::usage(
            format!("the run {run_id} has no index"),
            "its pipeline needs a stage `index` that has ended",
        )),
        (None, [one]) => Ok(one),
        (None, _) => asked(run.record).ok_or_else(|| {
            Error::usage(format!("the run {run_id} has several indexes"), format!("choose one with `--stage`: {names}"))
        }),
        (Some(id), all) => all.iter().find(|stage| stage.id == id).copied().ok_or_else(|| {
            Error::usage(format!("the stage `{id}` of {run_id} has no index"), format!("indexes are those of {names}"))
        }),
    }
}

/// The file.
fn bytes(rows: &IndexRows, metric: Metric) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rows.vectors.len() * 4 + rows.example_id.len() * 8 + 128);
    bytes.extend(b"IxMp");
    head(rows, metric, &mut bytes);
    bytes.extend(metric.tag());
    head(rows, metric, &mut bytes);
    // How many numbers, and the numbers.
    bytes.extend((rows.vectors.len() as u64).to_le_bytes());
    rows.vectors.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
    bytes.extend((rows.example_id.len() as u64).to_le_bytes());
    rows.example_id.iter().for_each(|id| bytes.extend(id.to_le_bytes()));
    bytes
}

/// What every index begins with: numbers of a vector, vectors, two that are not used, whether it is trained, the metric.
fn head(rows: &IndexRows, metric: Metric, bytes: &mut Vec<u8>) {
    const UNUSED: i64 = 1 << 20;
    bytes.extend(i32::try_from(rows.dim).unwrap_or(i32::MAX).to_le_bytes());
    bytes.extend((rows.example_id.len() as u64).to_le_bytes());
    bytes.extend([UNUSED.to_le_bytes(), UNUSED.to_le_bytes()].concat());
    bytes.push(1);
    bytes.extend(metric.number().to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of `faiss.serialize_index` of faiss-cpu 1.15.1, of an `IndexIDMap` of an `IndexFlatIP` of two numbers with (0.5, -1)
    /// under 7.
    #[test]
    fn bytes_are_those_of_faiss() {
        let rows = IndexRows {
            example_id: vec![7],
            label: vec![0],
            vectors: vec![0.5, -1.0].into(),
            dim: 2,
            ..IndexRows::default()
        };
        let head = [
            &[2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0][..],
            &[0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
        ]
        .concat();
        let numbers = [&[2, 0, 0, 0, 0, 0, 0, 0][..], &[0, 0, 0, 0x3f, 0, 0, 0x80, 0xbf]].concat();
        let ids = [1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0];
        let expected = [&b"IxMp"[..], &head, b"IxFI", &head, &numbers, &ids].concat();
        assert_eq!(bytes(&rows, Metric::InnerProduct), expected);
        assert_eq!(Metric::of(Distance::Snr), None);
        assert_eq!(Metric::of(Distance::Euclidean), Some(Metric::SquaredEuclidean));
    }
}

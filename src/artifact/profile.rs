//! `profile.parquet`: what a run's stages have spent their time in, by layer and operation.
//!
//! It lies in the folder of a run and never in the store: times are no result.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::Float64Array;

use super::ArtifactError;
use super::table::{Column, Columns, write_parquet};

/// What an operation of a layer has taken in a stage.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProfileRow {
    /// The stage's id.
    pub stage: String,
    /// The layer's path, such as `layers.1.conv2d`, of several that are one operation that of the first; `loss`, `optimizer`, or
    /// `elsewhere` for what belongs to no layer.
    pub layer: String,
    /// What is computed, such as `convolution and pool`.
    pub operation: String,
    /// Whether it is the operation's way back.
    pub back: bool,
    /// How often.
    pub calls: u64,
    /// Time on the clock. No second is in two rows of a stage.
    pub seconds: f64,
    /// Floating-point operations, those of a convolution as if it were computed directly; `None` where they are not counted.
    pub flop: Option<f64>,
    /// Bytes of the maps that it reads and writes, each once; `None` where they are not counted.
    pub bytes: Option<f64>,
}

impl ProfileRow {
    /// Billions of floating-point operations a second, where it has any that are counted.
    #[must_use]
    pub fn gflops(&self) -> Option<f64> {
        rate(self.flop.unwrap_or(0.0), self.seconds)
    }
}

/// Billions a second; `None` of nothing, or in no time.
fn rate(flop: f64, seconds: f64) -> Option<f64> {
    (flop > 0.0 && seconds > 0.0).then(|| flop / seconds / 1e9)
}

/// What a layer has taken in a stage, all its operations together.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerTime {
    /// Its path.
    pub layer: String,
    /// Seconds there.
    pub forward: f64,
    /// Seconds back.
    pub backward: f64,
    /// Of the whole time of the stage: the shares of all layers are 1 together.
    pub share: f64,
    /// Billions of floating-point operations a second in the operations that are counted.
    pub gflops: Option<f64>,
}

impl LayerTime {
    /// Seconds there and back.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.forward + self.backward
    }
}

/// All rows, stage by stage.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile(pub Vec<ProfileRow>);

impl Profile {
    /// The file's name.
    pub const FILE: &'static str = "profile.parquet";
    /// The layer of what belongs to none.
    pub const ELSEWHERE: &'static str = "elsewhere";
    /// The operation of a stage's time that no other row has: reading and changing images, writing results.
    pub const REST: &'static str = "rest of the stage";

    /// Takes what was measured of a stage that has taken `seconds`, in the place of what was known of it: the rest of these
    /// is a row of its own. Rows come in the order of their time, the longest first.
    pub fn put(&mut self, stage: &str, mut rows: Vec<ProfileRow>, seconds: f64) {
        self.0.retain(|row| row.stage != stage);
        let rest = seconds - rows.iter().map(|row| row.seconds).sum::<f64>();
        let (layer, operation) = (Self::ELSEWHERE.to_owned(), Self::REST.to_owned());
        rows.push(ProfileRow { layer, operation, calls: 1, seconds: rest.max(0.0), ..ProfileRow::default() });
        rows.iter_mut().for_each(|row| stage.clone_into(&mut row.stage));
        rows.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        self.0.append(&mut rows);
    }

    /// Ids of the stages, in the order of their first rows.
    #[must_use]
    pub fn stages(&self) -> Vec<&str> {
        let mut stages: Vec<&str> = Vec::new();
        for row in &self.0 {
            if !stages.contains(&row.stage.as_str()) {
                stages.push(&row.stage);
            }
        }
        stages
    }

    /// The rows of a stage.
    pub fn of<'a>(&'a self, stage: &'a str) -> impl Iterator<Item = &'a ProfileRow> {
        self.0.iter().filter(move |row| row.stage == stage)
    }

    /// The layers of a stage, the one that takes the most first.
    #[must_use]
    pub fn layers(&self, stage: &str) -> Vec<LayerTime> {
        let all: f64 = self.of(stage).map(|row| row.seconds).sum();
        let mut layers: BTreeMap<&str, Vec<&ProfileRow>> = BTreeMap::new();
        self.of(stage).for_each(|row| layers.entry(&row.layer).or_default().push(row));
        let sum = |rows: &[&ProfileRow], back: bool| {
            rows.iter().filter(|row| row.back == back).map(|row| row.seconds).sum::<f64>()
        };
        let time = |(layer, rows): (&str, Vec<&ProfileRow>)| {
            let (forward, backward) = (sum(&rows, false), sum(&rows, true));
            let share = if all > 0.0 { (forward + backward) / all } else { 0.0 };
            LayerTime { layer: layer.to_owned(), forward, backward, share, gflops: gflops(rows) }
        };
        let mut times: Vec<LayerTime> = layers.into_iter().map(time).collect();
        times.sort_by(|a, b| b.seconds().total_cmp(&a.seconds()));
        times
    }

    /// Billions of floating-point operations a second in all operations of a stage that have any.
    #[must_use]
    pub fn gflops(&self, stage: &str) -> Option<f64> {
        gflops(self.of(stage))
    }

    /// Writes the table.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        fn text<'a>(rows: &'a [ProfileRow], pick: fn(&'a ProfileRow) -> &'a str) -> Vec<&'a str> {
            rows.iter().map(pick).collect()
        }
        let rows = &self.0;
        let some = |pick: fn(&ProfileRow) -> Option<f64>| rows.iter().map(pick).collect::<Float64Array>();
        let direction = |row: &ProfileRow| if row.back { BACKWARD } else { FORWARD };
        write_parquet(
            path,
            vec![
                Column::text("stage", &text(rows, |row| &row.stage)),
                Column::text("layer", &text(rows, |row| &row.layer)),
                Column::text("operation", &text(rows, |row| &row.operation)),
                Column::text("direction", &rows.iter().map(direction).collect::<Vec<_>>()),
                Column::u64("calls", &rows.iter().map(|row| row.calls).collect::<Vec<_>>()),
                Column::f64("seconds", &rows.iter().map(|row| row.seconds).collect::<Vec<_>>()),
                Column::nullable("flop", some(|row| row.flop)),
                Column::nullable("bytes", some(|row| row.bytes)),
                Column::nullable("gflops", some(ProfileRow::gflops)),
            ],
        )
    }

    /// Reads the table.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let columns = Columns::read_parquet(path, None)?;
        let text = |name: &str| columns.text(name).map(Vec::into_iter);
        let (mut stage, mut layer, mut operation) = (text("stage")?, text("layer")?, text("operation")?);
        let (direction, calls, seconds) = (columns.text("direction")?, columns.u64("calls")?, columns.f64("seconds")?);
        let (flop, bytes) = (columns.optional_f64("flop")?, columns.optional_f64("bytes")?);
        let row = |at: usize| ProfileRow {
            stage: stage.next().unwrap_or_default(),
            layer: layer.next().unwrap_or_default(),
            operation: operation.next().unwrap_or_default(),
            back: direction[at] == BACKWARD,
            calls: calls[at],
            seconds: seconds[at],
            flop: flop[at],
            bytes: bytes[at],
        };
        Ok(Self((0..calls.len()).map(row).collect()))
    }
}

/// Words of the column `direction`.
const FORWARD: &str = "forward";
const BACKWARD: &str = "backward";

/// Of the operations that have any.
fn gflops<'a>(rows: impl IntoIterator<Item = &'a ProfileRow>) -> Option<f64> {
    let counted = rows.into_iter().filter_map(|row| Some((row.flop.filter(|flop| *flop > 0.0)?, row.seconds)));
    let (flop, seconds) = counted.fold((0.0, 0.0), |(flops, all), (flop, seconds)| (flops + flop, all + seconds));
    rate(flop, seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(layer: &str, operation: &str, back: bool, seconds: f64, flop: Option<f64>) -> ProfileRow {
        let (layer, operation) = (layer.to_owned(), operation.to_owned());
        ProfileRow {
            layer,
            operation,
            back,
            calls: 2,
            seconds,
            flop,
            bytes: flop.map(|_| 8.0),
            ..ProfileRow::default()
        }
    }

    fn profile() -> Profile {
        let conv = "layers.1.conv2d";
        let rows = vec![
            row(conv, "convolution", false, 1.0, Some(3e9)),
            row(conv, "convolution", true, 2.0, Some(6e9)),
            row(conv, "other operations", false, 1.0, None),
            row("layers.2.max-pool", "max-pool", false, 0.5, Some(0.0)),
        ];
        let mut profile = Profile::default();
        profile.put("train", rows, 10.0);
        profile.put("embed", vec![row(conv, "convolution", false, 3.0, Some(3e9))], 2.0);
        profile
    }

    #[test]
    fn the_shares_of_a_stage_are_one_together() {
        let profile = profile();
        assert_eq!(profile.stages(), ["train", "embed"]);
        let layers = profile.layers("train");
        let shown: Vec<(&str, f64, Option<f64>)> =
            layers.iter().map(|time| (time.layer.as_str(), time.share, time.gflops)).collect();
        // 9 GFLOP in the 3 s of the operations that have any; what no row has is 10 - 4.5 s.
        let expected =
            [("elsewhere", 0.55, None), ("layers.1.conv2d", 0.4, Some(3.0)), ("layers.2.max-pool", 0.05, None)];
        assert_eq!(shown, expected);
        assert_eq!((layers[1].forward, layers[1].backward), (2.0, 2.0));
        assert_eq!(profile.gflops("train"), Some(3.0));
        // What threads have measured side by side leaves no rest.
        assert_eq!(profile.layers("embed")[0].share, 1.0);
        assert_eq!((profile.gflops("embed"), profile.gflops("nothing")), (Some(1.0), None));
    }

    #[test]
    fn a_stage_that_is_tried_again_has_the_rows_of_its_last_try() {
        let mut profile = profile();
        profile.put("train", Vec::new(), 1.5);
        assert_eq!(profile.of("train").count(), 1);
        assert_eq!(profile.layers("train")[0].seconds(), 1.5);
        assert_eq!(profile.of("embed").count(), 2);
    }

    #[test]
    fn rows_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Profile::FILE);
        profile().write(&path).unwrap();
        assert_eq!(Profile::read(&path).unwrap(), profile());
        let columns = Columns::read_parquet(&path, None).unwrap();
        let names = ["stage", "layer", "operation", "direction", "calls", "seconds", "flop", "bytes", "gflops"];
        assert_eq!(columns.names(), names);
        // The longest first: the rest, the way back, and two of a second.
        assert_eq!(columns.optional_f64("gflops").unwrap()[..3], [None, Some(3.0), Some(3.0)]);
        assert_eq!(columns.text("direction").unwrap()[..3], ["forward", "backward", "forward"]);
        std::fs::write(&path, "no table").unwrap();
        assert!(Profile::read(&path).is_err());
    }
}

//! An ONNX network as `rten` runs it: a runtime in Rust, on the CPU.
//!
//! Loads a file, finds out what goes in and what comes out, and computes batches. Whatever the file holds, nothing here panics:
//! `rten` promises that no file makes it unsafe, and what it asserts is caught. Owns no file and no spec: see the layer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rten::{DataType, Dimension, LoadErrorKind, Model, NodeId, RunOptions, ThreadPool, Value, ValueType};

use super::wrong::Wrong;

/// A network that was loaded.
pub(super) struct Runtime {
    model: Model,
    input: NodeId,
    takes: Takes,
    options: RunOptions,
}

/// What goes in, as the file says it; `None` is a side that it leaves open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Takes {
    /// The input's name.
    pub(super) name: String,
    /// Whether it takes bytes, which are pixels as they come.
    pub(super) bytes: bool,
    /// Its four sides.
    pub(super) sides: [Option<usize>; 4],
}

impl Takes {
    /// `images of [?, 3, 224, 224]`.
    pub(super) fn words(&self) -> String {
        let kind = if self.bytes { "bytes" } else { "images" };
        format!("{kind} of [{}]", sides(&self.sides))
    }
}

/// Sides in words, a question mark where one is open.
fn sides(sides: &[Option<usize>]) -> String {
    sides.iter().map(|side| side.map_or("?".to_owned(), |side| side.to_string())).collect::<Vec<_>>().join(", ")
}

/// What comes out under a name.
pub(super) struct Output {
    pub(super) name: String,
    /// The batch first; empty where it holds no numbers of 32 bits.
    pub(super) shape: Vec<usize>,
    /// Its numbers, where they are of 32 bits.
    pub(super) numbers: Option<Vec<f32>>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("takes", &self.takes).finish_non_exhaustive()
    }
}

impl Runtime {
    /// The network of a file.
    ///
    /// # Errors
    /// If it is not an ONNX file, has an operator that the runtime lacks, or takes anything but a batch of images.
    pub(super) fn load(file: Vec<u8>) -> Result<Self, Wrong> {
        if file.is_empty() {
            return Err(Wrong::file("is empty"));
        }
        let model = caught(|| Model::load(file)).map_err(|said| Wrong::file(format!("can't be read: {said}")))?;
        let model = model.map_err(|error| unreadable(&error))?;
        let names = |ids: &[NodeId]| -> Vec<String> {
            ids.iter().filter_map(|id| Some(format!("`{}`", model.node_info(*id)?.name()?))).collect()
        };
        let &[input] = model.input_ids() else {
            let inputs = names(model.input_ids());
            let count = inputs.len();
            return Err(Wrong::file(format!("takes {count} inputs ({}), and a layer has one", inputs.join(", ")))
                .help("export the part of the network that takes images alone"));
        };
        let takes = takes(&model, input)?;
        let threads = ThreadPool::with_num_threads(rayon::current_num_threads());
        let options = RunOptions::default().with_thread_pool(Some(Arc::new(threads)));
        Ok(Self { model, input, takes, options })
    }

    pub(super) const fn takes(&self) -> &Takes {
        &self.takes
    }

    /// Everything that comes out of a batch.
    ///
    /// # Errors
    /// What the runtime says.
    pub(super) fn all(&self, batch: &[f32], shape: [usize; 4]) -> Result<Vec<Output>, String> {
        let ids = self.model.output_ids();
        let values = self.run(batch, shape, ids)?;
        let name = |id: &NodeId| self.model.node_info(*id).and_then(|node| node.name()).unwrap_or_default().to_owned();
        Ok(ids.iter().map(name).zip(values).map(|(name, value)| output(name, value)).collect())
    }

    /// What comes out under one name, row after row.
    ///
    /// # Errors
    /// What the runtime says.
    pub(super) fn one(&self, name: &str, batch: &[f32], shape: [usize; 4]) -> Result<Vec<f32>, String> {
        let id = self.model.find_node(name).ok_or_else(|| format!("there is no output `{name}`"))?;
        let value = self.run(batch, shape, &[id])?.pop().ok_or("nothing came out")?;
        output(name.to_owned(), value).numbers.ok_or_else(|| format!("`{name}` holds no numbers of 32 bits"))
    }

    fn run(&self, batch: &[f32], shape: [usize; 4], outputs: &[NodeId]) -> Result<Vec<Value>, String> {
        let input = if self.takes.bytes {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of 0 to 255")]
            let bytes: Vec<u8> = batch.iter().map(|value| value.round().clamp(0.0, 255.0) as u8).collect();
            Value::from_shape(shape, bytes).map_err(|error| error.to_string())?
        } else {
            Value::from_shape(shape, batch.to_vec()).map_err(|error| error.to_string())?
        };
        let options = Some(self.options.clone());
        let run = || self.model.run(vec![(self.input, input.into())], outputs, options);
        caught(run)?.map_err(|error| error.to_string())
    }
}

/// What an output is.
fn output(name: String, value: Value) -> Output {
    match value {
        Value::FloatTensor(tensor) => {
            use rten_tensor::prelude::*;
            Output { name, shape: tensor.shape().to_vec(), numbers: Some(tensor.into_data()) }
        }
        _ => Output { name, shape: Vec::new(), numbers: None },
    }
}

/// What goes in.
fn takes(model: &Model, input: NodeId) -> Result<Takes, Wrong> {
    let node = model.node_info(input);
    let name = node.as_ref().and_then(|node| node.name()).unwrap_or_default().to_owned();
    let bytes = match node.as_ref().and_then(|node| node.dtype()) {
        Some(ValueType::Tensor(DataType::Float)) | None => false,
        Some(ValueType::Tensor(DataType::UInt8)) => true,
        Some(_) => return Err(Wrong::file(format!("takes no pixels: its input `{name}` is of other numbers"))),
    };
    let shape = node.and_then(|node| node.shape());
    let open = |side: &Dimension| match side {
        Dimension::Fixed(size) => Some(*size),
        Dimension::Symbolic(_) => None,
    };
    let found: Vec<Option<usize>> = shape.map_or_else(|| vec![None; 4], |sides| sides.iter().map(open).collect());
    let sides = <[Option<usize>; 4]>::try_from(&found[..]).map_err(|_| {
        let words = sides(&found);
        Wrong::file(format!("takes no images: its input `{name}` is [{words}], and a batch of images has four sides"))
    })?;
    Ok(Takes { name, bytes, sides })
}

/// Why a file can't be read, in words.
fn unreadable(error: &rten::LoadError) -> Wrong {
    let said = error.to_string();
    match error.kind() {
        LoadErrorKind::OperatorInvalid => {
            let help = "the runtime is rten: https://github.com/robertknight/rten/issues/14 lists its operators";
            Wrong::file(format!("can't be run: {said}")).help(help)
        }
        LoadErrorKind::ExternalDataError => Wrong::file("holds no weights: they lie in a file beside it")
            .help("save it as one file: `onnx.save_model(onnx.load(path), path, save_as_external_data=False)`"),
        _ => Wrong::file(format!("is not an ONNX file: {said}")),
    }
}

/// The result, or what was said in a panic.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        words.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

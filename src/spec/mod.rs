//! TOML to a resolved, spanned experiment. Knows stages only by name; builds no graph.

mod experiment;

pub use experiment::{Experiment, Input, StageSpec};

/// What the command line adds.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// `--set PATH=VALUE`.
    pub set: Vec<String>,
    /// The project's folder, if not found from the config.
    pub project: Option<std::path::PathBuf>,
}

/// Loads an experiment.
///
/// # Errors
/// Every problem found.
pub fn load(_config: &std::path::Path, _options: &LoadOptions) -> Result<Experiment, Vec<crate::base::issue::Issue>> {
    Err(Vec::new())
}

//! The text of a batch script, and what may stand in it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::sweep::SweepError;

/// What a cluster wants of its jobs beside what simpipe says itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlurmOptions {
    /// Options for sbatch, each as a line of the script: `--partition=gpu`.
    pub options: Vec<String>,
    /// Commands of the shell before the worker begins: `module load cuda`.
    pub setup: Vec<String>,
}

/// An array job that works on a sweep.
pub(super) struct Script<'a> {
    pub(super) sweep: &'a str,
    /// The experiment's name.
    pub(super) name: &'a str,
    pub(super) workers: usize,
    /// Where elements begin.
    pub(super) cwd: &'a Path,
    /// Where their output goes.
    pub(super) logs: &'a Path,
    pub(super) with: &'a SlurmOptions,
    /// The program and its arguments.
    pub(super) command: &'a [String],
}

/// Options that say what simpipe says itself, or that print something else than a job's number.
const OWN: [&str; 6] = ["--array", "-a", "--wrap", "--parsable", "--test-only", "--wait"];

impl SlurmOptions {
    /// Refuses what can't stand in a script.
    ///
    /// # Errors
    /// The first option that is none, or one that simpipe says itself.
    pub fn check(&self) -> Result<(), SweepError> {
        let wrong = |option: &String, why| Err(SweepError::SlurmOption { option: option.clone(), why });
        for option in &self.options {
            if option.contains(char::is_control) {
                return wrong(option, "it is more than one line");
            }
            if !option.starts_with('-') {
                return wrong(option, "it is not an option of sbatch");
            }
            if option.split_whitespace().any(is_own) {
                return wrong(option, "simpipe says that itself");
            }
        }
        match self.setup.iter().find(|command| command.contains(['\n', '\r', '\0'])) {
            Some(command) => wrong(command, "it is more than one line"),
            None => Ok(()),
        }
    }
}

fn is_own(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or_default();
    OWN.contains(&name) || name.starts_with("-a")
}

impl Script<'_> {
    /// The whole script. What a cluster wants comes last, for then it counts.
    pub(super) fn text(&self) -> String {
        let Self { sweep, name, workers, cwd, logs, with, command } = self;
        // A minute is enough for a step and its checkpoint; a job that begins anew keeps what it said before.
        let own = [
            format!("--job-name={}", quoted(&format!("simpipe-{name}"))),
            format!("--array=0-{}", workers.saturating_sub(1)),
            format!("--chdir={}", quoted(&cwd.to_string_lossy())),
            format!("--output={}", quoted(&pattern(logs).to_string_lossy())),
            "--open-mode=append".to_owned(),
            "--signal=B:TERM@60".to_owned(),
        ];
        let mut text = format!(
            "#!/usr/bin/env bash\n# Written by simpipe. Each element takes trials of the sweep {sweep} until there are none.\n"
        );
        own.iter().chain(&with.options).for_each(|option| text += &format!("#SBATCH {option}\n"));
        with.setup.iter().for_each(|command| text += &format!("{command}\n"));
        let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        text + &format!("exec {}\n", words.join(" "))
    }
}

/// The name of an element's log; a per cent sign in the folder's is none of the pattern's.
fn pattern(logs: &Path) -> PathBuf {
    PathBuf::from(logs.to_string_lossy().replace('%', "%%")).join("%A_%a.log")
}

/// A word as a shell has it, and as a line of options: sbatch reads quotes as a shell does.
fn quoted(word: &str) -> String {
    if !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./=:,@%+".contains(c)) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_says_everything_that_its_elements_need() {
        let with = SlurmOptions {
            options: vec!["--partition=gpu".to_owned(), "--gres=gpu:1 --mem=8G".to_owned()],
            setup: vec!["module load cuda".to_owned()],
        };
        let script = Script {
            sweep: "20260801T120000.000Z-0a1b2c",
            name: "tiny",
            workers: 4,
            cwd: Path::new("/data/my project"),
            logs: Path::new("/data/100% \"mine\"/slurm"),
            with: &with,
            command: &["/opt/simpipe".to_owned(), "it's".to_owned()],
        };
        let expected = "\
#!/usr/bin/env bash
# Written by simpipe. Each element takes trials of the sweep 20260801T120000.000Z-0a1b2c until there are none.
#SBATCH --job-name=simpipe-tiny
#SBATCH --array=0-3
#SBATCH --chdir='/data/my project'
#SBATCH --output='/data/100%% \"mine\"/slurm/%A_%a.log'
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@60
#SBATCH --partition=gpu
#SBATCH --gres=gpu:1 --mem=8G
module load cuda
exec /opt/simpipe 'it'\\''s'
";
        assert_eq!(script.text(), expected);
    }

    #[test]
    fn options_that_simpipe_says_itself_are_refused_and_none_hides_a_command() {
        let check = |option: &str| {
            let options = SlurmOptions { options: vec![option.to_owned()], setup: Vec::new() };
            options.check().map_err(|error| error.to_string())
        };
        for good in ["--partition=gpu", "-p gpu", "--account lab", "--acctg-freq=30", "-A lab", "--signal=B:TERM@300"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("--array=0-9", "simpipe says that itself"),
            ("-a 0-9", "simpipe says that itself"),
            ("-a0-9", "simpipe says that itself"),
            ("--mem=8G --array=1", "simpipe says that itself"),
            ("--wrap=ls", "simpipe says that itself"),
            ("partition=gpu", "it is not an option of sbatch"),
            ("--comment=x\nrm -rf /", "it is more than one line"),
        ] {
            assert!(check(bad).is_err_and(|said| said.contains(why)), "{bad}");
        }
    }
}

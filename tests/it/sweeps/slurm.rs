//! `--executor slurm` against programs that stand for Slurm's: `tests/fixtures/slurm` starts the elements of an array job as
//! processes of this machine. The real ones are tried by `tests/slurm/run`.

use std::process::{Command, Output};

use super::*;
use crate::turns::turn;

/// A project on a cluster of its own.
struct Cluster {
    project: Project,
    /// Where the programs are looked for.
    path: String,
}

impl Cluster {
    fn new() -> Self {
        let fakes = repository().join("tests/fixtures/slurm");
        let path = std::env::var("PATH").unwrap();
        Self { project: Project::new(), path: format!("{}:{path}", fakes.display()) }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = simpipe(args);
        let slurm = self.project.root().join("cluster");
        command.args(["--root", self.project.root().to_str().unwrap()]).env("PATH", &self.path);
        // Whoever runs the tests may be a job of a real one.
        for word in ["SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_JOB_ID"] {
            command.env_remove(word);
        }
        command.env("FAKE_SLURM", slurm);
        command
    }

    fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn json(&self, args: &[&str], code: i32) -> Json {
        let output = self.output(args);
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{stdout}\n{stderr}\n{}", self.logs());
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{args:?}: {error}\n{stdout}\n{stderr}"))
    }

    /// Waits until the sweep has ended, as somebody who watches it does.
    fn watch(&self) -> String {
        let output = self.output(&["sweep", "status", "--watch"]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The process of an element of a job.
    fn pid(&self, job: usize, element: usize) -> String {
        let file = self.project.root().join(format!("cluster/{job}/{element}"));
        std::fs::read_to_string(file).unwrap().trim().to_owned()
    }

    /// What all elements have said.
    fn logs(&self) -> String {
        let files = walkdir::WalkDir::new(self.project.root().join("artifacts/sweeps")).into_iter().flatten();
        let logs = files.filter(|item| item.path().extension().is_some_and(|extension| extension == "log"));
        logs.map(|item| std::fs::read_to_string(item.path()).unwrap()).collect()
    }

    /// Waits until so many trials are under way.
    fn until_claimed(&self, count: usize) {
        for _ in 0..600 {
            let swept = self.project.root().join("artifacts/sweeps/tiny").is_dir();
            if swept && lines(&self.project, "trial-claimed").len() >= count {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{count} trials begin\n{}", self.logs());
    }
}

impl Drop for Cluster {
    /// No element outlives a test that has failed.
    fn drop(&mut self) {
        let Ok(jobs) = std::fs::read_dir(self.project.root().join("cluster")) else { return };
        let elements = jobs.flatten().flat_map(|job| std::fs::read_dir(job.path()).into_iter().flatten().flatten());
        for element in elements {
            let pid = std::fs::read_to_string(element.path()).unwrap_or_default();
            // It may have ended, and its number be somebody else's by now.
            let is_element = std::fs::read(format!("/proc/{}/cmdline", pid.trim()));
            if !is_element.is_ok_and(|words| String::from_utf8_lossy(&words).contains("sweep\0work")) {
                continue;
            }
            drop(Command::new("kill").args(["-KILL", pid.trim()]).stderr(Stdio::null()).status());
        }
    }
}

/// Trainings of a second each.
fn long(trials: usize) -> String {
    let long = format!("{RATES}[train]\nsteps-per-epoch = 1500\ncheckpoint-every-steps = 100\n");
    long.replace("trials = 6", &format!("trials = {trials}")).replace("finalists = 2", "finalists = 0")
}

#[test]
fn an_array_job_works_through_a_sweep_as_one_process_does() {
    let alone = Project::new();
    alone.json(&["sweep", "run", &config(&alone, RATES), "--json"], 0);
    let cluster = Cluster::new();
    let config = config(&cluster.project, RATES);
    let hired = [
        "sweep",
        "run",
        &config,
        "--executor",
        "slurm",
        "--parallel",
        "2",
        "--slurm-option=--partition=short",
        "--slurm-setup",
        "echo \"set up ${SLURM_ARRAY_TASK_ID}\"",
        "--json",
    ];
    let status = cluster.json(&hired, 0);
    validate("sweep-status.schema.json", &status);
    assert_eq!((&status["state"], &status["trials"]["total"]), (&"running".into(), &6.into()), "{status}");
    let watched = cluster.watch();
    assert!(
        watched.lines().last().unwrap().starts_with("done: 6 of 6 trials; best is trial "),
        "{watched}{}",
        cluster.logs()
    );
    assert_eq!(trials(&cluster.project), trials(&alone), "the same trials with the same numbers");
    let status = cluster.json(&["sweep", "status", "--json"], 0);
    validate("sweep-status.schema.json", &status);
    assert_eq!((&status["jobs"][0]["job"], &status["jobs"][0]["workers"]), (&"1".into(), &2.into()), "{status}");

    let folder = folder(&cluster.project);
    let slurm = std::fs::read_dir(folder.join("slurm")).unwrap().map(|item| item.unwrap().path());
    let (scripts, logs): (Vec<PathBuf>, Vec<PathBuf>) = slurm.partition(|path| path.extension().unwrap() == "sh");
    let script = std::fs::read_to_string(&scripts[0]).unwrap();
    assert!(script.contains("#SBATCH --array=0-1\n") && script.contains("#SBATCH --partition=short\n"), "{script}");
    assert_eq!((scripts.len(), logs.len()), (1, 2), "a log for each element");
    let said = cluster.logs();
    assert!(said.contains("set up 0\n") && said.contains("set up 1\n"), "{said}");
    let mut workers: Vec<String> = lines(&cluster.project, "trial-claimed")
        .iter()
        .map(|line| line["by"]["job"].as_str().unwrap().to_owned())
        .collect();
    workers.sort();
    workers.dedup();
    assert_eq!(workers, ["1_0", "1_1"], "both had their share");
    let claim = std::fs::read_to_string(folder.join("claims/0-0")).unwrap();
    assert!(claim.contains("\nhost ") && claim.contains("\njob 1_"), "{claim}");
    assert_eq!(std::fs::read_dir(folder.join("workers")).unwrap().count(), 0, "nobody works on it any more");
    // There is nothing left to submit.
    let output = cluster.output(&["sweep", "resume"]);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("nothing is left to do: 6 of 6 trials"), "{output:?}");
    assert!(!cluster.project.root().join("cluster/2").exists());
}

#[test]
fn what_a_killed_element_has_left_is_taken_up_by_another() {
    let _turn = turn();
    let cluster = Cluster::new();
    let config = config(&cluster.project, &long(3));
    cluster.json(&["sweep", "run", &config, "--executor", "slurm", "--parallel", "2", "--json"], 0);
    cluster.until_claimed(2);
    assert!(Command::new("kill").args(["-KILL", &cluster.pid(1, 0)]).status().unwrap().success());
    let watched = cluster.watch();
    assert!(watched.lines().last().unwrap().starts_with("done: 3 of 3 trials"), "{watched}{}", cluster.logs());
    let mut ended = finished(&cluster.project);
    ended.sort_unstable();
    assert_eq!(ended, [0, 1, 2], "none was lost, none repeated");
    let again = lines(&cluster.project, "trial-claimed").into_iter().filter(|line| line["attempt"] == 1);
    let again: Vec<Json> = again.map(|line| line["by"]["job"].clone()).collect();
    assert_eq!(again, ["1_1"], "its trial was taken up again");
}

#[test]
fn a_sweep_on_slurm_is_stopped_and_goes_on_with_the_same_options() {
    let cluster = Cluster::new();
    let config = config(&cluster.project, &long(4));
    let option = "--slurm-option=--partition=short";
    cluster.json(&["sweep", "run", &config, "--executor", "slurm", "--parallel", "2", option, "--json"], 0);
    cluster.until_claimed(2);
    let seen = cluster.json(&["sweep", "status", "--json"], 0);
    assert_eq!((&seen["state"], &seen["jobs"][0]["states"]), (&"running".into(), &serde_json::json!({ "RUNNING": 2 })));
    let text = String::from_utf8(cluster.output(&["sweep", "status"]).stdout).unwrap();
    assert!(text.contains("job 1: 2 running\n") && text.contains(" (job 1_0) for "), "{text}");
    // Two are at work, and no more are wanted.
    let more = cluster.json(&["sweep", "resume", "--json"], 0);
    assert_eq!((&more["state"], more["jobs"].as_array().unwrap().len()), (&"running".into(), 1));
    let stopped = cluster.json(&["sweep", "stop", "--json"], 0);
    validate("sweep-stop.schema.json", &stopped);
    assert_eq!((&stopped["stopped"], &stopped["cancelled"]), (&true.into(), &serde_json::json!(["1"])), "{stopped}");
    let watched = cluster.watch();
    assert!(watched.lines().last().unwrap().starts_with("interrupted: "), "{watched}");
    assert!(lines(&cluster.project, "trial-released").len() >= 2, "{}", cluster.logs());
    // An element that comes to its turn only now leaves at once.
    let mut late = cluster.command(&["sweep", "work", folder(&cluster.project).to_str().unwrap()]);
    let late = late.env("SLURM_JOB_ID", "77").output().unwrap();
    assert_eq!(late.status.code(), Some(0), "{}", String::from_utf8_lossy(&late.stderr));
    assert!(lines(&cluster.project, "trial-claimed").iter().all(|line| line["by"]["job"] != "77"));

    let resumed = cluster.json(&["sweep", "resume", "--json"], 0);
    assert_eq!((&resumed["state"], &resumed["jobs"][1]["job"]), (&"running".into(), &"2".into()), "{resumed}");
    let watched = cluster.watch();
    assert!(watched.lines().last().unwrap().starts_with("done: 4 of 4 trials"), "{watched}{}", cluster.logs());
    let scripts = walkdir::WalkDir::new(folder(&cluster.project).join("slurm")).into_iter().flatten();
    let scripts = scripts.filter(|item| item.path().extension().is_some_and(|extension| extension == "sh"));
    let scripts: Vec<String> = scripts.map(|item| std::fs::read_to_string(item.path()).unwrap()).collect();
    assert_eq!(scripts.len(), 2);
    assert!(scripts.iter().all(|script| script.contains("#SBATCH --partition=short\n")), "{scripts:?}");
    assert_eq!(cluster.output(&["store", "verify"]).status.code(), Some(0));
}

#[test]
fn what_keeps_a_job_from_being_submitted_is_said_in_its_own_words() {
    let cluster = Cluster::new();
    let config = config(&cluster.project, METRICS);
    let hired = ["sweep", "run", &config, "--executor", "slurm", "--json"];
    let error = |output: &Output| {
        let json: Json = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(2), "{json}");
        let of = |key: &str| json["errors"][0][key].as_str().unwrap_or_default().to_owned();
        (of("message"), of("help"))
    };
    let words = "invalid partition specified: (null)";
    let (message, help) = error(&cluster.command(&hired).env("FAKE_SLURM_REFUSES", words).output().unwrap());
    assert!(message.contains("slurm/") && message.ends_with(&format!(": sbatch: error: {words}")), "{message}");
    assert!(help.contains("--slurm-option=--partition=gpu"), "{help}");
    let empty = tempfile::tempdir().unwrap();
    let (message, help) = error(&cluster.command(&hired).env("PATH", empty.path()).output().unwrap());
    assert!(message.starts_with("there is no `sbatch` here") && help.contains("load its module"), "{message} {help}");
    for (option, why) in [("--array=0-9", "simpipe says that itself"), ("gpu", "it is not an option of sbatch")] {
        let option = format!("--slurm-option={option}");
        let (message, _) = error(&cluster.output(&[&hired[..], &[&option]].concat()));
        assert!(message.contains(why), "{message}");
    }
    // What was begun then goes on.
    let status = cluster.json(&hired, 0);
    assert_eq!(std::fs::read_dir(cluster.project.root().join("artifacts/sweeps/tiny")).unwrap().count(), 1, "{status}");
    assert!(cluster.watch().lines().last().unwrap().starts_with("done: 4 of 4 trials"), "{}", cluster.logs());

    // A folder that can't be written is named.
    let other = Cluster::new();
    let config = super::config(&other.project, METRICS);
    std::fs::create_dir(other.project.root().join("artifacts")).unwrap();
    std::fs::write(other.project.root().join("artifacts/sweeps"), "in the way").unwrap();
    let output = other.output(&["sweep", "run", &config, "--executor", "slurm", "--json"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.code() != Some(0) && said.contains("artifacts/sweeps"), "{said}");
}

//! `simpipe sweep status --watch`: a line for each change, until the sweep ends or somebody has seen enough.

use super::*;
use crate::turns::turn;

/// Watches the newest sweep of a project.
fn watch(project: &Project) -> Child {
    let mut command = simpipe(&["sweep", "status", "--watch", "--root", project.root().to_str().unwrap()]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_watched_sweep_is_a_line_for_each_change_until_it_ends() {
    let project = Project::new();
    let slow = format!("{RATES}[train]\nsteps-per-epoch = 800\n").replace("finalists = 2", "finalists = 0");
    let config = config(&project, &slow.replace("trials = 6", "trials = 3"));
    let mut sweep = start(&project, &config, &[]);
    let said = in_trial(&mut sweep);
    let reader = std::thread::spawn(move || said.lines().map_while(Result::ok).count());
    let output = watch(&project).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(sweep.wait().unwrap().code(), Some(0));
    reader.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let (first, last) = (lines[0], lines[lines.len() - 1]);
    assert!(first.starts_with("running: ") && first.contains(" of 3 trials") && lines.len() > 1, "{text}");
    assert!(last.starts_with("done: 3 of 3 trials; best is trial ") && last.contains(": match.map@r 0."), "{text}");
    assert!(lines.windows(2).all(|pair| pair[0] != pair[1]) && !text.contains('\x1b'), "{text}");
    // Of one that has ended there is nothing to wait for.
    let again = watch(&project).wait_with_output().unwrap();
    assert_eq!(
        (again.status.code(), String::from_utf8(again.stdout).unwrap().as_str()),
        (Some(0), &*format!("{last}\n"))
    );
}

#[test]
fn who_watches_leaves_at_once_and_the_sweep_goes_on() {
    let _turn = turn();
    let project = Project::new();
    let long = format!("{RATES}[train]\nsteps-per-epoch = 4000\n").replace("finalists = 2", "finalists = 0");
    let config = config(&project, &long.replace("trials = 6", "trials = 1"));
    let mut sweep = start(&project, &config, &[]);
    let said = in_trial(&mut sweep);
    let mut watching = watch(&project);
    let mut line = String::new();
    BufReader::new(watching.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("running: 0 of 1 trials, 1 under way"), "{line}");
    let began = std::time::Instant::now();
    signal(&watching, "INT");
    assert_eq!(watching.wait().unwrap().code(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(sweep.try_wait().unwrap(), None, "nobody has stopped it");
    sweep.kill().unwrap();
    sweep.wait().unwrap();
    drop(said);
}

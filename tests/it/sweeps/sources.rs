//! Sweeps over data that changes: what is read again, what stops the sweep.

use super::*;

/// A picture of a class.
fn write(project: &Project, class: &str, number: u8, value: u8) {
    let path = project.root().join("photos").join(class).join(format!("{number}.png"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::GrayImage::from_pixel(2, 2, image::Luma([value])).save(&path).unwrap();
}

/// A sweep over two classes of pictures, by so many values of a parameter.
fn sweep_of(project: &Project, parameter: &str, values: usize) -> String {
    for number in 0..20 {
        write(project, "a", number, number * 10);
        write(project, "b", number, number * 10 + 5);
    }
    let at = |name: &str| project.root().join(name);
    std::fs::create_dir_all(at("pipelines")).unwrap();
    let template = "format = 1\n[stages.dataset]\nstage = \"dataset\"\n[stages.sample]\nstage = \"sample\"\n\
                    inputs = { dataset = \"dataset\" }\nsplit = \"train\"\n";
    std::fs::write(at("pipelines/two.toml"), template).unwrap();
    let values: Vec<String> = (0..values).map(|value| format!("\"stream {value}\"")).collect();
    let text = format!(
        "pipeline = \"two\"\nname = \"tiny\"\n[dataset]\nsource = {{ image-folder = {{ path = \"photos\" }} }}\n\
         split = {{ images = {{ test = 0.1 }} }}\n[sample]\n\
         sampler = {{ multi-shot = {{ classes-per-batch = 2, examples-per-class = 2 }} }}\n[sweep]\nmethod = \"grid\"\n\
         objective = \"sample.examples\"\ndirection = \"maximize\"\n[sweep.parameters]\n\"{parameter}\" = [{}]\n",
        values.join(", ")
    );
    std::fs::write(at("photos.toml"), text).unwrap();
    at("photos.toml").to_str().unwrap().to_owned()
}

/// Waits until a trial has ended; gives what is said later.
fn after_a_trial(child: &mut Child) -> BufReader<std::process::ChildStderr> {
    let mut said = in_trial(child);
    let mut line = String::new();
    while !line.contains("sample.examples") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "a trial ends");
    }
    said
}

#[test]
fn sources_are_looked_at_once_a_sweep() {
    let project = Project::new();
    let config = sweep_of(&project, "sample.stream", 150);
    let mut child = start(&project, &config, &[]);
    let said = after_a_trial(&mut child);
    let photos = project.root().join("photos");
    std::fs::rename(&photos, project.root().join("away")).unwrap();
    let done = finished(&project).len();
    assert!(done < 150, "it is under way");
    let rest: Vec<String> = said.lines().map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest:?}");
    // The best come again with further seeds behind them.
    let of_the_grid = finished(&project).into_iter().filter(|trial| *trial < 150).count();
    assert_eq!((of_the_grid, lines(&project, "trial-failed").len()), (150, 0));
    assert!(!photos.exists());
}

#[test]
fn a_source_that_changes_under_way_stops_the_sweep_by_its_place_and_fails_no_trial() {
    let project = Project::new();
    let config = sweep_of(&project, "dataset.split.images.stream", 150);
    let mut child = start(&project, &config, &[]);
    let said = after_a_trial(&mut child);
    write(&project, "a", 99, 222);
    let rest: Vec<String> = said.lines().map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest:?}");
    let photos = project.root().join("photos");
    let why = format!("the source `images` ({}) of `dataset` has changed since the sweep", photos.display());
    assert!(rest.iter().any(|line| line.contains("the sweep has stopped: ") && line.contains(&why)), "{rest:?}");
    let status = project.json(&["sweep", "status", "--json"], 0);
    assert!(status["stopped"].as_str().unwrap().starts_with(&why), "{status}");
    let trials = &status["trials"];
    assert_eq!((&status["state"], &trials["failed"], &trials["open"]), (&"failed".into(), &0.into(), &1.into()));
    // It goes on once the data is what it was.
    let refused = project.json(&["sweep", "resume", "--json"], 2);
    assert!(refused["errors"][0]["message"].as_str().unwrap().starts_with(&why), "{refused}");
    std::fs::remove_file(photos.join("a/99.png")).unwrap();
    let total = format!("sweep.trials={}", trials["finished"].as_u64().unwrap() + 2);
    let status = project.json(&["sweep", "run", &config, "--json", "--set", &total], 0);
    assert_eq!((&status["state"], &status["trials"]["failed"]), (&"done".into(), &0.into()), "{status}");
}

#[test]
fn a_source_that_is_gone_under_way_stops_the_sweep_by_its_place_and_fails_no_trial() {
    let project = Project::new();
    let config = sweep_of(&project, "dataset.split.images.stream", 150);
    let mut child = start(&project, &config, &[]);
    let said = after_a_trial(&mut child);
    let photos = project.root().join("photos");
    std::fs::rename(&photos, project.root().join("away")).unwrap();
    let rest: Vec<String> = said.lines().map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest:?}");
    let why = format!("the source `images` ({}) of `dataset` has changed", photos.display());
    assert!(rest.iter().any(|line| line.contains(&why)), "{rest:?}");
    assert!(lines(&project, "trial-failed").is_empty());
}

#[test]
fn a_source_that_changes_stops_the_sweep_by_its_name() {
    let project = Project::new();
    let at = |name: &str| project.root().join(name);
    let write = |name: &str, value: u8| {
        let path = at("photos").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::GrayImage::from_pixel(2, 2, image::Luma([value])).save(&path).unwrap();
    };
    for class in ["a", "b"] {
        (0..4).for_each(|number| write(&format!("train/{class}/{number}.png"), number * 9 + class.as_bytes()[0]));
    }
    std::fs::create_dir_all(at("pipelines")).unwrap();
    let template = "format = 1\n[stages.dataset]\nstage = \"dataset\"\n[stages.sample]\nstage = \"sample\"\n\
                    inputs = { dataset = \"dataset\" }\nsplit = \"train\"\n";
    std::fs::write(at("pipelines/two.toml"), template).unwrap();
    let text = "pipeline = \"two\"\nname = \"tiny\"\n[dataset]\nsource = { image-folder = { path = \"photos\" } }\n[sample]\n\
                sampler = { multi-shot = { classes-per-batch = 2, examples-per-class = 2 } }\n[sweep]\nmethod = \"grid\"\n\
                objective = \"sample.examples\"\ndirection = \"maximize\"\n[sweep.parameters]\n\"sample.stream\" = [\"x\", \"y\"]\n";
    std::fs::write(at("photos.toml"), text).unwrap();
    let path = at("photos.toml");
    let config = path.to_str().unwrap();
    let status = project.json(&["sweep", "run", config, "--json", "--set", "sweep.trials=2"], 0);
    assert_eq!(status["trials"]["finished"], 2, "{status}");
    std::thread::sleep(Duration::from_millis(60));
    write("train/a/9.png", 200);
    let refused = project.json(&["sweep", "run", config, "--json"], 2);
    let message = refused["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("of `dataset` has changed since the sweep"), "{message}");
    assert!(refused["errors"][0]["help"].as_str().unwrap().contains("--new"));
}

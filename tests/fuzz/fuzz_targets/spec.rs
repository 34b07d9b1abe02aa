//! Any bytes as a config: there is a graph, or every problem has a place in the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use simpipe_spec::{LoadOptions, load};

fuzz_target!(|text: &[u8]| {
    let path = simpipe_fuzz::file("spec.toml", text);
    let project = path.parent().map(std::path::Path::to_path_buf);
    let options = LoadOptions { project, ..LoadOptions::default() };
    let issues = match load(&path, &options) {
        Ok(experiment) => experiment.issues,
        Err(issues) => {
            assert!(!issues.is_empty(), "a refusal without a reason");
            issues
        }
    };
    for issue in issues {
        let place = issue.place.as_ref().expect("a problem of a text has a place in it");
        let (line, column) = place.line_column();
        assert!(line > 0 && column > 0 && !issue.render().is_empty());
    }
});

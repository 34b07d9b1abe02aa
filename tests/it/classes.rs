//! Class lists on folders whose classes are called like numbers.

use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use serde_json::Value as Json;

use crate::project::Project;

/// Two small images of each class.
fn write_images(root: &Path, classes: &[String]) {
    for (at, class) in classes.iter().enumerate() {
        let folder = root.join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for number in 0..2_u8 {
            let picture = RgbImage::from_pixel(8, 8, Rgb([u8::try_from(at).unwrap() * 9, 100, 60 * number]));
            picture.save_with_format(folder.join(format!("{number}.png")), ImageFormat::Png).unwrap();
        }
    }
}

/// A config on `photos` beside it; the class list stands in line 12.
fn config(folder: &Path, class_list: &str) -> String {
    let text = format!(
        r#"pipeline = "metric-learning"
device = "cpu"

[dataset]
source = {{ image-folder = {{ path = "photos", split = {{ images = {{ test = 0.5 }} }} }} }}

[train]
epochs = 0
layers = ["flatten", "l2-normalize"]

[sample]
class-list = {class_list}
sampler = {{ multi-shot = {{ classes-per-batch = 2, examples-per-class = 1 }} }}

[sample-validation]
sampler = {{ multi-shot = {{ classes-per-batch = 2, examples-per-class = 1 }} }}

[index]
slice = {{ begin = 0, size = 12 }}

[match]
slice = {{ begin = 12, size = 12 }}
neighbours = 5
"#
    );
    let path = folder.join("numbered.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_number_that_is_a_class_and_another_label_is_asked_about_at_its_line() {
    let project = Project::new();
    let classes: Vec<String> = (1..=24).map(|number: usize| number.to_string()).collect();
    write_images(&project.root().join("photos"), &classes);
    let check = |class_list: &str, more: &[&str], code: i32| -> Json {
        let config = config(project.root(), class_list);
        project.json(&[&["check", config.as_str(), "--json"], more].concat(), code)
    };
    let refused = check("[2, 10]", &[], 2);
    let errors = refused["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{refused}");
    assert_eq!((&errors[0]["line"], &errors[1]["line"]), (&12.into(), &12.into()));
    let (message, help) = (errors[0]["message"].as_str().unwrap(), errors[0]["help"].as_str().unwrap());
    assert!(message.contains("called `2`") && message.contains("label 2, `11`"), "{message}");
    assert!(help.contains("\"2\"") && help.contains("{ label = 2 }"), "{help}");
    for both in ["[\"2\", \"10\"]", "[{ label = 2 }, { label = 10 }]", "[{ name = \"2\" }, 0]"] {
        assert_eq!(check(both, &[], 0)["ok"], true, "{both}");
    }
    assert_eq!(check("[\"2..=4\"]", &[], 2)["errors"].as_array().unwrap().len(), 1);
    assert_eq!(check("[{ label = \"2..=4\" }]", &[], 0)["ok"], true);
    // A shell takes the quotes of `--set sample.class-list=["2"]` away.
    let typed = check("\"all\"", &["--set", "sample.class-list=[2, 10]"], 2);
    assert_eq!(typed["errors"].as_array().unwrap().len(), 2, "{typed}");
    let drawn = check("\"all\"", &["--set", "sample.class-list=2"], 0);
    assert!(drawn["warnings"].to_string().contains("drawn at random"), "{drawn}");
}

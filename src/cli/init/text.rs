//! A [`Recipe`] as a config with comments: each choice says why, and what else could be written.

use std::fmt::Write;

use super::super::print::{self, shown};
use super::super::toml_text::quoted;
use super::backbone::Pretrained;
use super::collection::{Collection, HeldOut, Split};
use super::recipe::{Draw, Evaluation, Recipe, median};
use simpipe_base::visible::width;
use simpipe_data::sampler::item_of_name;
use simpipe_stages::match_::free_word;

/// Classes that the table at the top lists; the rest is counted.
const LISTED: usize = 40;
/// A confusion matrix of more classes can't be read.
const CONFUSED: usize = 60;

/// The config's text.
pub(super) fn config(name: &str, file: &str, images: &Collection, recipe: &Recipe) -> String {
    [
        head(name, file, images, recipe),
        dataset(images, recipe),
        sample(images, recipe),
        sample_calibration(images, recipe),
        sample_validation(images, recipe),
        backbone(images, recipe),
        train(recipe),
        evaluation(images, recipe),
        benchmarks(images, recipe),
        report(images, recipe),
    ]
    .concat()
}

/// What is held out, where the recipe uses it.
fn held_out<'a>(images: &'a Collection, recipe: &Recipe) -> Option<&'a HeldOut> {
    images.held_out.as_ref().filter(|_| recipe.held_out.is_some())
}

/// Whether a config that tests unseen classes could be written, and this is none.
pub(super) fn could_be_unseen(images: &Collection, recipe: &Recipe) -> bool {
    images.can_be_unseen && held_out(images, recipe).is_none_or(|held_out| !held_out.by_class)
}

/// What is trained on, what is held out of it where that is known image by image, and what is tested.
pub(super) fn splits<'a>(images: &'a Collection, recipe: &Recipe) -> Vec<&'a Split> {
    match held_out(images, recipe).filter(|held_out| held_out.by_class || images.exact) {
        Some(held_out) => vec![&held_out.train, &held_out.split, &images.test],
        None => vec![&images.train, &images.test],
    }
}

fn dataset(images: &Collection, recipe: &Recipe) -> String {
    let held_out = held_out(images, recipe);
    let mut text = format!("[dataset]\nsource = {}\n", held_out.map_or(&images.source, |held_out| &held_out.source));
    if let Some(rule) = held_out.and_then(|held_out| held_out.rule.as_ref()) {
        line(&mut text, &format!("split = {rule}"));
    }
    if could_be_unseen(images, recipe) {
        line(
            &mut text,
            "# `simpipe init --unseen-classes` writes a config that tests classes that are never trained on.",
        );
    }
    text + "\n"
}

fn head(name: &str, file: &str, images: &Collection, recipe: &Recipe) -> String {
    let (held_out, splits) = (held_out(images, recipe), splits(images, recipe));
    let count = splits.iter().flat_map(|split| &split.counts).sum();
    let (file, subject, classes) = (shown(file), shown(&images.subject), images.classes.len());
    let mut text = format!(
        "# {file}: a first experiment on {subject}, {} of {classes} classes.\n",
        print::counted(count, "image", "images")
    );
    text += "# It runs as it is; every value below may be changed.\n#\n";
    table(&mut text, images, &splits);
    for note in &images.notes {
        line(&mut text, &format!("# Note: {}.", shown(note)));
    }
    let pipeline = match (&recipe.backbone, &held_out) {
        (Some(_), Some(_)) => "frozen-backbone-held-out",
        (Some(_), None) => "frozen-backbone",
        (None, Some(_)) => "metric-learning-held-out",
        (None, None) => "metric-learning-evaluation",
    };
    line(&mut text, &format!("pipeline = \"{pipeline}\"  # the graph of stages: `simpipe graph` draws it"));
    line(&mut text, &format!("name = {}", quoted(name)));
    line(&mut text, &format!("description = {}", quoted(&format!("A first experiment on {subject}"))));
    line(&mut text, "seed = 42                     # another seed draws other batches and first weights");
    text += "device = \"auto\"               # a GPU if this build and machine have one, else the CPU\n\n";
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes all that is written");
}

/// Counts of each class, or of the extremes where there are many.
fn table(text: &mut String, images: &Collection, splits: &[&Split]) {
    let names: Vec<String> = images.classes.iter().map(shown).collect();
    let room = names.iter().take(LISTED).map(|name| width(name)).max().unwrap_or(0).clamp(5, 40);
    let cells = |cell: &dyn Fn(&Split) -> String| {
        splits.iter().map(|split| format!("  {:>10}", cell(split))).collect::<String>()
    };
    line(text, &format!("#   {:<room$}{}", "class", cells(&|split| shown(&split.name))));
    for (label, name) in names.iter().enumerate().take(LISTED) {
        let pad = " ".repeat(room.saturating_sub(width(name)));
        line(text, &format!("#   {name}{pad}{}", cells(&|split| split.counts[label].to_string())));
    }
    if names.len() > LISTED {
        line(text, &format!("#   .. and {} more", names.len() - LISTED));
    }
    for split in splits {
        let name = shown(&split.name);
        let most = split.counts.iter().max().copied().unwrap_or(0);
        let least = split.counts.iter().filter(|count| **count > 0).min().copied().unwrap_or(0);
        let size = match least == most {
            true => print::counted(most, "image", "images"),
            false => {
                format!("{least} to {} (median {})", print::counted(most, "image", "images"), median(&split.counts))
            }
        };
        line(text, &format!("#   `{name}`: {size} per class"));
    }
    text.push_str("#\n");
}

/// The classes of a pool: all, or those with enough images.
fn class_list(images: &Collection, draw: &Draw) -> String {
    let Some(labels) = &draw.labels else { return "class-list = \"all\"\n".to_owned() };
    let left_out = print::counted(draw.tiny.len(), "class", "classes");
    let mut text = format!("class-list = [                # without {left_out} with too few images\n");
    let mut row = String::new();
    for label in labels {
        let name = &images.classes[*label];
        let name = format!(" {},", item_of_name(name, &quoted(name)));
        if row.chars().count() + name.chars().count() > 100 {
            line(&mut text, &format!(" {row}"));
            row.clear();
        }
        row += &name;
    }
    line(&mut text, &format!(" {row}"));
    text + "]\n"
}

fn sampler(draw: &Draw) -> String {
    let (classes, examples) = (draw.classes_per_batch, draw.examples_per_class);
    format!("sampler = {{ multi-shot = {{ classes-per-batch = {classes}, examples-per-class = {examples} }} }}\n\n")
}

fn sample(images: &Collection, recipe: &Recipe) -> String {
    let draw = &recipe.train;
    let split = held_out(images, recipe).map_or(&images.train.name, |held_out| &held_out.train.name);
    let size = draw.classes_per_batch * draw.examples_per_class;
    let mut text = format!("[sample]                      # training batches of {size} images\n");
    line(&mut text, &format!("split = {}", quoted(split)));
    text + &class_list(images, draw) + &sampler(draw)
}

fn sample_calibration(images: &Collection, recipe: &Recipe) -> String {
    let (Some(held_out), Some(draw)) = (held_out(images, recipe), &recipe.held_out) else { return String::new() };
    let mut text =
        "[sample-calibration]          # images held out of training: validation loss and thresholds\n".to_owned();
    line(&mut text, &format!("split = {}", quoted(&held_out.split.name)));
    text + &class_list(images, draw) + &sampler(draw)
}

fn sample_validation(images: &Collection, recipe: &Recipe) -> String {
    let draw = &recipe.test;
    let used = if recipe.held_out.is_some() { "index and queries" } else { "validation loss, index and queries" };
    let mut text = format!("[sample-validation]           # images that training never sees: {used}\n");
    line(&mut text, &format!("split = {}", quoted(&images.test.name)));
    text += &class_list(images, draw);
    if let Some(total) = draw.total {
        line(
            &mut text,
            &format!("total-examples-per-class = {total}   # enough to compare experiments; leave out for all"),
        );
    }
    text + &sampler(draw)
}

/// The network that is there already, and the splits that it makes features of.
fn backbone(images: &Collection, recipe: &Recipe) -> String {
    let Some(Pretrained { layer, note }) = &recipe.backbone else { return String::new() };
    let held_out = held_out(images, recipe);
    let train = held_out.map_or(&images.train.name, |held_out| &held_out.train.name);
    let calibration = held_out.map(|held_out| ("sample-features-calibration", &held_out.split.name));
    let splits =
        [Some(("sample-features", train)), calibration, Some(("sample-features-validation", &images.test.name))];
    let mut text = String::new();
    for (at, (stage, split)) in splits.into_iter().flatten().enumerate() {
        let why = if at == 0 { "# the backbone sees all images of these splits, once" } else { "" };
        line(&mut text, format!("{:<30}{why}", format!("[{stage}]")).trim_end());
        line(&mut text, &format!("split = {}\n", quoted(split)));
    }
    line(
        &mut text,
        "[backbone]                    # loaded, not trained: its features are what the head is trained on",
    );
    line(&mut text, "layers = [");
    line(&mut text, &format!("  {layer},"));
    line(&mut text, &format!("]                             # {note}\n"));
    text
}

fn train(recipe: &Recipe) -> String {
    let Recipe { epochs, steps_per_epoch, .. } = recipe;
    let about = if recipe.backbone.is_some() {
        "                       # a head on the features: trained in seconds"
    } else {
        ""
    };
    let mut text =
        format!("[train]{about}\nepochs = {epochs}\nsteps-per-epoch = {steps_per_epoch}\nvalidation-steps = 20\n");
    line(&mut text, "optimizer = { adam = { learning-rate = 0.002 } }");
    line(&mut text, "loss = \"multi-similarity\"     # `simpipe docs multi-similarity` has its parameters");
    line(&mut text, "layers = [                    # `simpipe check` shows the shape after each");
    recipe.layers.iter().for_each(|layer| line(&mut text, &format!("  {layer}")));
    text + "]\n\n"
}

/// Without this a copy of what is indexed, or was trained on, ends the run once it has been trained.
const ALLOWED: &str =
    "allow-overlap = true          # there may be copies: the report says how many, and counts without them";

fn evaluation(images: &Collection, recipe: &Recipe) -> String {
    let mut text = match recipe.held_out {
        Some(_) => {
            "[embed-calibration]           # each is looked up among the other held-out images to find thresholds\n\
                    slice = \"all\"\n\n"
                .to_owned()
        }
        None => format!(
            "[embed-calibration]           # training images: their distances are too small, and the report says so\n\
             slice = {{ begin = 0, size = {} }}\n\n",
            recipe.calibration
        ),
    };
    match recipe.evaluation {
        Evaluation::Halves { index, queries } => {
            line(&mut text, "[index]                       # the first half of the test images, in shuffled order");
            line(&mut text, &format!("slice = {{ begin = 0, size = {index} }}\n"));
            line(&mut text, "[match]                       # the other half are the queries: none matches itself");
            line(&mut text, &format!("slice = {{ begin = {index}, size = {queries} }}"));
        }
        Evaluation::LeaveOneOut => {
            let few = median(&images.test.counts);
            line(
                &mut text,
                &format!("[index]                       # {few} test images per class are too few to halve"),
            );
            line(&mut text, "slice = \"all\"\n");
            line(&mut text, "[match]                       # each test image is looked up among all others");
            line(&mut text, "slice = \"all\"\nleave-one-out = true");
        }
    }
    text += &matching(images, recipe.neighbours);
    let evaluations: &[&str] = match (&recipe.backbone, &recipe.held_out) {
        (Some(_), _) => &["evaluate-features", "evaluate"],
        (None, Some(_)) => &["evaluate"],
        (None, None) => &[],
    };
    for stage in evaluations.iter().filter(|_| images.copies) {
        line(&mut text, &format!("[{stage}]\n{ALLOWED}\n"));
    }
    text + "[calibrate]                   # finds the distance up to which a match is believed\nmetric = \"f1\"\n\
            counting = \"open-set\"         # a query with a wrong label is missed; \"lookup\" counts as TensorFlow Similarity\n\n"
}

/// What every `match` says: how many neighbours, whether copies may be among them, and the word for no match.
fn matching(images: &Collection, neighbours: usize) -> String {
    let mut text = format!("neighbours = {neighbours}\n");
    if images.copies {
        line(&mut text, ALLOWED);
    }
    if images.classes.iter().any(|class| class == "Unknown") {
        let unknown = quoted(&free_word(&images.classes));
        line(&mut text, &format!("unknown-label = {unknown}   # the word for no match: `Unknown` is a class here"));
    }
    text + "\n"
}

/// Where no images are held out: numbers that need no threshold, of all test images among those of training and among
/// themselves.
fn benchmarks(images: &Collection, recipe: &Recipe) -> String {
    if recipe.backbone.is_some() || held_out(images, recipe).is_some() {
        return String::new();
    }
    let mut text = "[sample-test]                 # all test images, for the two evaluations below\n".to_owned();
    line(&mut text, &format!("split = {}", quoted(&images.test.name)));
    text += &(class_list(images, &recipe.test) + &sampler(&recipe.test));
    text += "[match-train]                 # each test image is looked up among the training images\n";
    text += &matching(images, recipe.neighbours.min(recipe.calibration));
    text += "[match-test]                  # each test image is looked up among all others\n";
    text += &matching(images, recipe.neighbours);
    let notes = ["needs no threshold: test images among the training images", "test images among all others"];
    for (stage, note) in ["evaluate", "evaluate-test"].into_iter().zip(notes) {
        line(&mut text, &format!("{:<30}# {note}", format!("[{stage}]")));
        line(&mut text, "metrics = [\"recall@1\", \"map@r\", \"r-precision\"]");
        if images.copies {
            line(&mut text, ALLOWED);
        }
        text.push('\n');
    }
    text
}

fn report(images: &Collection, recipe: &Recipe) -> String {
    let mut text = "[report]\nfigures = [\n".to_owned();
    let (grid, strips) = (recipe.train.pool.min(25), recipe.queries().min(10));
    let test_classes = recipe.test.labels.as_ref().map_or(images.classes.len(), Vec::len);
    line(&mut text, &format!("  {{ sample-grid = {{ count = {grid}, columns = 5 }} }},"));
    line(&mut text, "  \"training-curves\",");
    let k = recipe.neighbours;
    line(
        &mut text,
        &format!("  {{ neighbours = {{ slice = {{ begin = 0, size = {strips} }}, k = {k}, order = \"worst\" }} }},"),
    );
    text += "  \"metrics-over-distance\",\n  \"precision-recall\",\n  \"reliability\",\n";
    if test_classes <= CONFUSED {
        text += "  \"confusion-matrix\",\n";
    }
    text + "  { no-match = { limit = 25 } },\n  { projection = { method = \"t-sne\", count = 1000 } },\n]\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_can_break_out_of_its_line() {
        for name in ["plain", "with \"quotes\"", "line\nbreak", "back\\slash", "日本"] {
            let table: toml::Table = toml::from_str(&format!("name = {}", quoted(name))).unwrap();
            assert_eq!(table["name"].as_str(), Some(name));
        }
    }
}

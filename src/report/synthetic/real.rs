//! Real images with made-up embeddings, for people to look at.

use simpipe_artifact::{Embeddings, Image, ImageShape, MatchRow, Matches, Neighbour};

use super::{confusion, history, label, noise, with};
use crate::ReportData;

/// Real images with made-up embeddings: classes as the folders of `jpegs`, 100 images each, the first 200 of the
/// shuffled pool indexed, all queried, as the tutorial does.
pub fn real(jpegs: &std::path::Path) -> ReportData {
    let mut classes: Vec<String> =
        std::fs::read_dir(jpegs).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    classes.sort();
    let shape = ImageShape { height: 32, width: 32, channels: 3 };
    let mut data = with(classes.len(), 10, shape);
    data.dataset.classes = classes.iter().map(|name| name[..1].to_uppercase() + &name[1..]).collect();
    let count = 1000;
    let order: Vec<usize> = (0..count).map(|at| at * 389 % count).collect();
    let read = |at: usize, offset: usize| {
        let (class, number) = (order[at] % classes.len(), order[at] / classes.len() + offset);
        let mut files: Vec<_> =
            std::fs::read_dir(jpegs.join(&classes[class])).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        (class as i32, Image { shape, pixels: image::open(&files[number]).unwrap().into_rgb8().into_raw() })
    };
    for (at, id) in data.samples.example_id.clone().into_iter().enumerate() {
        let (label, image) = read(at, 300);
        data.samples.label[at] = label;
        data.images.insert(id, image);
    }
    data.samples.label.extend((30..50_000).map(|at| label(at, classes.len())));
    let dim = 64;
    let mut embeddings = Embeddings { dim, ..Embeddings::default() };
    for at in 0..count {
        let (label, image) = read(at, 0);
        embeddings.position.push(at as u64);
        embeddings.example_id.push(10_000 + at as u64);
        embeddings.label.push(label);
        embeddings.split.push("test".to_owned());
        embeddings.digest.push(image.digest().to_string());
        let value = |column: usize| {
            let centre = noise(label as usize * 641 + column * 13, 2000) as f32 / 1000.0 - 1.0;
            let own: f32 = (0..4).map(|n| noise((at * dim + column) * 4 + n, 2000) as f32 / 1000.0 - 1.0).sum();
            centre + own
        };
        let row: Vec<f32> = (0..dim).map(value).collect();
        let norm = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        embeddings.values.extend(row.iter().map(|value| value / norm));
        data.images.insert(10_000 + at as u64, image);
    }
    search(&mut data, &embeddings, 200);
    data.embeddings = embeddings;
    data.confusion = confusion(&data.matches);
    data.history = history(3, 4000);
    data
}

fn search(data: &mut ReportData, embeddings: &Embeddings, indexed: usize) {
    let distance = |one: usize, other: usize| {
        let dot: f32 = embeddings.row(one).iter().zip(embeddings.row(other)).map(|(a, b)| a * b).sum();
        (1.0 - dot).max(0.0)
    };
    let row = |query: usize| {
        let mut found: Vec<(f32, usize)> = (0..indexed).map(|at| (distance(query, at), at)).collect();
        found.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        let neighbour = |(rank, (distance, at)): (usize, &(f32, usize))| Neighbour {
            rank: rank as u32 + 1,
            example_id: embeddings.example_id[*at],
            label: embeddings.label[*at],
            distance: *distance,
        };
        let neighbours: Vec<Neighbour> = found.iter().take(5).enumerate().map(neighbour).collect();
        MatchRow {
            query_id: embeddings.example_id[query],
            label: embeddings.label[query],
            predicted: Some(neighbours[0].label),
            distance: neighbours[0].distance,
            matched: neighbours[0].distance <= 0.74,
            probability: 1.0 - f64::from(neighbours[0].distance.min(1.0)),
            neighbours,
        }
    };
    data.matches = Matches((0..embeddings.len()).map(row).collect());
    data.index.example_id = embeddings.example_id[..indexed].to_vec();
    data.index.label = embeddings.label[..indexed].to_vec();
    data.index.digest = embeddings.digest[..indexed].to_vec();
    data.index_info.count = indexed;
}

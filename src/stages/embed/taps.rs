//! Which layers an embedding is taken from, by name or by place.

use simpipe_artifact::LayerSummary;
use simpipe_base::issue::Issue;
use simpipe_base::suggest;

/// A layer of the outermost list whose output is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tap {
    /// Its place in the list.
    pub(super) place: usize,
    /// `layers.5.global-max-pool`.
    pub(super) path: String,
    /// Length of what it gives.
    pub(super) dim: usize,
    /// Whether it is the network's last.
    pub(super) is_last: bool,
}

/// The layers that are named, each with the path of the parameter that names it, in a table of layers; the last one where
/// none is named.
pub(super) fn taps(named: &[(String, &str)], rows: &[LayerSummary]) -> Result<Vec<Tap>, Vec<Issue>> {
    if named.is_empty() {
        return Ok(rows.iter().filter_map(|row| tap(row, rows)).next_back().into_iter().collect());
    }
    let (mut taps, mut issues) = (Vec::new(), Vec::new());
    for (parameter, name) in named {
        match found(name, rows) {
            Ok(tap) if taps.contains(&tap) => {
                let message = format!("`{name}` is listed already as `{}`", tap.path);
                issues.push(Issue::of(parameter, message).help("leave it out: each layer is used once"));
            }
            Ok(tap) => taps.push(tap),
            Err((message, help)) => issues.push(Issue::of(parameter, message).help(help)),
        }
    }
    if issues.is_empty() { Ok(taps) } else { Err(issues) }
}

/// The layer as one that may be taken; `None` if it stands inside another or gives a map.
fn tap(row: &LayerSummary, rows: &[LayerSummary]) -> Option<Tap> {
    let (place, &[dim]) = (place(row)?, row.output.as_slice()) else { return None };
    let last = rows.iter().filter_map(self::place).max();
    Some(Tap { place, path: row.path.clone(), dim, is_last: last == Some(place) })
}

/// The place of a layer in the outermost list; `None` if it stands inside another.
fn place(row: &LayerSummary) -> Option<usize> {
    let mut steps = row.path.split('.');
    let (Some("layers"), Some(place), Some(_), None) = (steps.next(), steps.next(), steps.next(), steps.next()) else {
        return None;
    };
    place.parse().ok()
}

fn found(name: &str, rows: &[LayerSummary]) -> Result<Tap, (String, String)> {
    let is_meant = |row: &&LayerSummary| {
        let short = row.path.rsplit_once('.').map_or("", |(short, _)| short);
        [row.name.as_str(), row.path.as_str(), short].contains(&name) || short.strip_prefix("layers.") == Some(name)
    };
    let can_be_taken: Vec<&str> =
        rows.iter().filter(|row| tap(row, rows).is_some()).map(|row| row.name.as_str()).collect();
    let Some(row) = rows.iter().find(is_meant) else {
        return Err((format!("the model has no layer `{name}`"), suggest::help(name, &can_be_taken)));
    };
    let help = format!("choose one of {}", suggest::one_of(&can_be_taken));
    let sides = row.output.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ");
    match tap(row, rows) {
        Some(tap) => Ok(tap),
        None if place(row).is_none() => Err((format!("`{name}` is inside another layer (`{}`)", row.path), help)),
        None => Err((format!("`{name}` gives a map of {sides}, but an embedding is a vector"), help)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<LayerSummary> {
        let row = |name: &str, path: &str, output: &[usize]| LayerSummary {
            name: name.to_owned(),
            path: path.to_owned(),
            input: Vec::new(),
            output: output.to_vec(),
            parameters: 0,
        };
        vec![
            row("conv2d", "layers.0.conv2d", &[4, 4, 8]),
            row("conv2d-2", "layers.1.residual.body.0.conv2d", &[4, 4, 8]),
            row("residual", "layers.1.residual", &[4, 4, 8]),
            row("global-max-pool", "layers.2.global-max-pool", &[8]),
            row("dense", "layers.3.dense", &[6]),
            row("l2-normalize", "layers.4.l2-normalize", &[6]),
        ]
    }

    fn one(name: &str) -> Result<Tap, String> {
        let found = taps(&[("layer".to_owned(), name)], &rows());
        found.map(|mut taps| taps.remove(0)).map_err(|issues| {
            assert_eq!(issues[0].path, "layer");
            format!("{}; {}", issues[0].message, issues[0].help.as_deref().unwrap())
        })
    }

    #[test]
    fn a_layer_is_found_by_name_and_by_place() {
        let pool = Tap { place: 2, path: "layers.2.global-max-pool".to_owned(), dim: 8, is_last: false };
        for name in ["global-max-pool", "layers.2", "2", "layers.2.global-max-pool"] {
            assert_eq!(one(name).unwrap(), pool, "{name}");
        }
        assert!(one("4").unwrap().is_last);
        assert_eq!(taps(&[], &rows()).unwrap(), [one("l2-normalize").unwrap()]);
    }

    #[test]
    fn what_can_not_be_taken_is_told() {
        assert_eq!(
            one("global-max-pol").unwrap_err(),
            "the model has no layer `global-max-pol`; did you mean `global-max-pool`?"
        );
        let ways = "choose one of `global-max-pool`, `dense` or `l2-normalize`";
        assert_eq!(
            one("conv2d").unwrap_err(),
            format!("`conv2d` gives a map of 4 x 4 x 8, but an embedding is a vector; {ways}")
        );
        assert_eq!(
            one("conv2d-2").unwrap_err(),
            format!("`conv2d-2` is inside another layer (`layers.1.residual.body.0.conv2d`); {ways}")
        );
        for name in ["", "5", "layers", "layers.9", "layers.1.residual.body.0"] {
            assert!(one(name).is_err(), "{name}");
        }
        let two = [("layers[0]".to_owned(), "dense"), ("layers[1]".to_owned(), "x")];
        assert_eq!(taps(&two, &rows()).unwrap_err()[0].path, "layers[1]");
        // By whatever name, once is enough.
        let names = ["dense", "layers.2", "layers.3.dense", "global-max-pool"];
        let twice: Vec<_> = names.iter().enumerate().map(|(at, name)| (format!("layers[{at}]"), *name)).collect();
        let issues = taps(&twice, &rows()).unwrap_err();
        assert_eq!(issues.iter().map(|issue| issue.path.as_str()).collect::<Vec<_>>(), ["layers[2]", "layers[3]"]);
        assert_eq!(issues[0].message, "`layers.3.dense` is listed already as `layers.3.dense`");
    }
}

//! Text that fits its room: in lines, or cut.

use std::collections::BTreeMap;

use super::{Weight, width};

/// The text in lines of at most `room` pixels, broken between words.
pub(crate) fn wrap(text: &str, size: f64, weight: Weight, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match (longer, lines.last_mut()) {
            (Some(longer), Some(line)) if width(&longer, size, weight) <= room => *line = longer,
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Longer than any room; each character cut off is measured.
const LONGEST: usize = 300;

/// The text, its end replaced by an ellipsis where it is wider than `room` pixels.
pub(crate) fn fit(text: &str, size: f64, weight: Weight, room: f64) -> String {
    let cut = text.char_indices().nth(LONGEST).map(|(end, _)| format!("{}…", &text[..end]));
    let text = cut.as_deref().unwrap_or(text);
    if width(text, size, weight) <= room {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let shorter = kept.iter().collect::<String>().trim_end().to_owned() + "…";
        if width(&shorter, size, weight) <= room {
            return shorter;
        }
    }
    "…".to_owned()
}

/// A class's name, its middle replaced by an ellipsis where it is wider than `room` pixels: names of a family differ at
/// their ends (`Greek_character07`, `Greek_character08`).
pub(crate) fn fit_name(name: &str, size: f64, weight: Weight, room: f64) -> String {
    if width(name, size, weight) <= room {
        return name.to_owned();
    }
    let letters: Vec<char> = name.chars().collect();
    let (mut head, mut tail) = (letters.len().min(LONGEST).div_ceil(2), letters.len().min(LONGEST) / 2);
    while head + tail > 0 {
        let start: String = letters[..head].iter().collect();
        let end: String = letters[letters.len() - tail..].iter().collect();
        let shorter = format!("{}…{}", start.trim_end(), end.trim_start());
        if width(&shorter, size, weight) <= room {
            return shorter;
        }
        if head > tail { head -= 1 } else { tail -= 1 }
    }
    "…".to_owned()
}

/// Every name of a list, cut as [`fit_name`] does. Of those that would then look alike the places are shown where they differ,
/// with the two letters before, as many of them as it takes to tell them apart.
pub(crate) fn fit_names(names: &[impl AsRef<str>], size: f64, weight: Weight, room: f64) -> Vec<String> {
    let mut cut: Vec<String> = names.iter().map(|name| fit_name(name.as_ref(), size, weight, room)).collect();
    let letters: Vec<Vec<char>> = names.iter().map(|name| name.as_ref().chars().collect()).collect();
    let mut differ: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut left = alike(&cut, (0..names.len()).collect());
    while let Some(group) = left.pop() {
        let first = &letters[group[0]];
        let same = |at: &usize| group.iter().all(|name| letters[*name].get(*at) == first.get(*at));
        let common = (0..first.len()).take_while(same).count();
        if group.iter().all(|name| letters[*name].len() == common) {
            continue; // one name several times
        }
        let mut goes_on: BTreeMap<Option<char>, Vec<usize>> = BTreeMap::new();
        for name in group {
            let places = differ.entry(name).or_default();
            places.push(common);
            cut[name] = around(&letters[name], places, |text| width(text, size, weight) <= room);
            goes_on.entry(letters[name].get(common).copied()).or_default().push(name);
        }
        // Those that go on with the same letter share more than before.
        left.extend(goes_on.into_values().flat_map(|group| alike(&cut, group)));
    }
    cut
}

/// What stands at some places of a name and as much behind each as fits; nothing but an ellipsis where nothing does.
fn around(letters: &[char], places: &[usize], fits: impl Fn(&str) -> bool) -> String {
    const BEFORE: usize = 2;
    let text = |behind: usize| {
        let (mut text, mut end) = (String::new(), 0);
        for place in places {
            let from = place.saturating_sub(BEFORE);
            if from > end {
                text.push('…');
            }
            let to = (place + behind).min(letters.len());
            text.extend(letters.get(end.max(from)..to).unwrap_or_default());
            end = end.max(to);
        }
        if end < letters.len() { text + "…" } else { text }
    };
    let longest = (1..=letters.len().min(LONGEST)).map(text).take_while(|text| fits(text)).last();
    longest.unwrap_or_else(|| "…".to_owned())
}

/// The places of names that look the same, each group that has more than one.
fn alike(cut: &[String], places: Vec<usize>) -> Vec<Vec<usize>> {
    let mut found: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for place in places {
        found.entry(&cut[place]).or_default().push(place);
    }
    found.into_values().filter(|places| places.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_never_past_the_room() {
        let lines = wrap("one two three four", 20.0, Weight::Regular, 100.0);
        assert!(lines.len() > 1 && lines.iter().all(|line| width(line, 20.0, Weight::Regular) <= 100.0), "{lines:?}");
        assert_eq!(lines.join(" "), "one two three four");
        let short = fit("Automobile", 20.0, Weight::Regular, 60.0);
        assert!(short.ends_with('…') && width(&short, 20.0, Weight::Regular) <= 60.0, "{short}");
        assert_eq!(fit("Cat", 20.0, Weight::Regular, 60.0), "Cat");
    }

    #[test]
    fn long_names_keep_their_ends() {
        let fitted = |name: &str, room: f64| fit_name(name, 20.0, Weight::Regular, room);
        let (seven, eight) = (fitted("Early_Aramaic_character07", 120.0), fitted("Early_Aramaic_character08", 120.0));
        assert_ne!(seven, eight);
        assert!(seven.starts_with("Early") && seven.ends_with("07") && seven.contains('…'), "{seven}");
        assert!(width(&seven, 20.0, Weight::Regular) <= 120.0);
        assert_eq!(fitted("Cat", 60.0), "Cat");
        assert_eq!(fitted("Cat", 1.0), "…");
        assert!(width(&fitted(&"ä".repeat(5000), 90.0), 20.0, Weight::Regular) <= 90.0);
    }

    #[test]
    fn names_that_differ_late_and_twice_are_cut_until_they_differ() {
        let begin = "All_images_of_this_family_of_classes_begin_alike";
        let names: Vec<String> = ["left_wing_seen_from_above", "right_wing_seen_from_above"]
            .iter()
            .flat_map(|side| (1..4).map(move |number| format!("{begin}_{side}_{number}_of_a_list_that_ends_alike")))
            .collect();
        let fitted = fit_names(&names, 20.0, Weight::Regular, 170.0);
        let different: std::collections::BTreeSet<&String> = fitted.iter().collect();
        assert_eq!(different.len(), names.len(), "{fitted:?}");
        assert!(fitted.iter().all(|name| width(name, 20.0, Weight::Regular) <= 170.0), "{fitted:?}");
        // No room for anything.
        assert_eq!(fit_names(&names, 20.0, Weight::Regular, 1.0), ["…"; 6]);
    }

    #[test]
    fn names_of_a_list_stay_apart() {
        let names = ["Upper_part_of_the_left_wing_seen", "Upper_part_of_the_right_wing_seen", "Upper", "Cat"];
        let fitted = fit_names(&names, 20.0, Weight::Regular, 150.0);
        assert_eq!(fitted[2..], ["Upper", "Cat"]);
        assert!(fitted[0].starts_with("…e_left") && fitted[1].starts_with("…e_right"), "{fitted:?}");
        assert!(fitted.iter().all(|name| width(name, 20.0, Weight::Regular) <= 150.0), "{fitted:?}");
        // The same name twice stays what it is; names that their ends tell apart too.
        let names = ["Early_Aramaic_character07", "Early_Aramaic_character08", "Early_Aramaic_character07"];
        let alone: Vec<String> = names.iter().map(|name| fit_name(name, 20.0, Weight::Regular, 120.0)).collect();
        assert_eq!(fit_names(&names, 20.0, Weight::Regular, 120.0), alone);
        assert_eq!(fit_names(&[""; 0], 20.0, Weight::Regular, 120.0), [""; 0]);
    }
}

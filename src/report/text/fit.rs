//! Text that fits its room: in lines, or cut.

use std::collections::BTreeMap;

use super::{Weight, width};

/// The text in lines of at most `room` pixels, broken between words.
pub(in crate::report) fn wrap(text: &str, size: f64, weight: Weight, room: f64) -> Vec<String> {
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
pub(in crate::report) fn fit(text: &str, size: f64, weight: Weight, room: f64) -> String {
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
pub(in crate::report) fn fit_name(name: &str, size: f64, weight: Weight, room: f64) -> String {
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

/// Every name of a list, cut as [`fit_name`] does; those that would then look alike are cut before the place where they first
/// differ, with the two letters before it.
pub(in crate::report) fn fit_names(names: &[impl AsRef<str>], size: f64, weight: Weight, room: f64) -> Vec<String> {
    let mut cut: Vec<String> = names.iter().map(|name| fit_name(name.as_ref(), size, weight, room)).collect();
    let mut alike: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, short) in cut.iter().enumerate() {
        alike.entry(short.clone()).or_default().push(at);
    }
    for places in alike.into_values().filter(|places| places.len() > 1) {
        let letters: Vec<Vec<char>> = places.iter().map(|at| names[*at].as_ref().chars().collect()).collect();
        let same = |at: &usize| letters.iter().all(|name| name.get(*at) == letters[0].get(*at));
        let common = (0..letters[0].len()).take_while(same).count();
        if letters.iter().all(|name| name.len() == common) {
            continue; // one name several times
        }
        for (at, letters) in places.iter().zip(&letters) {
            let rest: String = letters[common.saturating_sub(2)..].iter().collect();
            cut[*at] = fit(&format!("…{rest}"), size, weight, room);
        }
    }
    cut
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

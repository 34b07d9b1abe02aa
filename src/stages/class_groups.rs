//! Groups of classes, such as the alphabets of letters, told by the names of classes.

use simpipe_base::issue::Issue;

/// The group of each class by label; `None` where the data has no groups.
///
/// Groups are read from the names of nested classes, `greek/alpha`: all but the last part is the group. Every class must have
/// one, for a single name with a `/` in it is just a name.
pub(super) fn groups(classes: &[String]) -> Option<Vec<&str>> {
    let group = |class: &'_ String| -> Option<usize> { class.rfind('/').filter(|at| *at > 0) };
    let ends: Option<Vec<usize>> = classes.iter().map(group).collect();
    let ends = ends.filter(|ends| !ends.is_empty())?;
    Some(classes.iter().zip(ends).map(|(class, end)| &class[..end]).collect())
}

/// The group of a label.
pub(super) fn of_label<'a>(groups: &[&'a str], label: i32) -> Option<&'a str> {
    usize::try_from(label).ok().and_then(|label| groups.get(label)).copied()
}

/// What a parameter at `path` asks for and the data has not.
pub(super) fn none(path: &str) -> Issue {
    Issue::of(path, "the data has no groups: its class names do not have the form `group/class`").unavailable()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(classes: &[&str]) -> Option<Vec<String>> {
        let classes: Vec<String> = classes.iter().map(|&class| class.to_owned()).collect();
        groups(&classes).map(|groups| groups.into_iter().map(str::to_owned).collect())
    }

    #[test]
    fn nested_classes_have_the_group_around_them() {
        let found = of(&["greek/alpha", "greek/beta", "asia/bengali/ka"]).unwrap();
        assert_eq!(found, ["greek", "greek", "asia/bengali"]);
        // A class of Fashion-MNIST is called so; a name that begins with `/` has nothing in front of it.
        for none in [&["T-shirt/top", "Trouser"][..], &["/a", "/b"], &[]] {
            assert_eq!(of(none), None, "{none:?}");
        }
        assert_eq!([-1, 0, 2].map(|label| of_label(&["greek", "latin"], label)), [None, Some("greek"), None]);
    }
}

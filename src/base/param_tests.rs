//! What `params!` and `choice!` declare, tried on declarations of their own.

use serde_json::{Value as Json, json};

use super::check;
use super::issue::{Issue, Issues};
use super::node::{MOST_NESTED, Node, Value, table_from_toml};
use super::param::{self, Param, Shape, View, from_json};
use super::source::{Place, Source};
use crate::{choice, params};

/// What the alternatives below have in common.
trait Sound {
    fn sound(&self) -> String;
}

params! {
    /// Says nothing.
    struct Fish {}
}

params! {
    /// Barks.
    pub(super) struct Dog {
        /// How often.
        times: usize = 1,
    }
}

impl Sound for Fish {
    fn sound(&self) -> String {
        String::new()
    }
}

impl Sound for Dog {
    fn sound(&self) -> String {
        "woof".repeat(self.times)
    }
}

choice! {
    /// An animal.
    enum Animal: dyn Sound {
        /// Silent.
        "fish" => Fish(Fish),
        /// Loud.
        "dog" => Dog(Box<Dog>),
    }
}

choice! {
    /// The same with alternatives that have no parameters.
    enum Unit {
        /// Silent.
        "fish" => Fish,
        /// Loud.
        "dog" => Dog(Dog),
    }
}

choice! {
    /// Everything boxed, for nobody else.
    enum Boxed: dyn Sound {
        /// Loud.
        "dog" => Dog(Box<Dog>),
    }
}

mod inner {
    use super::{Dog, Sound};

    crate::choice! {
        /// For the whole layer, with a trait for the module above.
        pub(crate) enum Loud: pub(super) dyn Sound {
            /// Loud.
            "dog" => Dog(Dog),
        }
    }
}

fn messages<T: Param>(json: &Json) -> Vec<(String, String, Option<String>)> {
    let said = |issue: Issue| (issue.path, issue.message, issue.help);
    from_json::<T>(json).map_or_else(|issues| issues.into_iter().map(said).collect(), |_| Vec::new())
}

#[test]
fn an_alternative_is_its_trait() {
    let sound = |json: Json| from_json::<Animal>(&json).unwrap().as_dyn().sound();
    assert_eq!((sound(json!("fish")), sound(json!("dog"))), (String::new(), "woof".to_owned()));
    assert_eq!(sound(json!({ "dog": { "times": 2 } })), "woofwoof");
    assert_eq!(Boxed::Dog(param::defaults()).as_dyn().sound(), "woof");
    assert_eq!(inner::Loud::Dog(param::defaults()).as_dyn().sound(), "woof");
}

#[test]
fn an_empty_table_is_a_bare_name() {
    for view in [View::Full, View::Portable, View::Key] {
        let (record, unit) = (Animal::Fish(Fish {}), Unit::Fish);
        assert_eq!((record.write(view), unit.write(view)), (json!("fish"), json!("fish")));
    }
    for accepted in [json!("fish"), json!({ "fish": {} })] {
        assert_eq!(from_json::<Animal>(&accepted).unwrap(), Animal::Fish(Fish {}));
        assert_eq!(from_json::<Unit>(&accepted).unwrap(), Unit::Fish);
    }
    for refused in [json!({ "fish": { "times": 2 } }), json!({ "fish": 3 }), json!({ "fish": [] }), json!("fisch")] {
        let said = messages::<Animal>(&refused);
        assert_eq!(said.len(), 1);
        assert_eq!(said, messages::<Unit>(&refused), "{refused}");
    }
}

params! {
    /// Steps one after the other, and others beside them.
    struct Block {
        /// One after the other.
        body: Vec<Step>,
        /// Side by side.
        branches: Vec<Vec<Step>> = Vec::new(),
        /// What comes last.
        last: Option<Box<Step>> = None,
    }
}

params! {
    /// A filter.
    struct Filter {
        /// Side.
        kernel: usize => check::at_least(1),
        /// Step.
        stride: usize = 1,
    }
}

choice! {
    /// A step, which may hold steps.
    enum Step {
        /// Does nothing.
        "rest" => Rest,
        /// Filters.
        "filter" => Filter(Filter),
        /// Several.
        "block" => Block(Block),
        /// One in a box.
        "boxed" => Boxed(Box<Block>),
    }
}

params! {
    /// What a stage takes.
    struct Program {
        /// The steps.
        steps: Vec<Step>,
    }
}

/// Reads TOML as the stage `run`.
fn read<T: Param>(text: &str) -> Result<T, Vec<Issue>> {
    let source = Source::new("a.toml", text, std::path::Path::new(""));
    let parsed = toml::de::DeTable::parse(&source.text).unwrap();
    let table = Value::Table(table_from_toml(&source, parsed.get_ref()));
    let mut issues = Issues::default();
    let node = Node { value: table, place: Place::new(&source, 0..0) };
    let value = T::read(&node, "run", &mut issues);
    issues.finish().map(|()| value.unwrap())
}

#[test]
fn a_choice_may_hold_itself() {
    let text = "steps = [\"rest\", { block = { body = [{ filter = { kernel = 3 } }], branches = [[\"rest\"], []], \
                last = { boxed = { body = [] } } } }]";
    let program: Program = read(text).unwrap();
    let full = program.write(View::Full);
    let expected = json!(["rest", { "block": {
        "body": [{ "filter": { "kernel": 3, "stride": 1 } }], "branches": [["rest"], []],
        "last": { "boxed": { "body": [], "branches": [] } },
    } }]);
    assert_eq!(full["steps"], expected);
    assert_eq!(from_json::<Program>(&full).unwrap(), program);
    let key = program.write(View::Key);
    assert_eq!(key["steps"][1]["block"]["body"], json!([{ "filter": { "kernel": 3 } }]));
    // The shape of it has no end, but ends where nobody looks.
    let Shape::Record(record) = Program::shape() else { panic!("a table") };
    assert!(format!("{record:?}").contains("LazyChoice(\"Step\")"));
    let Shape::List(item) = &record.fields[0].shape else { panic!("a list") };
    assert_eq!(**item, Step::shape());
    assert_ne!(**item, Animal::shape());
    let holds_itself = |shape| matches!(shape, Shape::Choice(choice) if choice.holds_itself());
    assert!(holds_itself(Step::shape()) && !holds_itself(Animal::shape()));
}

#[test]
fn errors_of_what_is_nested_point_at_its_line() {
    let cases = [
        (
            "{ filter = { kernel = 0 } }",
            "filter.kernel",
            "`run.steps[1].block.body[0].filter.kernel` must be at least 1, found 0",
            "",
        ),
        (
            "{ filter = {} }",
            "filter.kernel",
            "missing key `kernel`",
            "`run.steps[1].block.body[0].filter.kernel` has no default: set it to an integer, at least 1",
        ),
        (
            "{ filter = { kernle = 3 } }",
            "filter.kernle",
            "unknown key `kernle` in `run.steps[1].block.body[0].filter`",
            "did you mean `kernel`?",
        ),
        ("\"fliter\"", "", "unknown choice `fliter` for `run.steps[1].block.body[0]`", "did you mean `filter`?"),
        (
            "{ kernel = 3 }",
            "",
            "unknown choice `kernel` for `run.steps[1].block.body[0]`",
            "`kernel` belongs inside `filter`: write { filter = { kernel = .. } }",
        ),
        (
            "3",
            "",
            "`run.steps[1].block.body[0]` expects a name or a one-key table, found the integer 3",
            "write `rest`, `filter`, `block` or `boxed`",
        ),
        (
            "{ block = 3 }",
            "block",
            "`run.steps[1].block.body[0].block` expects a table, found the integer 3",
            "write `{ key = value, .. }`, or `[name]` with the keys below it",
        ),
    ];
    for (step, path, message, help) in cases {
        let issues =
            read::<Program>(&format!("steps = [\"rest\",\n{{ block = {{ body = [\n{step}] }} }}]")).unwrap_err();
        assert_eq!(issues.len(), 1, "{issues:?}");
        let at = format!("run.steps[1].block.body[0].{path}");
        assert_eq!((issues[0].path.as_str(), issues[0].message.as_str()), (at.trim_end_matches('.'), message));
        assert_eq!(issues[0].record().line, 3, "{step}");
        assert_eq!(issues[0].help.as_deref().unwrap_or_default(), help);
    }
}

#[test]
fn as_deep_as_a_spec_may_be_is_read_on_a_small_stack() {
    let levels = (MOST_NESTED - 1) / 3;
    let text = format!("steps = [{}{}]", "{ block = { body = [".repeat(levels), "] } }".repeat(levels));
    let deep = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        let program: Program = read(&text).unwrap();
        (program.clone() == program, program.write(View::Key).to_string().matches("block").count())
    });
    assert_eq!(deep.unwrap().join().unwrap(), (true, levels));
}

/// The same choice twice, of one version and of the next.
mod versions {
    use super::Dog;

    crate::choice! {
        /// A loss.
        pub(super) enum First {
            /// Of no parameters.
            "plain" => Plain,
            /// Of some.
            "dog" => Dog(Dog),
        }
    }

    crate::choice! {
        /// A loss.
        pub(super) enum Second {
            /// Of no parameters.
            #[version = 3]
            "plain" => Plain,
            /// Of some.
            #[version = 2]
            #[aka("wolf")]
            "dog" => Dog(Dog),
            /// Holds others.
            "several" => Several(Several),
        }
    }

    crate::params! {
        /// Others.
        pub(super) struct Several {
            /// Them.
            of: Vec<Second> = Vec::new(),
        }
    }

    crate::params! {
        /// A stage of the first version.
        pub(super) struct Old {
            /// One.
            one: First = First::Plain,
            /// Several.
            list: Vec<First> = vec![First::Plain],
            /// Perhaps one.
            perhaps: Option<First> = None,
        }
    }

    crate::params! {
        /// The same stage of the second version.
        pub(super) struct New {
            /// One.
            one: Second = Second::Plain,
            /// Several.
            list: Vec<Second> = vec![Second::Plain],
            /// Perhaps one.
            perhaps: Option<Second> = None,
            /// Another one.
            other: Second = Second::Several(Several { of: Vec::new() }),
        }
    }
}

#[test]
fn a_version_is_in_keys_only() {
    use versions::{New, Old};
    let keys = |json: Json| {
        let (old, new) = (from_json::<Old>(&json).unwrap(), from_json::<New>(&json).unwrap());
        for view in [View::Full, View::Portable] {
            let written = new.write(view);
            assert!(!written.to_string().contains("(version"), "{written}");
            assert_eq!(from_json::<New>(&written).unwrap(), new);
        }
        (old.write(View::Key), new.write(View::Key))
    };
    // Even a default that nobody wrote says its version; what is of the first version says nothing.
    assert_eq!(keys(json!({})), (json!({}), json!({ "one": "plain (version 3)", "list": ["plain (version 3)"] })));
    let written = json!({ "one": { "dog": { "times": 2 } }, "list": ["dog", "plain"], "perhaps": "dog" });
    let marked = json!({ "one": { "dog (version 2)": { "times": 2 } }, "list": ["dog (version 2)", "plain (version 3)"], "perhaps": "dog (version 2)" });
    assert_eq!(keys(written.clone()), (written, marked));
    let nested = json!({ "list": [], "other": { "several": { "of": ["dog", { "several": { "of": ["plain"] } }] } } });
    let marked = json!({ "several": { "of": ["dog (version 2)", { "several": { "of": ["plain (version 3)"] } }] } });
    assert_eq!(from_json::<New>(&nested).unwrap().write(View::Key)["other"], marked);
    for name in ["plain (version 3)", "dog (version 2)", "dog (version 1)"] {
        let message = format!("unknown choice `{name}` for `one`");
        assert_eq!(messages::<New>(&json!({ "one": name }))[0].1, message);
    }
}

params! {
    /// A field that other tools call otherwise.
    struct Rate {
        /// Step size.
        #[aka("lr", "step_size")]
        learning_rate: f64 = 0.1,
    }
}

#[test]
fn other_tools_names_stand_beside_a_declaration() {
    for (name, meant) in [("lr", true), ("stepsize", true), ("Step-Size", true), ("learnrate", true), ("gamma", false)]
    {
        let help = messages::<Rate>(&json!({ name: 1 })).remove(0).2.unwrap();
        let expected = if meant { "did you mean `learning-rate`?" } else { "expected `learning-rate`" };
        assert_eq!(help, expected, "{name}");
    }
    assert_eq!(messages::<versions::Second>(&json!("wolf"))[0].2.as_deref(), Some("did you mean `dog`?"));
    let wolf = json!({ "type": "wolf", "times": 1 });
    let help = messages::<versions::Second>(&wolf).remove(0).2.unwrap();
    assert!(help.starts_with("the name is the key here: write { dog = { .. } }"), "{help}");
}

params! {
    /// What a vote takes.
    struct Vote {
        /// How many have one.
        k: usize = 5,
    }
}

params! {
    /// A count that other tools call as a vote's own is called.
    struct Count {
        /// How many are kept.
        #[aka("k")]
        neighbours: usize = 5,
        /// How they vote.
        vote: Option<Vote> = None,
    }
}

#[test]
fn a_name_of_something_that_is_set_is_that_and_nothing_further_inside() {
    let help = |json: Json| messages::<Count>(&json).remove(0).2.unwrap();
    assert_eq!(help(json!({ "k": 3 })), "did you mean `neighbours`?");
    assert_eq!(help(json!({ "k": 3, "neighbours": 3 })), "did you mean `neighbours`, which is set already?");
}

params! {
    /// A default that its own check refuses.
    struct Wrong {
        /// A number.
        number: usize = 0 => check::at_least(1),
    }
}

#[test]
#[should_panic(expected = "the default of `number` lies outside of its own range")]
fn a_default_outside_of_its_own_range_is_a_mistake_of_the_program() {
    let _ = Wrong::shape();
}

params! {
    /// A table that has grown.
    struct Grown {
        /// There from the beginning.
        old: usize = 1,
        /// Added later.
        #[since = 2]
        #[aka("recent")]
        new: usize = 1,
    }
}

#[test]
fn a_later_field_changes_no_artifact_where_it_has_its_default() {
    let grown = |new| Grown { old: 1, new };
    assert_eq!(grown(1).write(View::Stored), json!({ "old": 1 }));
    assert_eq!(grown(2).write(View::Stored), json!({ "old": 1, "new": 2 }));
    assert_eq!(grown(1).write(View::Full), json!({ "old": 1, "new": 1 }));
    assert_eq!((grown(1).write(View::Key), grown(2).write(View::Key)), (json!({}), json!({ "new": 2 })));
    assert_eq!(messages::<Grown>(&json!({ "recent": 2 })).remove(0).2.unwrap(), "did you mean `new`?");
}

#[test]
fn what_only_a_shell_reads_is_no_path() {
    for (written, sign) in [("~/photos", "~"), ("~", "~"), ("~me/photos", "~me"), ("$HOME/photos", "$HOME")] {
        let node =
            param::node_from_json(&json!(written), &Place::new(&Source::new("x", "", std::path::Path::new("")), 0..0));
        let mut issues = Issues::default();
        assert_eq!(param::SpecPath::read(&node, "path", &mut issues), None);
        assert!(issues.0[0].message.starts_with(&format!("`{sign}` in `path`")), "{issues:?}");
    }
    for plain in ["photos~/a", "a/~/b", "/home/me", "a$b"] {
        let node =
            param::node_from_json(&json!(plain), &Place::new(&Source::new("x", "", std::path::Path::new("")), 0..0));
        assert!(param::SpecPath::read(&node, "path", &mut Issues::default()).is_some(), "{plain}");
        assert_eq!(param::left_to_a_shell(plain, plain), None);
    }
    let message = "`~me` in `~me/photos` is only understood by a shell";
    assert_eq!(param::left_to_a_shell("~me/photos", "~me/photos").as_deref(), Some(message));
}

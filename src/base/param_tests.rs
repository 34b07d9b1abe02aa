//! What `params!` and `choice!` declare, tried on declarations of their own.

use serde_json::{Value as Json, json};

use super::issue::Issue;
use super::param::{self, Param, View, from_json};
use crate::{choice, params};

/// What the alternatives below have in common.
pub(super) trait Sound {
    fn sound(&self) -> String;
}

params! {
    /// Says nothing.
    pub struct Fish {}
}

params! {
    /// Barks.
    pub struct Dog {
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
    /// An animal with a trait that fewer may use than the choice.
    pub enum Animal: pub(super) dyn Sound {
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
        /// For the module above.
        pub(super) enum Loud: dyn Sound {
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

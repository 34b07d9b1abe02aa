//! How plain values are read: numbers, text, lists and paths. Tables and choices are [`param`](super::param)'s.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value as Json;

use super::bounds::Bounds;
use super::issue::{Issue, Issues};
use super::node::{Node, Value};
use super::param_contract::{Param, View};
use super::param_expected::expected;
use super::param_shape::Shape;
use super::path;
use super::source::Source;

macro_rules! integer_param {
    ($($ty:ty),*) => {$(
        impl Param for $ty {
            fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
                let Value::Integer(integer) = node.value else {
                    expected(node, path, "an integer", issues);
                    return None;
                };
                let value = Self::try_from(integer).ok();
                if value.is_none() {
                    let message = if integer < 0 && Self::MIN == 0 {
                        format!("`{path}` must be at least 0, found {integer}")
                    } else {
                        format!("`{path}` must be between {} and {}, found {integer}", Self::MIN, Self::MAX)
                    };
                    issues.push(Issue::at(&node.place, path, message));
                }
                value
            }
            fn write(&self, _: View) -> Json {
                Json::from(*self)
            }
            fn shape() -> Shape {
                Shape::Integer
            }
            fn bounds() -> Bounds {
                if Self::MIN == 0 { Bounds::UNSIGNED } else { Bounds { integer: true, ..Bounds::default() } }
            }
        }
    )*};
}
integer_param!(u8, u32, u64, usize, i32, i64);

impl Param for f64 {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        match node.value {
            Value::Float(float) => Some(float),
            #[expect(clippy::cast_precision_loss, reason = "an integer in a spec stands for a number")]
            Value::Integer(integer) => Some(integer as Self),
            _ => {
                expected(node, path, "a number", issues);
                None
            }
        }
    }
    fn write(&self, _: View) -> Json {
        if self.is_finite() { Json::from(*self) } else { Json::from(self.to_string()) }
    }
    fn shape() -> Shape {
        Shape::Number
    }
}

impl Param for bool {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let Value::Boolean(boolean) = node.value else {
            expected(node, path, "`true` or `false`", issues);
            return None;
        };
        Some(boolean)
    }
    fn write(&self, _: View) -> Json {
        Json::from(*self)
    }
    fn shape() -> Shape {
        Shape::Boolean
    }
}

impl Param for String {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let text = node.string().map(str::to_owned);
        if text.is_none() {
            expected(node, path, "a string", issues);
        }
        text
    }
    fn write(&self, _: View) -> Json {
        Json::from(self.as_str())
    }
    fn shape() -> Shape {
        Shape::String
    }
}

impl<T: Param> Param for Option<T> {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        T::read(node, path, issues).map(Some)
    }
    fn write(&self, view: View) -> Json {
        self.as_ref().map_or(Json::Null, |value| value.write(view))
    }
    fn is_versioned(&self) -> bool {
        self.as_ref().is_some_and(T::is_versioned)
    }
    fn shape() -> Shape {
        T::shape()
    }
    fn bounds() -> Bounds {
        T::bounds()
    }
}

impl<T: Param> Param for Box<T> {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        T::read(node, path, issues).map(Self::new)
    }
    fn write(&self, view: View) -> Json {
        T::write(self, view)
    }
    fn is_versioned(&self) -> bool {
        T::is_versioned(self)
    }
    fn shape() -> Shape {
        T::shape()
    }
    fn bounds() -> Bounds {
        T::bounds()
    }
}

impl<T: Param> Param for Vec<T> {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let Value::Array(items) = &node.value else {
            expected(node, path, "a list", issues);
            return None;
        };
        let read: Vec<Option<T>> =
            items.iter().enumerate().map(|(at, item)| T::read(item, &path::at(path, at), issues)).collect();
        read.into_iter().collect()
    }
    fn write(&self, view: View) -> Json {
        self.iter().map(|item| item.write(view)).collect()
    }
    fn is_versioned(&self) -> bool {
        self.iter().any(T::is_versioned)
    }
    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()))
    }
    fn bounds() -> Bounds {
        T::bounds()
    }
}

/// A file or folder named in a spec. Relative paths start from the folder of the file that names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecPath {
    /// As written.
    pub written: String,
    /// Where it is.
    pub resolved: PathBuf,
}

/// Why there is nothing at a path that a shell should have written out; `None` of any other path. `of` is what the message
/// names it by: the path itself, or the parameter that holds it.
#[must_use]
pub fn left_to_a_shell(written: &str, of: impl Display) -> Option<String> {
    of_a_shell(written).map(|sign| format!("`{sign}` in `{of}` is only understood by a shell"))
}

/// What a shell would have put something else for: `~` or `~name` in front, or a variable.
fn of_a_shell(written: &str) -> Option<&str> {
    let first = written.split('/').next().unwrap_or_default();
    (first.starts_with('~') || first.starts_with('$')).then_some(first)
}

impl Param for SpecPath {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let written = String::read(node, path, issues)?;
        let source: &Arc<Source> = &node.place.source;
        let resolved = source.dir.join(&written);
        if let Some(message) = left_to_a_shell(&written, path).filter(|_| !resolved.exists()) {
            let help = "write out the folder, such as `/home/me/photos`, or a path relative to this file";
            issues.push(Issue::at(&node.place, path, message).help(help));
            return None;
        }
        Some(Self { written, resolved })
    }
    /// Never in a key or an artifact: what the files hold decides, not where they lie.
    fn write(&self, view: View) -> Json {
        match view {
            View::Full => Json::from(self.written.as_str()),
            View::Located => {
                // Without the way through the config's folder, which may be gone when somebody looks.
                let at = self.resolved.canonicalize().or_else(|_| std::path::absolute(&self.resolved));
                Json::from(at.unwrap_or_else(|_| self.resolved.clone()).to_string_lossy())
            }
            View::Portable | View::Stored | View::Key => Json::Null,
        }
    }
    fn shape() -> Shape {
        Shape::Path
    }
}

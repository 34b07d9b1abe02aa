//! Parameters that change no result.

use serde_json::Value as Json;

use simpipe_base::bounds::Bounds;
use simpipe_base::issue::Issues;
use simpipe_base::node::Node;
use simpipe_base::param::{Param, Shape, View};

/// A value that never enters a key and is shown in no artifact: how often progress is saved changes no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unkeyed<T>(pub T);

impl<T: Param> Param for Unkeyed<T> {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        T::read(node, path, issues).map(Self)
    }

    fn write(&self, view: View) -> Json {
        if view == View::Full { self.0.write(view) } else { Json::Null }
    }

    fn shape() -> Shape {
        T::shape()
    }

    fn bounds() -> Bounds {
        T::bounds()
    }
}

//! The two macros that declare what a spec may say.

/// Declares a table of parameters.
///
/// `field: Type` must be given, `field: Type = default` may be left out, and `=> check` limits the value. Field
/// names are kebab-case in a spec. The doc comments become the reference page. `#[aka("lr", "eta")]` below them says
/// what other tools call the same: whoever writes that is asked whether this was meant. `#[since = 2]`, before it, says
/// that the first version did not have the field: an artifact then leaves it out at its default, so that the artifacts of
/// older specs keep their bytes ([`View::Stored`](crate::param::View::Stored)).
///
/// ```
/// use simpipe_base::{check, param};
/// simpipe_base::params! {
///     /// A pooling layer.
///     pub struct MaxPool {
///         /// Side of the square window, in pixels.
///         size: usize => check::at_least(1),
///         /// Step between windows, in pixels; the window's size if it is left out.
///         stride: Option<usize> = None,
///     }
/// }
/// let pool: MaxPool = param::from_json(&serde_json::json!({ "size": 2 })).unwrap();
/// assert_eq!(pool, MaxPool { size: 2, stride: None });
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! params {
    (@option) => { None };
    (@option $value:expr) => { Some($value) };
    (@is_later) => { false };
    (@is_later $since:literal) => { $since > 1 };
    (
        $(#[doc = $doc:literal])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $field_doc:literal])*
                $(#[since = $since:literal])?
                $(#[aka($($aka:literal),* $(,)?)])?
                $field:ident : $ty:ty $(= $default:expr)? $(=> $check:expr)?
            ),*
            $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $name {
            $( $(#[doc = $field_doc])* pub $field: $ty, )*
        }

        impl $crate::param::Param for $name {
            fn read(
                node: &$crate::node::Node,
                path: &str,
                issues: &mut $crate::issue::Issues,
            ) -> Option<Self> {
                #[expect(clippy::allow_attributes, reason = "unused only where there are no fields")]
                #[allow(unused_variables)]
                let reader = $crate::param_record::RecordReader::open(
                    node, path, &[$(stringify!($field)),*], <Self as $crate::param::Param>::shape, issues,
                )?;
                $(
                    let check: Option<$crate::check::Check<$ty>> = $crate::params!(@option $($check)?);
                    let default: Option<$ty> = $crate::params!(@option $($default)?);
                    let $field = reader.field::<$ty>(stringify!($field), default, check.as_ref(), issues);
                )*
                Some(Self { $( $field: $field?, )* })
            }

            fn write(&self, view: $crate::param::View) -> serde_json::Value {
                #[expect(clippy::allow_attributes, reason = "unused only where there are no fields")]
                #[allow(unused_mut, unused_variables)]
                let (mut object, view) = (serde_json::Map::new(), view);
                $(
                    let default: Option<$ty> = $crate::params!(@option $($default)?);
                    $crate::param::write_field(
                        &mut object, stringify!($field), &self.$field, default.as_ref(), view,
                        $crate::params!(@is_later $($since)?),
                    );
                )*
                serde_json::Value::Object(object)
            }

            fn is_versioned(&self) -> bool {
                false $( || $crate::param::Param::is_versioned(&self.$field) )*
            }

            fn shape() -> $crate::param::Shape {
                $crate::param::Shape::Record($crate::param::Record {
                    doc: concat!($($doc, "\n"),*),
                    fields: vec![$({
                        let check: Option<$crate::check::Check<$ty>> = $crate::params!(@option $($check)?);
                        let default: Option<$ty> = $crate::params!(@option $($default)?);
                        let declared = $crate::param::Declared {
                            name: stringify!($field),
                            doc: concat!($($field_doc, "\n"),*),
                            aka: &[$($($aka),*)?],
                        };
                        $crate::param::Field::of(declared, default, check)
                    }),*],
                })
            }
        }
    };
}

/// Declares a choice between named alternatives, with or without parameters.
///
/// In a spec a bare name takes every default and a one-key table gives parameters: `"triplet"` or
/// `{ triplet = { margin = 0.2 } }`. The enum gets `NAMES` and `name()`.
///
/// ```
/// use simpipe_base::param::{self, Param, View};
/// simpipe_base::params! {
///     /// Adam.
///     pub struct Adam {
///         /// Step size.
///         learning_rate: f64 = 0.001,
///     }
/// }
/// simpipe_base::choice! {
///     /// How weights are updated.
///     pub enum Optimizer {
///         /// Adam (Kingma and Ba, 2015).
///         "adam" => Adam(Adam),
///         /// No update at all.
///         "none" => Frozen,
///     }
/// }
/// let chosen: Optimizer = param::from_json(&serde_json::json!("adam")).unwrap();
/// assert_eq!(chosen, Optimizer::Adam(Adam { learning_rate: 0.001 }));
/// assert_eq!(chosen.write(View::Key), "adam");
/// assert_eq!(Optimizer::NAMES, ["adam", "none"]);
/// ```
///
/// Below an alternative's doc comment `#[version = 2]` says that its results or its defaults have changed since the
/// first version: from 2 on the version enters the key of whoever chooses it, and of nobody else. `#[aka("swish")]` says
/// what other tools call the same. Where both stand, the version comes first.
///
/// An alternative may hold lists of the same choice: its [`Shape`](crate::param::Shape) is made when it is looked at.
///
/// With `pub enum Name: dyn Trait { .. }` every alternative has parameters that implement the trait (an empty table
/// where there are none: it is read and written as the bare name), and `as_dyn()` gives those of the chosen one: no
/// `match` over the alternatives is needed. `Box<T>` may hold parameters too. `as_dyn` is as visible as the enum;
/// `pub enum Name: pub(crate) dyn Trait { .. }` makes it less so.
///
/// ```
/// simpipe_base::params! {
///     /// Nothing to set.
///     pub struct Square {}
/// }
/// trait Shape {
///     fn corners(&self) -> usize;
/// }
/// impl Shape for Square {
///     fn corners(&self) -> usize { 4 }
/// }
/// simpipe_base::choice! {
///     /// A shape.
///     enum AnyShape: dyn Shape {
///         /// Four equal sides.
///         "square" => Square(Square),
///     }
/// }
/// let shape: AnyShape = simpipe_base::param::from_json(&serde_json::json!("square")).unwrap();
/// assert_eq!(shape.as_dyn().corners(), 4);
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! choice {
    (@read $this:ident $variant:ident $name:literal $node:ident $inner:ident $path:ident $issues:ident) => {
        $crate::param::read_unit($inner, $name, $path, $issues).map(|()| $this::$variant)
    };
    (@read $this:ident $variant:ident $name:literal $node:ident $inner:ident $path:ident $issues:ident $ty:ty) => {
        $crate::param::read_alternative::<$ty>($node, $inner, $name, $path, $issues).map($this::$variant)
    };
    (@shape) => { None };
    (@shape $ty:ty) => { Some(<$ty as $crate::param::Param>::shape()) };
    (@pattern $this:ident $variant:ident) => { $this::$variant };
    (@pattern $this:ident $variant:ident $ty:ty) => { $this::$variant(_) };
    (@bind $this:ident $variant:ident $params:ident) => { $this::$variant };
    (@bind $this:ident $variant:ident $params:ident $ty:ty) => { $this::$variant($params) };
    (@version) => { 1 };
    (@version $version:literal) => { $version };
    (@write $params:ident $view:ident) => { None };
    (@write $params:ident $view:ident $ty:ty) => { Some($crate::param::Param::write($params, $view)) };
    (@is_versioned $params:ident) => { false };
    (@is_versioned $params:ident $ty:ty) => { $crate::param::Param::is_versioned($params) };
    (@as_dyn [$vis:vis] [$trait:path] $this:ident {
        $( $(#[$($attribute:tt)*])* $name:literal => $variant:ident ($ty:ty) ),* $(,)?
    }) => {
        impl $this {
            /// The parameters of the chosen alternative.
            #[must_use]
            $vis fn as_dyn(&self) -> &(dyn $trait + 'static) {
                #[expect(clippy::allow_attributes, reason = "unused only where every alternative is boxed")]
                #[allow(unused_imports)]
                use $crate::param::Payload as _;
                match self {
                    $( Self::$variant(params) => $crate::param::Held(params).payload(), )*
                }
            }
        }
    };
    (@as_dyn [$vis:vis] [$trait:path] $this:ident { $($body:tt)* }) => {
        compile_error!("every alternative of a `choice!` with `dyn` has parameters: give it an empty `params!` struct");
    };
    (
        $(#[doc = $doc:literal])*
        $vis:vis enum $this:ident : dyn $trait:path { $($body:tt)* }
    ) => {
        $crate::choice! { $(#[doc = $doc])* $vis enum $this { $($body)* } }
        $crate::choice! { @as_dyn [$vis] [$trait] $this { $($body)* } }
    };
    (
        $(#[doc = $doc:literal])*
        $vis:vis enum $this:ident : $as_dyn:vis dyn $trait:path { $($body:tt)* }
    ) => {
        $crate::choice! { $(#[doc = $doc])* $vis enum $this { $($body)* } }
        $crate::choice! { @as_dyn [$as_dyn] [$trait] $this { $($body)* } }
    };
    (
        $(#[doc = $doc:literal])*
        $vis:vis enum $this:ident {
            $(
                $(#[doc = $variant_doc:literal])*
                $(#[version = $version:literal])?
                $(#[aka($($aka:literal),* $(,)?)])?
                $name:literal => $variant:ident $(($ty:ty))?
            ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        $vis enum $this {
            $( $(#[doc = $variant_doc])* $variant $(($ty))?, )*
        }

        impl $this {
            /// Every name, in declared order.
            $vis const NAMES: &'static [&'static str] = &[$($name),*];

            /// The name in a spec.
            #[must_use]
            $vis fn name(&self) -> &'static str {
                match self {
                    $( $crate::choice!(@pattern $this $variant $($ty)?) => $name, )*
                }
            }
        }

        impl $crate::param::Param for $this {
            fn read(
                node: &$crate::node::Node,
                path: &str,
                issues: &mut $crate::issue::Issues,
            ) -> Option<Self> {
                let shape = <Self as $crate::param::Param>::shape;
                let (name, inner) = $crate::param::open_choice(node, path, Self::NAMES, shape, issues)?;
                match name {
                    $( $name => $crate::choice!(@read $this $variant $name node inner path issues $($ty)?), )*
                    _ => None,
                }
            }

            #[expect(clippy::allow_attributes, reason = "unused only where no alternative has parameters")]
            #[allow(unused_variables)]
            fn write(&self, view: $crate::param::View) -> serde_json::Value {
                let (version, params) = match self {
                    $(
                        $crate::choice!(@bind $this $variant params $($ty)?) => {
                            ($crate::choice!(@version $($version)?), $crate::choice!(@write params view $($ty)?))
                        }
                    )*
                };
                $crate::param::write_alternative(self.name(), version, params, view)
            }

            #[expect(clippy::allow_attributes, reason = "unused only where no alternative has parameters")]
            #[allow(unused_variables)]
            fn is_versioned(&self) -> bool {
                let (version, inside): (u32, bool) = match self {
                    $(
                        $crate::choice!(@bind $this $variant params $($ty)?) => {
                            ($crate::choice!(@version $($version)?), $crate::choice!(@is_versioned params $($ty)?))
                        }
                    )*
                };
                version > 1 || inside
            }

            fn shape() -> $crate::param::Shape {
                use std::sync::LazyLock;
                static CHOICE: LazyLock<$crate::param::Choice> = LazyLock::new(|| $crate::param::Choice {
                    name: stringify!($this),
                    doc: concat!($($doc, "\n"),*),
                    alternatives: vec![$(
                        $crate::param::Alternative {
                            name: $name,
                            doc: concat!($($variant_doc, "\n"),*),
                            version: $crate::choice!(@version $($version)?),
                            aka: &[$($($aka),*)?],
                            params: $crate::choice!(@shape $($ty)?),
                        }
                    ),*],
                });
                $crate::param::Shape::Choice($crate::param::LazyChoice::new(&CHOICE))
            }
        }
    };
}

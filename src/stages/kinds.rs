//! The names of the stages that there are.

use simpipe_stage::Stage;

macro_rules! names {
    ($($stage:ty),* $(,)?) => {
        /// The kinds of stages, in the order of the list.
        #[must_use]
        pub(super) fn kinds() -> Vec<&'static str> {
            vec![$(<$stage as Stage>::NAME),*]
        }
    };
}

every_stage!(names);

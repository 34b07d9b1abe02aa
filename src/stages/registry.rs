//! The list of stages: one word adds one.

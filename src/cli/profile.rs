//! `run --profile`: hands what [`nn`](simpipe_nn) measures of itself to the runner.

use simpipe_artifact::ProfileRow;
use simpipe_nn::profile::{self, Spent};
use simpipe_runner::Profiler;

/// Measures the networks of this process.
pub(super) struct Networks;

impl Profiler for Networks {
    fn start(&self) {
        profile::start();
    }

    fn stop(&self) -> Vec<ProfileRow> {
        profile::stop().into_iter().map(row).collect()
    }
}

fn row(spent: Spent) -> ProfileRow {
    let (operation, back) = spent.direction();
    let counted = spent.is_counted();
    ProfileRow {
        stage: String::new(),
        operation: operation.to_owned(),
        back,
        calls: spent.calls,
        seconds: spent.seconds,
        flop: counted.then_some(spent.flops),
        bytes: counted.then_some(spent.bytes),
        layer: spent.layer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_counted_has_no_figure() {
        let spent = |operation: &str| Spent {
            layer: "layers.1.conv2d".to_owned(),
            operation: operation.to_owned(),
            calls: 3,
            seconds: 0.5,
            flops: 1e9,
            bytes: 12.0,
        };
        let back = row(spent("convolution, back"));
        assert_eq!((back.operation.as_str(), back.back, back.calls), ("convolution", true, 3));
        assert_eq!((back.flop, back.bytes, back.gflops()), (Some(1e9), Some(12.0), Some(2.0)));
        let gradient = row(spent("normalisation, gradient"));
        assert_eq!((gradient.operation.as_str(), gradient.back), ("normalisation", true));
        for operation in [profile::OTHER, "other operations, back"] {
            let other = row(spent(operation));
            assert_eq!((other.operation.as_str(), other.flop, other.bytes), (profile::OTHER, None, None));
        }
    }
}

//! `init`: how the weights of a convolution or a matrix start.

use super::init::{Filters, Start};
use simpipe_base::check;
use simpipe_base::{choice, params};

choice! {
    /// Which numbers a variance is divided by.
    pub enum Fan {
        /// Those that one output is made of.
        #[aka("fan_in")]
        "in" => In,
        /// The outputs that one number goes into.
        #[aka("fan_out")]
        "out" => Out,
    }
}

params! {
    /// For weights in front of a relu.
    pub struct He {
        /// What the variance is divided by: `in` keeps the size of values on their way forward, `out` that of gradients.
        #[aka("mode")]
        fan: Fan = Fan::In,
    }
}

params! {
    /// One normal distribution for all.
    pub struct NormalInit {
        /// The standard deviation.
        #[aka("stddev", "sigma", "scale")]
        std: f64 = 0.05 => check::positive(),
    }
}

params! {
    /// One interval for all.
    pub struct UniformInit {
        /// Numbers lie between it and its negative.
        #[aka("bound", "a", "scale", "maxval")]
        limit: f64 = 0.05 => check::positive(),
    }
}

choice! {
    /// How weights start. `in` is how many numbers one output is made of (`k k channels / groups` of a convolution), `out`
    /// how many outputs of one position there are times `k k`.
    pub enum Init {
        /// Uniform within `sqrt(6 / (in + out))` of 0 (Glorot and Bengio, 2010), as in Keras.
        #[aka("xavier_uniform", "xavier")]
        "glorot-uniform" => GlorotUniform,
        /// Normal with variance `2 / (in + out)`; Keras cuts it off at two deviations, torch and this don't.
        #[aka("xavier_normal")]
        "glorot-normal" => GlorotNormal,
        /// Uniform within `sqrt(6 / fan)` of 0 (He et al., 2015, arXiv:1502.01852).
        "he-uniform" => HeUniform(He),
        /// Normal with variance `2 / fan` (He et al., 2015, arXiv:1502.01852); with `fan = "out"` as in torchvision's
        /// residual networks.
        #[aka("kaiming_normal", "msra")]
        "he-normal" => HeNormal(He),
        /// Uniform within `sqrt(3 / in)` of 0, a variance of `1 / in` (LeCun et al., 1998).
        "lecun-uniform" => LecunUniform,
        /// Normal with variance `1 / in` (LeCun et al., 1998).
        "lecun-normal" => LecunNormal,
        /// Uniform within `1 / sqrt(in)` of 0: what torch's layers do unless told otherwise.
        #[aka("kaiming_uniform", "torch", "pytorch", "default")]
        "fan-in-uniform" => FanInUniform,
        /// As `fan-in-uniform`, but the first filters hand their input on: filter i of a group is 1 at the centre of channel
        /// i and 0 elsewhere, as far as there are channels (Zagoruyko and Komodakis, 2017, arXiv:1706.00388; partial as in
        /// Jordan, 2024, arXiv:2404.00498).
        #[aka("identity", "delta")]
        "dirac" => Dirac,
        /// Normal with a deviation of its own.
        #[aka("random_normal", "gaussian")]
        "normal" => Normal(NormalInit),
        /// Uniform within a limit of its own.
        #[aka("random_uniform")]
        "uniform" => Uniform(UniformInit),
        /// All 0: the last layer of a residual body, which then starts as its shortcut.
        "zeros" => Zeros,
    }
}

impl Init {
    /// The first value of such a weight.
    pub(super) fn start(&self, filters: Filters) -> Start {
        let area = filters.side * filters.side;
        let (fan_in, fan_out) = (area * filters.inputs, area * filters.outputs * filters.groups);
        #[expect(clippy::cast_precision_loss, reason = "a fan is far below 2^52")]
        let (ins, outs) = (fan_in as f64, fan_out as f64);
        let of = |he: &He| if he.fan == Fan::In { ins } else { outs };
        match self {
            Self::GlorotUniform => Start::GlorotUniform { fan_in, fan_out },
            Self::GlorotNormal => Start::Normal { std: (2.0 / (ins + outs)).sqrt() },
            Self::HeUniform(he) => Start::Uniform { limit: (6.0 / of(he)).sqrt() },
            Self::HeNormal(he) => Start::Normal { std: (2.0 / of(he)).sqrt() },
            Self::LecunUniform => Start::Uniform { limit: (3.0 / ins).sqrt() },
            Self::LecunNormal => Start::Normal { std: ins.recip().sqrt() },
            Self::FanInUniform => Start::Uniform { limit: ins.recip().sqrt() },
            Self::Dirac => Start::Dirac(filters),
            Self::Normal(NormalInit { std }) => Start::Normal { std: *std },
            Self::Uniform(UniformInit { limit }) => Start::Uniform { limit: *limit },
            Self::Zeros => Start::Zeros,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::seed::Seed;

    fn values(init: &Init, filters: Filters) -> Vec<f32> {
        let count = filters.side * filters.side * filters.inputs * filters.outputs * filters.groups;
        init.start(filters).values(count, &mut Seed::of_stage(1, "train", None).rng("init", &[0]))
    }

    #[test]
    fn starts_have_the_variance_that_they_promise() {
        let filters = Filters { side: 3, inputs: 16, outputs: 32, groups: 2 };
        let (ins, outs) = (144.0_f32, 576.0);
        let (fan_in, fan_out) = (|| He { fan: Fan::In }, || He { fan: Fan::Out });
        for (init, variance, limit) in [
            (Init::GlorotUniform, 2.0 / (ins + outs), Some((6.0 / (ins + outs)).sqrt())),
            (Init::GlorotNormal, 2.0 / (ins + outs), None),
            (Init::HeUniform(fan_in()), 2.0 / ins, Some((6.0 / ins).sqrt())),
            (Init::HeUniform(fan_out()), 2.0 / outs, Some((6.0 / outs).sqrt())),
            (Init::HeNormal(fan_in()), 2.0 / ins, None),
            (Init::HeNormal(fan_out()), 2.0 / outs, None),
            (Init::LecunUniform, 1.0 / ins, Some((3.0 / ins).sqrt())),
            (Init::LecunNormal, 1.0 / ins, None),
            (Init::FanInUniform, 1.0 / (3.0 * ins), Some(1.0 / ins.sqrt())),
            (Init::Normal(NormalInit { std: 0.2 }), 0.04, None),
            (Init::Uniform(UniformInit { limit: 0.3 }), 0.03, Some(0.3)),
            (Init::Zeros, 0.0, Some(0.0)),
        ] {
            let values = values(&init, filters);
            let found = values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32;
            // 9,216 draws: the standard error of a variance is below 1.5 %.
            assert!((found - variance).abs() <= 0.06 * variance, "{}: {found}, expected {variance}", init.name());
            if let Some(limit) = limit {
                assert!(values.iter().all(|value| value.abs() <= limit * 1.0001), "{}", init.name());
            }
        }
    }

    #[test]
    fn dirac_filters_hand_their_input_on_and_the_others_are_torchs() {
        // Two channels, three filters: the third is drawn as all are in torch.
        let filters = Filters { side: 3, inputs: 2, outputs: 3, groups: 1 };
        let (found, plain) = (values(&Init::Dirac, filters), values(&Init::FanInUniform, filters));
        for (at, (value, drawn)) in found.iter().zip(plain).enumerate() {
            let (tap, channel, filter) = (at / 6, at / 3 % 2, at % 3);
            let expected = if filter < 2 { f32::from(u8::from(tap == 4 && channel == filter)) } else { drawn };
            assert_eq!(*value, expected, "{at}");
        }
        // Each group by itself, and an even kernel, whose centre lies below and right of the middle.
        let filters = Filters { side: 2, inputs: 1, outputs: 2, groups: 2 };
        let found = values(&Init::Dirac, filters);
        for (at, value) in found.iter().enumerate().filter(|(at, _)| at % 4 % 2 == 0) {
            assert_eq!(*value, f32::from(u8::from(at / 4 == 3)), "{at}");
        }
    }
}

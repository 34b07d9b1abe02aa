//! Layers against their definition, written out in plain loops of `f64`.

use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Value as Json, json};

use super::layer::Mode;
use super::*;
use simpipe_base::param;
use simpipe_base::seed::Seed;

const BATCH: usize = 3;

/// A map `[BATCH, height, width, channels]`.
#[derive(Debug, Clone)]
struct Map {
    sides: [usize; 3],
    values: Vec<f64>,
}

impl Map {
    fn random(sides: [usize; 3], purpose: &str) -> Self {
        Self { sides, values: random(BATCH * sides.iter().product::<usize>(), purpose) }
    }

    fn new(sides: [usize; 3], value: impl Fn([usize; 4]) -> f64) -> Self {
        let [h, w, c] = sides;
        let at = |at: usize| [at / (h * w * c), at / (w * c) % h, at / c % w, at % c];
        Self { sides, values: (0..BATCH * h * w * c).map(|i| value(at(i))).collect() }
    }

    fn at(&self, [n, y, x, channel]: [usize; 4]) -> f64 {
        let [h, w, c] = self.sides;
        self.values[((n * h + y) * w + x) * c + channel]
    }

    /// The value there, `None` beyond the border.
    fn seen(&self, n: usize, [y, x]: [isize; 2], channel: usize) -> Option<f64> {
        let (y, x) = (usize::try_from(y).ok()?, usize::try_from(x).ok()?);
        (y < self.sides[0] && x < self.sides[1]).then(|| self.at([n, y, x, channel]))
    }

    /// All values of an example and a channel.
    fn channel(&self, n: usize, channel: usize) -> Vec<f64> {
        let [h, w, _] = self.sides;
        (0..h * w).map(|at| self.at([n, at / w, at % w, channel])).collect()
    }
}

fn random(count: usize, purpose: &str) -> Vec<f64> {
    use rand::Rng;
    let mut rng = Seed::of_stage(11, "test", None).rng(purpose, &[]);
    // As f32, so that the layer gets the same numbers.
    (0..count).map(|_| f64::from((f64::from(rng.next_u32()) / f64::from(u32::MAX) * 4.0 - 2.0) as f32)).collect()
}

/// What the first layer of a network gives at inference, with the network's weights, all of them random.
fn run(layer: &Json, x: &Map) -> (Vec<f32>, impl Fn(&str) -> Vec<f64> + use<>) {
    let specs: Vec<LayerSpec> = param::from_json(&json!([layer, "flatten"])).unwrap();
    let seed = Seed::of_stage(3, "train", None);
    let mut network = Network::build(&specs, x.sides, seed, &Device::flex()).unwrap();
    let mut weights = network.to_weights();
    for (path, (_, values)) in &mut weights.0 {
        let drawn = random(values.len(), path);
        let positive = path.ends_with("moving_variance");
        for (value, drawn) in values.iter_mut().zip(drawn) {
            *value = (if positive { 0.3 + drawn.abs() } else { drawn }) as f32;
        }
    }
    network.set_weights(&weights).unwrap();
    let [h, w, c] = x.sides;
    let values: Vec<f32> = x.values.iter().map(|value| *value as f32).collect();
    let image = Tensor::from_data(TensorData::new(values, [BATCH, h, w, c]), &Device::flex());
    let y = network.forward(network.parameters(), image, Mode::Eval);
    let prefix = format!("layers.0.{}", specs[0].name());
    let weight = move |name: &str| weights.0[&format!("{prefix}.{name}")].1.iter().map(|w| f64::from(*w)).collect();
    (y.into_data().try_into_vec().unwrap(), weight)
}

fn near(layer: &Json, found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{layer}");
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (f64::from(*found) - expected).abs();
        assert!(off <= 2e-5 * expected.abs().max(1.0), "{layer}, {at}: {found}, expected {expected}");
    }
}

/// Pixels of border before a side, and windows along it.
fn windows(size: usize, reach: usize, stride: usize, padding: &Json) -> (usize, usize) {
    match padding.as_str() {
        Some("valid") => (0, (size - reach) / stride + 1),
        Some(_) => {
            // Keras: as many windows as a stride of 1 has pixels, divided by the stride and rounded up.
            let count = size.div_ceil(stride);
            (((count - 1) * stride + reach).saturating_sub(size) / 2, count)
        }
        None => {
            let pixels = usize::try_from(padding["symmetric"]["pixels"].as_u64().unwrap()).unwrap();
            (pixels, (size + 2 * pixels - reach) / stride + 1)
        }
    }
}

#[test]
fn convolutions_are_their_definition() {
    let symmetric = |pixels: usize| json!({ "symmetric": { "pixels": pixels } });
    // Sides and channels, filters, kernel, stride, dilation, groups, padding, bias.
    let cases = [
        ([7, 6, 4], 6, 3, 1, 1, 2, json!("valid"), true),
        ([7, 6, 4], 4, 3, 2, 1, 4, json!("same"), false),
        ([8, 5, 3], 9, 3, 1, 1, 3, symmetric(1), true),
        ([9, 9, 4], 8, 3, 1, 2, 1, json!("valid"), false),
        ([9, 8, 4], 4, 2, 2, 3, 2, json!("same"), true),
        ([5, 5, 2], 4, 3, 1, 4, 1, symmetric(4), true),
        ([11, 10, 3], 7, 7, 2, 1, 1, symmetric(3), false),
        ([9, 7, 5], 8, 3, 2, 1, 1, symmetric(1), false),
        ([6, 6, 5], 3, 1, 2, 1, 1, json!("valid"), false),
        ([1, 1, 3], 4, 3, 1, 1, 1, symmetric(1), true),
        ([1, 4, 6], 6, 3, 1, 1, 6, json!("same"), false),
    ];
    for (sides, filters, kernel, stride, dilation, groups, padding, bias) in cases {
        let layer = json!({ "conv2d": {
            "filters": filters, "kernel": kernel, "stride": stride, "dilation": dilation, "groups": groups,
            "padding": padding, "bias": bias,
        } });
        let x = Map::random(sides, "convolution");
        let (found, weight) = run(&layer, &x);
        let (kernels, biases) = (weight("weight"), if bias { weight("bias") } else { vec![0.0; filters] });
        let reach = (kernel - 1) * dilation + 1;
        let (top, height) = windows(sides[0], reach, stride, &padding);
        let (left, width) = windows(sides[1], reach, stride, &padding);
        let (ins, outs) = (sides[2] / groups, filters / groups);
        let y = Map::new([height, width, filters], |[n, y, x_at, filter]| {
            let mut sum = biases[filter];
            for (dy, dx, channel) in
                (0..kernel).flat_map(|dy| (0..kernel).flat_map(move |dx| (0..ins).map(move |c| (dy, dx, c))))
            {
                let at = [
                    (y * stride + dy * dilation) as isize - top as isize,
                    (x_at * stride + dx * dilation) as isize - left as isize,
                ];
                let value = x.seen(n, at, filter / outs * ins + channel).unwrap_or(0.0);
                sum += value * kernels[((dy * kernel + dx) * ins + channel) * filters + filter];
            }
            sum
        });
        near(&layer, &found, &y.values);
    }
}

#[test]
fn pools_are_their_definition() {
    let symmetric = |pixels: usize| json!({ "symmetric": { "pixels": pixels } });
    for (size, stride, padding) in [
        (2, 2, json!("valid")),
        (3, 2, json!("valid")),
        (3, 2, symmetric(1)),
        (3, 1, symmetric(2)),
        (2, 1, json!("same")),
        (3, 2, json!("same")),
        (4, 3, json!("same")),
        (5, 5, symmetric(2)),
    ] {
        for sides in [[7, 6, 3], [9, 9, 2], [5, 8, 1]] {
            let x = Map::random(sides, "pool");
            let (top, height) = windows(sides[0], size, stride, &padding);
            let (left, width) = windows(sides[1], size, stride, &padding);
            let window = |[n, y, x_at, channel]: [usize; 4]| -> Vec<f64> {
                let place = |at: usize| {
                    [
                        (y * stride + at / size) as isize - top as isize,
                        (x_at * stride + at % size) as isize - left as isize,
                    ]
                };
                (0..size * size).filter_map(|at| x.seen(n, place(at), channel)).collect()
            };
            let sides = [height, width, sides[2]];
            let layer = json!({ "max-pool": { "size": size, "stride": stride, "padding": padding } });
            let largest = |at| window(at).into_iter().fold(f64::NEG_INFINITY, f64::max);
            near(&layer, &run(&layer, &x).0, &Map::new(sides, largest).values);
            for counts in [false, true] {
                let layer = json!({ "avg-pool": { "size": size, "stride": stride, "padding": padding, "count-padding": counts } });
                let mean = |at| {
                    let values = window(at);
                    values.iter().sum::<f64>() / if counts { size * size } else { values.len() } as f64
                };
                near(&layer, &run(&layer, &x).0, &Map::new(sides, mean).values);
            }
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// `(x - mean) / sqrt(variance + epsilon)` of one of some values.
fn normalised(values: &[f64], x: f64, epsilon: f64) -> f64 {
    let mean = mean(values);
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
    (x - mean) / (variance + epsilon).sqrt()
}

#[test]
fn normalisations_are_their_definition() {
    let x = Map::random([4, 5, 6], "normalisation");
    let check = |layer: Json, epsilon: f64, scale: bool, bias: bool, same: &dyn Fn([usize; 4]) -> Vec<f64>| {
        let (found, weight) = run(&layer, &x);
        let gamma = if scale { weight("gamma") } else { vec![1.0; 6] };
        let beta = if bias { weight("beta") } else { vec![0.0; 6] };
        let y = Map::new(x.sides, |at| normalised(&same(at), x.at(at), epsilon) * gamma[at[3]] + beta[at[3]]);
        near(&layer, &found, &y.values);
    };
    let pixel = |[n, y, x_at, _]: [usize; 4]| (0..6).map(|c| x.at([n, y, x_at, c])).collect::<Vec<f64>>();
    let map = |[n, ..]: [usize; 4]| (0..6).flat_map(|c| x.channel(n, c)).collect::<Vec<f64>>();
    let group = |groups: usize| {
        let (x, size) = (&x, 6 / groups);
        move |[n, _, _, c]: [usize; 4]| (c / size * size..(c / size + 1) * size).flat_map(|c| x.channel(n, c)).collect()
    };
    check(json!("layer-norm"), 1e-3, true, true, &pixel);
    check(json!({ "layer-norm": { "scale": false, "epsilon": 0.1 } }), 0.1, false, true, &pixel);
    check(json!({ "layer-norm": { "over": "all", "bias": false } }), 1e-3, true, false, &map);
    for groups in [1, 2, 3, 6] {
        check(json!({ "group-norm": { "groups": groups } }), 1e-3, true, true, &group(groups));
    }
    for (scale, bias) in [(false, true), (true, false), (false, false)] {
        let layer = json!({ "batch-norm": { "scale": scale, "bias": bias, "epsilon": 0.01 } });
        let (found, weight) = run(&layer, &x);
        let (average, variance) = (weight("moving_mean"), weight("moving_variance"));
        let gamma = if scale { weight("gamma") } else { vec![1.0; 6] };
        let beta = if bias { weight("beta") } else { vec![0.0; 6] };
        let y = Map::new(x.sides, |at @ [.., c]| {
            gamma[c] * (x.at(at) - average[c]) / (variance[c] + 0.01).sqrt() + beta[c]
        });
        near(&layer, &found, &y.values);
    }
}

#[test]
fn generalised_means_are_their_definition() {
    let x = Map::random([4, 5, 3], "gem");
    type Shifted<'a> = &'a dyn Fn(&[f64]) -> (Vec<f64>, f64);
    let rows = |power: f64, values: Shifted<'_>| -> Vec<f64> {
        let one = |at: usize| {
            let (values, offset) = values(&x.channel(at / 3, at % 3));
            let raised: Vec<f64> = values.iter().map(|x| if power == 0.0 { x.ln() } else { x.powf(power) }).collect();
            (if power == 0.0 { mean(&raised).exp() } else { mean(&raised).powf(power.recip()) }) - offset
        };
        (0..BATCH * 3).map(one).collect()
    };
    let clamped = |values: &[f64]| (values.iter().map(|x| x.max(0.01)).collect(), 0.0);
    let shifted = |values: &[f64]| {
        let offset = 1.0 - values.iter().copied().fold(f64::INFINITY, f64::min);
        (values.iter().map(|x| x + offset).collect(), offset)
    };
    for power in [-3.0, -1.0, 0.0, 0.5, 1.0, 3.0, 8.0] {
        let layer = json!({ "gem": { "p": power, "negative": { "clamp": { "epsilon": 0.01 } } } });
        near(&layer, &run(&layer, &x).0, &rows(power, &clamped));
        let layer = json!({ "gem": { "p": power, "negative": "shift" } });
        near(&layer, &run(&layer, &x).0, &rows(power, &shifted));
    }
    // A power that no f32 could hold.
    let layer = json!({ "gem": { "p": 1000, "negative": "shift" } });
    let largest: Vec<f64> =
        (0..BATCH * 3).map(|at| x.channel(at / 3, at % 3).into_iter().fold(f64::NEG_INFINITY, f64::max)).collect();
    for (found, largest) in run(&layer, &x).0.iter().zip(largest) {
        assert!((f64::from(*found) - largest).abs() < 0.02, "{found}, {largest}");
    }
}

#[test]
fn squeeze_and_excitation_is_its_definition() {
    let x = Map::random([3, 4, 6], "squeeze");
    let layer = json!({ "squeeze-excite": { "reduction": 3 } });
    let (found, weight) = run(&layer, &x);
    let dense = |x: &[f64], kernel: &str, bias: &str| -> Vec<f64> {
        let (kernel, bias) = (weight(kernel), weight(bias));
        let one =
            |out: usize| x.iter().enumerate().map(|(at, x)| x * kernel[at * bias.len() + out]).sum::<f64>() + bias[out];
        (0..bias.len()).map(one).collect()
    };
    let gates: Vec<Vec<f64>> = (0..BATCH)
        .map(|n| {
            let means: Vec<f64> = (0..6).map(|c| mean(&x.channel(n, c))).collect();
            let narrow: Vec<f64> = dense(&means, "squeeze_weight", "squeeze_bias").iter().map(|x| x.max(0.0)).collect();
            assert_eq!(narrow.len(), 2);
            dense(&narrow, "excite_weight", "excite_bias").iter().map(|x| (1.0 + (-x).exp()).recip()).collect()
        })
        .collect();
    near(&layer, &found, &Map::new(x.sides, |at @ [n, .., c]| x.at(at) * gates[n][c]).values);
}

#[test]
fn learned_slopes_and_factors_are_their_definition() {
    let x = Map::random([3, 4, 5], "slopes");
    let layer = json!("prelu");
    let (found, weight) = run(&layer, &x);
    let slope = weight("slope");
    let prelu = |at: [usize; 4]| if x.at(at) > 0.0 { x.at(at) } else { slope[at[3]] * x.at(at) };
    near(&layer, &found, &Map::new(x.sides, prelu).values);
    let layer = json!("layer-scale");
    let (found, weight) = run(&layer, &x);
    let factor = weight("factor");
    near(&layer, &found, &Map::new(x.sides, |at| factor[at[3]] * x.at(at)).values);
}

#[test]
fn what_does_not_fit_is_refused_at_its_parameter() {
    for (layer, path, message) in [
        (
            json!({ "conv2d": { "filters": 6, "kernel": 3, "groups": 4 } }),
            "conv2d.groups",
            "4 groups can't divide the 6 channels",
        ),
        (
            json!({ "conv2d": { "filters": 4, "kernel": 3, "groups": 3 } }),
            "conv2d.groups",
            "3 groups can't divide the 4 filters",
        ),
        (
            json!({ "conv2d": { "filters": 4, "kernel": 3, "dilation": 4 } }),
            "conv2d.dilation",
            "a kernel that reaches over 9 x 9 pixels is larger than its input of 8 x 7",
        ),
        (
            json!({ "conv2d": { "filters": 4, "kernel": 8 } }),
            "conv2d.kernel",
            "a kernel of 8 x 8 is larger than its input of 8 x 7",
        ),
        (
            json!({ "conv2d": { "filters": 4, "kernel": 10, "padding": { "symmetric": { "pixels": 1 } } } }),
            "conv2d.kernel",
            "a kernel of 10 x 10 is larger than its input of 8 x 7 with 1 pixels around it",
        ),
        (
            json!({ "conv2d": { "filters": 4, "kernel": 3, "padding": { "symmetric": { "pixels": 3 } } } }),
            "conv2d.padding.symmetric.pixels",
            "a kernel of 3 x 3 lies in the border alone",
        ),
        (
            json!({ "max-pool": { "size": 2, "padding": { "symmetric": { "pixels": 2 } } } }),
            "max-pool.padding.symmetric.pixels",
            "a window of 2 x 2 lies in the border alone",
        ),
        (json!({ "avg-pool": { "size": 9 } }), "avg-pool.size", "a window of 9 x 9 is larger than its input of 8 x 7"),
        (json!({ "group-norm": { "groups": 4 } }), "group-norm.groups", "4 groups can't divide 6 channels evenly"),
        (
            json!({ "squeeze-excite": { "reduction": 7 } }),
            "squeeze-excite.reduction",
            "a reduction by 7 leaves nothing",
        ),
        (json!({ "gem": { "p": 0, "trained": true } }), "gem.p", "a learned power can't start at 0"),
        (json!({ "whiten-conv": { "kernel": 8 } }), "whiten-conv.kernel", "a kernel of 8 x 8 is larger"),
        (json!({ "whiten-conv": { "kernel": 7 } }), "whiten-conv.kernel", "patches of 7 x 7 x 6 have 294 numbers"),
        (
            json!({ "residual": { "body": ["whiten-conv"], "shortcut": ["whiten-conv"] } }),
            "residual.body[0]",
            "`whiten-conv` must be in the outermost list",
        ),
    ] {
        let specs: Vec<LayerSpec> = param::from_json(&json!([layer, "flatten"])).unwrap();
        let issue = infer_shapes([8, 7, 6], &specs).unwrap_err().remove(0);
        assert_eq!(issue.path, format!("layers[0].{path}"), "{layer}");
        assert!(issue.message.starts_with(message), "{layer}: {}", issue.message);
        assert!(issue.help.is_some(), "{layer}");
    }
}

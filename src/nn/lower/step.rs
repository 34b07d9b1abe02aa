//! The steps that stand for layers in embedding, and how each is computed.

use super::flow::{Flow, Kind, Map};
use crate::fused::{Ending, PreparedAttention, PreparedConv, PreparedDepthwise};
use crate::ops::PoolGeometry;
use crate::profile::{Label, Work};
use simpipe_kernel::{After, Matrix, Scratch, finish_map, global_mean_forward, layer_norm, window_max_forward};

/// One or several layers of a list.
#[derive(Debug)]
pub(super) enum Step {
    /// The layer of this number, as it is.
    Layer(usize),
    /// The residual of this number, and what follows its sum.
    Residual(usize, After),
    /// What each channel is multiplied by and what is added then, and a function of each value.
    Pointwise(Option<[Vec<f32>; 2]>, After),
    /// A convolution, and what its output stands for.
    Conv(Box<PreparedConv>, Kind),
    Depthwise(Box<PreparedDepthwise>),
    /// A max-pool.
    Windows(PoolGeometry),
    /// The mean of each channel.
    Mean,
    /// A matrix for each row, and what follows it.
    Dense(Box<Matrix>, After),
    /// A layer normalisation: scale, shift, epsilon.
    Norm([Vec<f32>; 2], f32),
    Attention(Box<PreparedAttention>),
}

impl Step {
    /// Whether the sum of a residual behind it can be part of it.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Conv(conv, _) => conv.is_open(),
            Self::Dense(_, after) => *after == After::Nothing,
            Self::Attention(_) => true,
            _ => false,
        }
    }

    /// As [`run`](Self::run), by whoever wants to know what it takes.
    pub(super) fn measured(&self, flow: Flow, sum: Option<&(Map, After)>) -> Map {
        let work = self.work(flow.shape());
        Label::here().measure(self.operation(), work, || self.run(flow, sum))
    }

    /// What it does, for people.
    const fn operation(&self) -> &'static str {
        match self {
            Self::Layer(_) | Self::Residual(..) => "layer",
            Self::Pointwise(..) => "function of each value",
            Self::Conv(..) => "convolution and what follows it",
            Self::Depthwise(_) => "convolution of each channel",
            Self::Windows(_) => "max-pool",
            Self::Mean => "mean of each channel",
            Self::Dense(..) => "matrix product",
            Self::Norm(..) => "layer normalisation",
            Self::Attention(_) => "attention",
        }
    }

    /// What that takes of a map of this shape, `[n, h, w, c]`.
    fn work(&self, shape: [usize; 4]) -> Work {
        let (n, numbers) = (shape[0], shape.iter().product::<usize>());
        match self {
            Self::Layer(_) | Self::Residual(..) => Work::default(),
            Self::Conv(conv, _) => conv.work(n),
            Self::Depthwise(conv) => conv.work(n),
            Self::Pointwise(..) | Self::Norm(..) => Work { flops: 0, numbers: 2 * numbers },
            Self::Windows(at) => Work { flops: 0, numbers: numbers + at.windows(shape).map_or(0, |at| at.y_len()) },
            Self::Mean => Work { flops: 0, numbers: numbers + n * shape[3] },
            // As many products as numbers, for each column.
            Self::Dense(matrix, _) => {
                let outputs = n * shape[1] * shape[2] * matrix.columns();
                Work { flops: 2 * numbers * matrix.columns(), numbers: numbers + outputs }
            }
            Self::Attention(attention) => attention.work(n, shape[1] * shape[2]),
        }
    }

    /// What it makes of `flow`, and with it of the sum with `add`, which there is only where it [is open](Self::is_open).
    pub(super) fn run(&self, flow: Flow, sum: Option<&(Map, After)>) -> Map {
        let ending = sum.map_or(Ending::default(), |(add, after)| Ending { add: Some(add.values()), after: *after });
        if let (Self::Conv(conv, kind), Flow::Features(features)) = (self, &flow)
            && let crate::layer::Features::Image(x) = &**features
        {
            return of_conv(conv.forward_tensor(x, ending), *kind);
        }
        let map = flow.into_map();
        let [n, height, width, channels] = map.shape;
        match self {
            Self::Layer(_) | Self::Residual(..) => unreachable!("these need their context"),
            Self::Conv(conv, kind) => of_conv(conv.forward(n, map.values(), ending), *kind),
            Self::Depthwise(conv) => {
                let (y, shape) = conv.forward(n, map.values());
                Map::new(y, shape, Kind::Image)
            }
            Self::Pointwise(scale, after) => {
                let (shape, kind) = (map.shape, map.kind);
                let mut y = map.into_values();
                finish_map(scale.as_ref().map(|[scale, shift]| [&scale[..], &shift[..]]), *after, None, &mut y);
                Map::new(y, shape, kind)
            }
            Self::Windows(at) => {
                let windows = at.windows(map.shape).expect("looked at when the step was made");
                let mut y = Scratch::take(windows.y_len());
                window_max_forward(&windows, map.values(), &mut y, None);
                let [height, width] = windows.out();
                Map::new(y, [n, height, width, channels], Kind::Image)
            }
            Self::Mean => {
                let mut y = Scratch::take(n * channels);
                global_mean_forward(n, channels, map.values(), &mut y);
                Map::new(y, [n, 1, 1, channels], Kind::Vector)
            }
            Self::Dense(matrix, after) => {
                let ending = if sum.is_some() { ending } else { Ending { add: None, after: *after } };
                of_matrix(matrix, &map, ending)
            }
            Self::Norm([gamma, beta], epsilon) => {
                let mut y = Scratch::take(map.values().len());
                layer_norm(map.values(), gamma, beta, *epsilon, &mut y);
                Map::new(y, map.shape, map.kind)
            }
            Self::Attention(attention) => {
                let y = attention.forward(n, height * width, map.values(), ending);
                Map::new(y, map.shape, map.kind)
            }
        }
    }
}

fn of_conv((y, shape @ [n, height, width, channels]): (Scratch, [usize; 4]), kind: Kind) -> Map {
    let shape = if kind == Kind::Tokens { [n, height * width, 1, channels] } else { shape };
    Map::new(y, shape, kind)
}

fn of_matrix(matrix: &Matrix, map: &Map, ending: Ending<'_>) -> Map {
    let ([n, height, width, _], columns) = (map.shape, matrix.columns());
    // A vector may still have the sides of the map that it was.
    let (rows, shape) = match map.kind {
        Kind::Vector => (n, [n, 1, 1, columns]),
        Kind::Image | Kind::Tokens => (map.rows(), [n, height, width, columns]),
    };
    let mut y = Scratch::take(rows * columns);
    matrix.forward(rows, map.values(), ending.after, ending.add, &mut y);
    Map::new(y, shape, map.kind)
}

/// The sum that a residual ends in, as a pass of its own.
pub(super) fn sum(map: Map, (add, after): &(Map, After)) -> Map {
    let (shape, kind) = (map.shape, map.kind);
    let mut y = map.into_values();
    finish_map(None, *after, Some(add.values()), &mut y);
    Map::new(y, shape, kind)
}

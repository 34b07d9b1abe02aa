//! The gradients of a convolution, by whatever method they are computed.

/// Where the gradients of a convolution go; all are overwritten.
#[derive(Debug)]
pub struct ConvGrads<'a> {
    /// Of the input, `[n, h, w, c_in]`; `None` skips the work.
    pub dx: Option<&'a mut [f32]>,
    /// Of the weights, `[kh, kw, c_in, c_out]`.
    pub dw: &'a mut [f32],
    /// Of the bias, `[c_out]`.
    pub db: &'a mut [f32],
}

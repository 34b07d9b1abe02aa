//! Images that lie in other files: gathered as they come out of those, and decoded together.

use super::Pictures;
use super::decoder::{Decoder, Picture, kept};
use super::tally::Tally;
use crate::DataError;
use crate::in_order::{BUDGET, Claim, in_order};
use crate::source::{Access, Example, Loaded, Sink};
use simpipe_artifact::About;
use simpipe_base::digest::Digest;

/// Images, and bytes of them, that are gathered before they are decoded together.
const GATHERED: (usize, usize) = (512, 64 << 20);

/// An encoded image that lay in another file.
#[derive(Debug, Clone, Default)]
pub(in crate::source) struct Encoding {
    pub(in crate::source) split: String,
    pub(in crate::source) label: i32,
    /// Where it lay, with `/` between the parts.
    pub(in crate::source) name: String,
    pub(in crate::source) bytes: Vec<u8>,
    pub(in crate::source) about: About,
    pub(in crate::source) value: Option<String>,
}

/// Decodes images as they come out of other files.
pub(in crate::source) struct Stream<'a, 'b> {
    access: &'a Access<'a>,
    sink: &'a mut Sink<'b>,
    tally: Tally<'a>,
    waiting: Vec<Encoding>,
    bytes: usize,
    done: usize,
    /// As far as it is known.
    total: usize,
}

impl<'a, 'b> Stream<'a, 'b> {
    pub(in crate::source) fn new(
        pictures: &'a Pictures,
        access: &'a Access<'a>,
        total: usize,
        sink: &'a mut Sink<'b>,
    ) -> Self {
        Self { access, sink, tally: Tally::new(pictures), waiting: Vec::new(), bytes: 0, done: 0, total }
    }

    /// The next image.
    pub(in crate::source) fn push(&mut self, encoding: Encoding) -> Result<(), DataError> {
        self.bytes += encoding.bytes.len();
        self.waiting.push(encoding);
        if self.waiting.len() >= GATHERED.0 || self.bytes >= GATHERED.1 { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), DataError> {
        let waiting = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        let decoder = Decoder::of(&self.tally.pictures.options, self.access);
        let decode = |encoding: &Encoding, claim: &Claim<'_>| {
            let (bytes, digest) = (encoding.bytes.clone(), Digest::of(&encoding.bytes));
            kept(decoder.picture(bytes, digest, None, claim), claim)
        };
        let (access, tally, sink, done) = (self.access, &mut self.tally, &mut *self.sink, self.done);
        in_order(&waiting, BUDGET, decode, |result| {
            let Some((at, decoded)) = result else {
                return access.images(done, self.total.max(done));
            };
            let Encoding { split, label, name, about, value, .. } = &waiting[at];
            let Some(Picture { image, from, .. }) = tally.take(|| name.clone(), decoded) else { return Ok(()) };
            let (about, value) = (about.clone(), value.as_deref());
            sink(Example { split, label: *label, image, name, about, value, decoded_from: Some(from) })
        })?;
        self.done += waiting.len();
        self.access.images(self.done, self.total.max(self.done))
    }

    /// What came of them all; `has_read` says what they were read from before anything is complained of.
    pub(in crate::source) fn finish(
        mut self,
        has_read: impl FnOnce() -> Result<(), DataError>,
    ) -> Result<Loaded, DataError> {
        self.flush()?;
        has_read()?;
        self.tally.finish(self.done)
    }
}

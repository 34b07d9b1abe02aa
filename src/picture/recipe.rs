//! [`DecodeOptions`] as JSON: what stands beside images that are stored encoded, so that whoever reads them gets the pixels that
//! whoever stored them saw.

use serde_json::{Value as Json, json};
use simpipe_base::param::{self, Param, View};

use super::decode::DecodeOptions;
use super::scale::Scaling;

/// Which arithmetic decodes: to be raised when the pixels of any file that is read may change, be it by another decoder.
const DECODER: u32 = 1;

impl DecodeOptions {
    /// What decides about the pixels of an image. The limit of pixels does not: what is stored has passed it.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let Self { channels, scaling, background, max_pixels: _ } = self;
        let mut recipe = json!({ "decoder": DECODER, "channels": channels, "background": background });
        if let Some(Scaling { height, width, mode, filter, pad }) = scaling {
            let (mode, filter) = (mode.write(View::Full), filter.write(View::Full));
            recipe["resize"] = json!({ "size": [height, width], "mode": mode, "filter": filter, "pad": pad });
        }
        recipe
    }

    /// The same read back; `None` where it is none, or was written for another decoder.
    #[must_use]
    pub fn from_json(recipe: &Json) -> Option<Self> {
        let byte = |value: &Json| value.as_u64().and_then(|value| u8::try_from(value).ok());
        let colour = |value: &Json| -> Option<[u8; 3]> {
            value.as_array()?.iter().map(byte).collect::<Option<Vec<u8>>>()?.try_into().ok()
        };
        let side = |value: &Json| value.as_u64().and_then(|side| u32::try_from(side).ok()).filter(|side| *side > 0);
        if recipe.get("decoder")?.as_u64() != Some(DECODER.into()) {
            return None;
        }
        let scaling = match recipe.get("resize") {
            None => None,
            Some(resize) => Some(Scaling {
                height: side(resize.pointer("/size/0")?)?,
                width: side(resize.pointer("/size/1")?)?,
                mode: param::from_json(resize.get("mode")?).ok()?,
                filter: param::from_json(resize.get("filter")?).ok()?,
                pad: colour(resize.get("pad")?)?,
            }),
        };
        let channels = side(recipe.get("channels")?).filter(|channels| matches!(channels, 1 | 3))?;
        Some(Self { channels, scaling, background: colour(recipe.get("background")?)?, max_pixels: u64::MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ResizeFilter, ResizeMode};

    #[test]
    fn a_recipe_comes_back_as_it_was_but_for_the_limit() {
        let scaled = Scaling {
            mode: ResizeMode::Fit,
            filter: ResizeFilter::Lanczos,
            pad: [1, 2, 3],
            ..Scaling::stretch((7, 9))
        };
        for scaling in [None, Some(Scaling::stretch((4, 4))), Some(scaled)] {
            for channels in [1, 3] {
                let options =
                    DecodeOptions { channels, scaling: scaling.clone(), background: [9, 0, 255], max_pixels: 77 };
                let expected = DecodeOptions { max_pixels: u64::MAX, ..options.clone() };
                assert_eq!(DecodeOptions::from_json(&options.to_json()), Some(expected));
            }
        }
    }

    #[test]
    fn what_is_no_recipe_or_of_another_decoder_is_none() {
        let whole = DecodeOptions { scaling: Some(Scaling::stretch((4, 4))), ..DecodeOptions::default() }.to_json();
        assert!(DecodeOptions::from_json(&whole).is_some());
        for (at, value) in [
            ("/decoder", json!(2)),
            ("/channels", json!(2)),
            ("/channels", json!("3")),
            ("/background", json!([1, 2])),
            ("/background", json!([1, 2, 256])),
            ("/resize/size", json!([4])),
            ("/resize/size", json!([0, 4])),
            ("/resize/mode", json!("sideways")),
            ("/resize", json!(null)),
        ] {
            let mut wrong = whole.clone();
            *wrong.pointer_mut(at).unwrap() = value;
            assert_eq!(DecodeOptions::from_json(&wrong), None, "{at}");
        }
        assert_eq!(DecodeOptions::from_json(&json!(null)), None);
    }
}

//! The page at `/`: images are dropped on it, and their answers appear. Its policy names its one style sheet and its one script
//! by their digests, so nothing that slipped in as text could run, and lets it talk to this server alone.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// The page with its policy.
pub(super) struct Page {
    pub(super) text: String,
    /// The value of `Content-Security-Policy`.
    pub(super) policy: String,
}

impl Page {
    pub(super) fn new() -> Self {
        let text = PAGE.replace("{style}", STYLE).replace("{script}", SCRIPT);
        let policy = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; img-src blob:; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            digest(SCRIPT),
            digest(STYLE)
        );
        Self { text, policy }
    }
}

/// `sha256-..`, of the bytes between the tags.
fn digest(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_that_of_what_stands_between_the_tags() {
        let Page { text, policy } = Page::new();
        for (tag, kind) in [("style", "style-src"), ("script", "script-src")] {
            let between = text.split_once(&format!("<{tag}>")).unwrap().1.split_once(&format!("</{tag}>")).unwrap().0;
            assert!(policy.contains(&format!("{kind} '{}'", digest(between))), "{tag}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'));
        // Text becomes text: nothing that a client or a class is called is parsed as a page.
        for parses in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "on=", " style="] {
            assert!(!text.contains(parses), "{parses}");
        }
        // The example of the specification: Content Security Policy Level 3, 6.7.3.3.
        assert_eq!(digest("alert('Hello, world.');"), "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=");
    }
}

//! What a page may do: nothing but what stands in it. The policy names its one style sheet and its one script by their digests,
//! so that nothing that slipped through as text could ever run.

use sha2::{Digest, Sha256};

use crate::inline::base64;

/// The value of a `Content-Security-Policy` for a page with this style sheet and this script, or none.
///
/// Pictures and fonts are addresses of themselves; the page loads nothing, sends nothing and can't be framed by its own parts.
pub(super) fn policy(style: &str, script: Option<&str>) -> String {
    let script = script.map_or_else(String::new, |script| format!("script-src '{}'; ", digest(script)));
    format!(
        "default-src 'none'; font-src data:; img-src data:; style-src '{}'; {script}base-uri 'none'; form-action 'none'",
        digest(style)
    )
}

/// `sha256-..`, of the bytes between the tags.
pub(super) fn digest(text: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_browsers() {
        // The example of the specification: Content Security Policy Level 3, 6.7.3.3.
        assert_eq!(digest("alert('Hello, world.');"), "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=");
        assert!(!policy("a{}", None).contains("script-src"));
        let policy = policy("a{}", Some("f()"));
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    }
}

//! The secret that clients show. It is kept as its digest, so it can't be printed, and two digests are compared in a time that
//! tells nothing of where they differ.

use std::path::Path;

use simpipe_base::fs::{open_regular, read_at_most};

/// A secret.
#[derive(Clone)]
pub struct Token(blake3::Hash);

/// The shortest that is not guessed: 16 characters.
const SHORTEST: usize = 16;
/// The longest that a header should carry.
const LONGEST: usize = 4096;

impl Token {
    /// The token in a file, without the end of its line.
    ///
    /// # Errors
    /// In words that don't hold it, if the file can't be read or holds none.
    pub fn from_file(path: &Path) -> Result<Self, String> {
        let file = open_regular(path).map_err(|error| error.to_string())?;
        let bytes = read_at_most(&file, LONGEST as u64).map_err(|error| error.to_string())?;
        let text = String::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
        Self::new(text.trim_end_matches(['\n', '\r']))
    }

    /// A token as somebody has written it.
    ///
    /// # Errors
    /// In words that don't hold it, if it is too short or can't stand in a header.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.len() < SHORTEST || text.len() > LONGEST {
            return Err(format!("a token has {SHORTEST} to {LONGEST} characters, this one {}", text.len()));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a token has letters, digits and signs of ASCII only, no spaces".to_owned());
        }
        Ok(Self(blake3::hash(text.as_bytes())))
    }

    /// Whether a header `Authorization` shows it.
    pub(super) fn is_shown(&self, authorization: Option<&[u8]>) -> bool {
        let Some((scheme, shown)) = authorization.and_then(|value| value.split_at_checked("Bearer ".len())) else {
            return false;
        };
        // `blake3::Hash` compares in constant time, and a digest's length says nothing of the token's.
        scheme.eq_ignore_ascii_case(b"Bearer ") && blake3::hash(shown.trim_ascii()) == self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_whole_or_not_at_all() {
        let token = Token::new("0123456789abcdef").unwrap();
        assert!(token.is_shown(Some(b"Bearer 0123456789abcdef")) && token.is_shown(Some(b"bearer  0123456789abcdef")));
        for other in
            ["", "Bearer", "Bearer ", "Bearer 0123456789abcde", "Bearer 0123456789abcdef0", "Basic 0123456789abcdef"]
        {
            assert!(!token.is_shown(Some(other.as_bytes())), "{other}");
        }
        assert!(!token.is_shown(None));
        assert!(!format!("{token:?}").contains("0123"));
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for (text, ok) in [("0123456789abcdef\n", true), ("short", false), ("0123456789 abcdef", false), ("", false)] {
            std::fs::write(&path, text).unwrap();
            let read = Token::from_file(&path);
            assert_eq!(read.is_ok(), ok, "{text:?}");
            assert!(read.err().is_none_or(|words| text.is_empty() || !words.contains(text)));
        }
        assert!(Token::from_file(folder.path()).is_err());
    }
}

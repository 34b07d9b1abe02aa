//! How deep a text nests, told from its tokens before anything is built of it: a tree without bound is a stack without
//! bound.

use std::ops::Range;

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use simpipe_base::node::MOST_NESTED;

/// Where a TOML text that stands below so many steps already nests deeper than [`MOST_NESTED`], and what to say of it. Lists,
/// tables and the parts of keys count.
pub(super) fn too_deep(text: &str, above: usize) -> Option<(Range<usize>, String)> {
    // Steps that each open bracket adds: its own, and those of the key before it.
    let mut open: Vec<usize> = Vec::new();
    let (mut depth, mut dots, mut key) = (above, 0, 0);
    for token in Source::new(text).lex() {
        match token.kind() {
            TokenKind::Dot => dots += 1,
            TokenKind::Equals => (key, dots) = (dots, 0),
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                open.push(key + 1);
                depth += key + 1;
                (key, dots) = (0, 0);
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                depth -= open.pop().unwrap_or(0);
                (key, dots) = (0, 0);
            }
            TokenKind::Comma => (key, dots) = (0, 0),
            TokenKind::Newline if open.is_empty() => (key, dots) = (0, 0),
            TokenKind::Newline
            | TokenKind::Whitespace
            | TokenKind::Comment
            | TokenKind::LiteralString
            | TokenKind::BasicString
            | TokenKind::MlLiteralString
            | TokenKind::MlBasicString
            | TokenKind::Atom
            | TokenKind::Eof => {}
        }
        if depth + dots > MOST_NESTED {
            let message = format!("keys, lists or tables are nested too deep: more than {MOST_NESTED} steps");
            return Some((token.span().start()..token.span().end(), message));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOO_DEEP: &str = "keys, lists or tables are nested too deep: more than 64 steps";

    fn said(text: &str) -> Option<String> {
        too_deep(text, 0).map(|(_, message)| message)
    }

    #[test]
    fn a_key_of_many_parts_is_found_wherever_it_hides() {
        let key = vec!["a"; 20_000].join(".");
        for text in [
            format!("{key} = 1"),
            format!("[{key}]"),
            format!("[[{key}]]"),
            format!("x = {{ {key} = 1 }}"),
            format!("\"\\\"\".{key} = 1"),
            format!("x = {{ a = \"\"\"\nit's\"\"\", {key} = 1 }}"),
            format!("{{ {key} = 1 }}"),
        ] {
            assert_eq!(said(&text).as_deref(), Some(TOO_DEEP), "{}", &text[..20]);
        }
    }

    #[test]
    fn steps_add_up_over_keys_lists_and_tables() {
        let key = vec!["a"; 20].join(".");
        let nested = |times: usize| format!("{}1{}", format!("{{ {key} = ").repeat(times), " }".repeat(times));
        assert_eq!(said(&format!("x = {}", nested(3))), None);
        for text in [
            format!("x = {}", nested(4)),
            format!("x = {}1{}", "[".repeat(100), "]".repeat(100)),
            format!("x = {}", "[".repeat(100_000)),
            format!("x = {}", "{ a = ".repeat(100_000)),
        ] {
            assert_eq!(said(&text).as_deref(), Some(TOO_DEEP), "{}", &text[..20]);
        }
    }

    #[test]
    fn what_stands_above_counts() {
        let text = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        for above in [0, 1, 40, 63] {
            assert_eq!(too_deep(&text(MOST_NESTED - above), above), None, "{above}");
            let (span, _) = too_deep(&text(MOST_NESTED - above + 1), above).unwrap();
            assert_eq!(span, MOST_NESTED - above..MOST_NESTED - above + 1, "{above}");
        }
    }

    #[test]
    fn long_is_not_deep() {
        for text in [
            format!("x = [{}]", vec!["0.5"; 2000].join(", ")),
            format!("x = [\n{}]", "  0.5,\n".repeat(2000)),
            format!("x = \"{}\"", ".".repeat(500)),
            format!("x = \"\"\"\nand so on {}\n\"\"\"", ".".repeat(500)),
            format!("# {}", ".".repeat(500)),
            "[a.b]\nc.d = 1\n".repeat(2000),
            "]\n".repeat(2000),
        ] {
            assert_eq!(said(&text), None, "{}", &text[..10]);
        }
    }
}

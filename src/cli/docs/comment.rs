//! Doc comments as the reference shows them: paragraphs, and the sections `# Shapes` and `# Example`.

/// A doc comment taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Comment {
    /// Paragraphs, each in one line.
    pub(super) paragraphs: Vec<String>,
    /// What goes in and what comes out.
    pub(super) shapes: Option<String>,
    /// A value in TOML, without its fence.
    pub(super) example: Option<String>,
}

impl Comment {
    /// Reads the text that `params!` and `choice!` keep of a doc comment.
    pub(super) fn read(text: &str) -> Self {
        let mut comment = Self::default();
        let mut section = String::new();
        let mut lines: Vec<&str> = Vec::new();
        for line in text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)) {
            if let Some(title) = line.strip_prefix("# ") {
                comment.take(&section, &lines);
                title.trim().clone_into(&mut section);
                lines.clear();
            } else {
                lines.push(line);
            }
        }
        comment.take(&section, &lines);
        comment
    }

    fn take(&mut self, section: &str, lines: &[&str]) {
        match section {
            "Example" => {
                let code = lines.iter().filter(|line| !line.starts_with("```"));
                self.example = Some(code.copied().collect::<Vec<_>>().join("\n").trim().to_owned());
            }
            "Shapes" => self.shapes = Some(paragraphs(lines).join(" ")),
            _ => self.paragraphs.extend(paragraphs(lines)),
        }
    }

    /// All paragraphs in one.
    pub(super) fn line(&self) -> String {
        self.paragraphs.join(" ")
    }
}

/// Joins the lines between empty ones.
fn paragraphs(lines: &[&str]) -> Vec<String> {
    let pieces = lines.split(|line| line.trim().is_empty());
    let joined = pieces.map(|piece| piece.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "));
    joined.filter(|piece| !piece.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_taken_apart() {
        let text = " Adds\n things.\n\n With care.\n\n # Shapes\n `[n]` to\n `[n]`.\n\n # Example\n\n ```toml\n { add = { } }\n ```\n";
        let comment = Comment::read(text);
        assert_eq!(comment.paragraphs, ["Adds things.", "With care."]);
        assert_eq!(comment.shapes.as_deref(), Some("`[n]` to `[n]`."));
        assert_eq!(comment.example.as_deref(), Some("{ add = { } }"));
        assert_eq!(Comment::read(" One.\n").line(), "One.");
    }
}

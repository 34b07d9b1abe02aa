//! What a run adds to the page of its report: all that has a clock, a host, a command, a path or a hit in it. The page that a
//! stage leaves has none of that, so that its bytes are the same wherever it is made.

use simpipe_artifact::Profile;

use super::Section;
use super::document::framed;
use super::fonts::with_fonts;
use super::html::{details, escape, facts, lines, paragraph, table};
use super::run_profile;
use crate::cells::words;

/// What is known of a run.
#[derive(Debug, Clone, Default)]
pub struct RunBlock {
    /// What it was and where: names and values, in order.
    pub facts: Vec<(String, String)>,
    /// The command line, as a shell takes it.
    pub command: String,
    /// Its graph as an SVG picture that this program has drawn, where it is known.
    pub graph: Option<String>,
    /// In the order of the plan.
    pub stages: Vec<RunStage>,
    /// What stages spent their time in, where that was measured.
    pub profile: Option<Profile>,
    /// What the spec below is: as it was written, or what is left of it.
    pub spec_is: String,
    /// The spec as TOML.
    pub spec: String,
}

/// What became of a stage.
#[derive(Debug, Clone, Default)]
pub struct RunStage {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// How it ended.
    pub outcome: String,
    /// How long it took in this run.
    pub took: String,
    /// How long the work of a hit took when it was done.
    pub saved: String,
    /// The begin of what it is stored under.
    pub key: String,
    /// Why it ran.
    pub why: String,
}

/// The ends of a page's contents and of its content: each stands there once, for text is escaped.
const ENDS: [&str; 2] = ["</ul></nav>", "</main>"];

/// A page of a report with the block of the run; `None` if it is not one of this program's pages, or has a block already.
#[must_use]
pub fn with_run(page: &str, block: &RunBlock) -> Option<String> {
    let section = section(block);
    if ENDS.iter().any(|end| page.matches(end).count() != 1)
        || page.contains(&format!("<section id=\"{}\"", section.id))
    {
        return None;
    }
    let link = format!("<li><a href=\"#{}\">{}</a></li>{}", section.id, escape(section.title), ENDS[0]);
    let Section { id, title, body } = section;
    let body = format!(
        "<section id=\"{id}\" aria-labelledby=\"{id}-title\"><h2 id=\"{id}-title\">{}</h2>{body}</section>\n{}",
        escape(title),
        ENDS[1]
    );
    Some(with_fonts(page.replacen(ENDS[0], &link, 1).replacen(ENDS[1], &body, 1)))
}

/// A page of a run that has no report: its numbers and its block, and a sentence that says why there is no more.
#[must_use]
pub fn run_page(title: &str, why: &str, metrics: &[(String, String)], block: &RunBlock) -> String {
    let rows: Vec<Vec<String>> = metrics.iter().map(|(name, value)| words([name, value])).collect();
    let mut numbers = paragraph(why);
    if !rows.is_empty() {
        numbers += &facts("Numbers of the run", &rows);
    }
    let first = Section { id: "headline", title: "Numbers", body: numbers };
    framed(title, None, &[first, section(block)], None)
}

fn section(block: &RunBlock) -> Section {
    let mut body = paragraph(
        "When, where and how this run was computed. The report in the store does not contain this section, so its bytes are the \
         same wherever it is made.",
    );
    let rows: Vec<Vec<String>> = block.facts.iter().map(|(name, value)| words([name, value])).collect();
    body += &facts("The run", &rows);
    if !block.command.is_empty() {
        body += "<h3>Command</h3>";
        body += &lines("Command", &block.command);
    }
    if let Some(graph) = &block.graph {
        body += "<h3>Stages</h3><div class=\"plot\" role=\"group\" tabindex=\"0\" aria-label=\"Stages of the run\">";
        body += graph;
        body += "</div>";
    }
    if !block.stages.is_empty() {
        let header = words(["Stage", "Kind", "Outcome", "Took", "Saved", "Key", "Why"]);
        let row = |stage: &RunStage| {
            let RunStage { id, kind, outcome, took, saved, key, why } = stage;
            words([id, kind, outcome, took, saved, key, why])
        };
        let rows: Vec<Vec<String>> = block.stages.iter().map(row).collect();
        body += &details("Outcomes and times of stages", &table("Outcomes and times of stages", &header, &rows));
    }
    if let Some(profile) = &block.profile {
        body += &run_profile::of(profile, &block.stages);
    }
    if !block.spec.is_empty() {
        body += &details("Spec as written", &(paragraph(&block.spec_is) + &lines("Spec as written", &block.spec)));
    }
    Section { id: "run", title: "This run", body }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> RunBlock {
        RunBlock {
            facts: vec![("Host".to_owned(), "<b>host</b>".to_owned())],
            command: "simpipe run '</main>' '</ul></nav>'".to_owned(),
            graph: Some("<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>".to_owned()),
            stages: vec![RunStage { id: "train".to_owned(), outcome: "hit".to_owned(), ..RunStage::default() }],
            profile: None,
            spec_is: "As written.".to_owned(),
            spec: "name = \"</script>\"\nseed = 1  # x.toml:2\n".to_owned(),
        }
    }

    #[test]
    fn a_page_gets_one_block_and_keeps_all_that_it_has() {
        let page = run_page("x", "why", &[], &RunBlock::default()).replace("id=\"run\"", "id=\"other\"");
        let whole = with_run(&page, &block()).unwrap();
        assert_eq!(whole.matches("<section id=\"run\"").count(), 1);
        assert_eq!(whole.matches("href=\"#run\"").count(), 2, "its own, and that of the page it was made of");
        assert!(whole.contains("&lt;b&gt;host&lt;/b&gt;") && whole.contains("seed = 1  # x.toml:2"), "{whole}");
        assert!(!whole.contains("<b>host") && !whole.contains("\"</script>"), "{whole}");
        // What was there is there, in its order: only two places are new.
        let (head, rest) = page.split_once(ENDS[0]).unwrap();
        let (middle, tail) = rest.split_once(ENDS[1]).unwrap();
        assert!(whole.starts_with(head) && whole.contains(middle) && whole.ends_with(tail), "{whole}");
        assert_eq!(with_run(&whole, &block()), None, "a second one");
        assert_eq!(with_run("<html></html>", &block()), None, "no page of ours");
    }
}

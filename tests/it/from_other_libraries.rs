//! Every setting in `docs/reference/from-other-libraries.md` is accepted, and every loss with a library behind it is there.

use crate::project::repository;
use crate::reference::check;

/// The rows of all tables: what stands in each column.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim_matches([' ', '|']).to_owned()).collect()
    };
    let of_tables = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| theirs"));
    of_tables.map(cells).collect()
}

/// The settings in a cell: what stands between backticks.
fn settings(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(|setting| setting.replacen(" = ", "=", 1)).collect()
}

#[test]
fn every_setting_is_accepted() {
    let text = std::fs::read_to_string(repository().join("docs/reference/from-other-libraries.md")).unwrap();
    let rows = rows(&text);
    assert!(rows.len() > 90, "{} rows", rows.len());
    let mut refused = Vec::new();
    for row in &rows {
        assert_eq!(row.len(), 3, "theirs, here, remarks: {row:?}");
        let settings = settings(&row[1]);
        if settings.is_empty() {
            assert!(row[1] == "-" && row[2].len() > 10, "what is not here has a reason: {row:?}");
        } else if let Err(message) = check(settings) {
            refused.push(format!("{}: {}\n{message}", row[0], row[1]));
        }
    }
    assert!(refused.is_empty(), "{} settings are refused:\n{}", refused.len(), refused.join("\n"));
}

//! Completion scripts and manual pages: of every command, with every option, and a script that a shell can use.

use std::path::Path;
use std::process::Command;

use crate::project::simpipe;

fn help(command: &[String]) -> String {
    let output = simpipe(&[]).args(command).arg("--help").output().unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A command and all inside it, as their help lists them.
fn commands(command: &[String]) -> Vec<Vec<String>> {
    let help = help(command);
    let listed = help.split("\nCommands:\n").nth(1).unwrap_or("").lines().take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names = names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    let inside = names.flat_map(|name| commands(&[command, &[name.to_owned()]].concat()));
    std::iter::once(command.to_vec()).chain(inside).collect()
}

/// The long options that a help names in front of their lines.
fn options(help: &str) -> Vec<&str> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let long = lines.filter_map(|line| line.split([' ', ',', '=', '[']).find(|word| word.starts_with("--")));
    // A line of a description may begin with an option of another command, in quotes.
    let is_whole = |option: &&str| option.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    long.filter(is_whole).filter(|option| !["--help", "--version"].contains(option)).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_command_has_a_page_with_its_options_and_a_place_in_every_script() {
    let folder = tempfile::tempdir().unwrap();
    let output = simpipe(&["completions", "--out", folder.path().to_str().unwrap()]).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    let all = commands(&[]);
    assert!(all.len() > 30 && all.contains(&vec!["store".to_owned(), "gc".to_owned()]), "{all:?}");
    let scripts = ["simpipe.bash", "_simpipe", "simpipe.fish", "_simpipe.ps1", "simpipe.elv"];
    let scripts = scripts.map(|name| read(&folder.path().join("completions").join(name)));
    for command in &all {
        let name = std::iter::once("simpipe").chain(command.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
        let page = read(&folder.path().join("man").join(format!("{name}.1"))).replace("\\-", "-");
        for option in options(&help(command)) {
            assert!(page.contains(option), "{name}.1 has no `{option}`");
            assert!(
                scripts.iter().all(|script| script.contains(option.trim_start_matches('-'))),
                "{command:?} {option}"
            );
        }
        let last = command.last().map_or("simpipe", String::as_str);
        assert!(scripts.iter().all(|script| script.contains(last)), "{command:?}");
    }
    let pages = std::fs::read_dir(folder.path().join("man")).unwrap().count();
    assert_eq!(pages, all.len(), "no page is of no command");
}

#[test]
fn a_shell_completes_commands_and_options() {
    let script = simpipe(&["completions", "bash"]).output().unwrap().stdout;
    let script = String::from_utf8(script).unwrap();
    let completed = |words: &str| {
        let (current, before) = (words.rsplit(' ').next().unwrap_or(""), words.rsplit(' ').nth(1).unwrap_or(""));
        let ask = format!(
            "{script}\nCOMP_WORDS=({words})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n_simpipe simpipe '{current}' \
             '{before}'\necho \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").args(["--norc", "-c", &ask]).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(completed("simpipe comp"), "compare completions");
    assert_eq!(completed("simpipe store ver"), "verify");
    assert_eq!(completed("simpipe run --froz"), "--frozen");
}

#[test]
fn a_shell_or_a_folder_is_asked_for_but_not_both() {
    for args in [&["completions"][..], &["completions", "bash", "--out", "x"]] {
        assert_eq!(simpipe(args).output().unwrap().status.code(), Some(2), "{args:?}");
    }
    let refused = simpipe(&["completions", "--out", "/dev/null/x"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("can't write `/dev/null/x/completions`"));
}

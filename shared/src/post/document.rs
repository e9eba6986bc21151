//! Writes `docs/publishing.md` from the states.

use std::fmt::Write as _;

use super::State;

fn diagram() -> String {
    let mut text =
        "```mermaid\nstateDiagram-v2\n    [*] --> draft\n    [*] --> scheduled\n".to_owned();
    for state in State::ALL {
        for next in state.next() {
            writeln!(text, "    {} --> {}", state.as_str(), next.as_str()).unwrap();
        }
        if state.next().is_empty() {
            writeln!(text, "    {} --> [*]", state.as_str()).unwrap();
        }
    }
    text.push_str("```");
    text
}

fn table() -> String {
    let row = |state: &State| {
        let changes = if state.is_open() { "yes" } else { "no" };
        format!("| `{}` | {} | {changes} |", state.as_str(), state.meaning())
    };
    let rows: Vec<String> = State::ALL.iter().map(row).collect();
    rows.join("\n")
}

#[test]
fn docs_publishing_md_says_what_the_states_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/publishing.md");
    let document = include_str!("document.txt")
        .replace("STATES", &diagram())
        .replace("TABLE", &table());
    let written = std::fs::read_to_string(path).unwrap_or_default();
    if written != document {
        let _ = std::fs::write(path, document);
        panic!(
            "docs/publishing.md differed from the states and was written anew: look at it and commit it"
        );
    }
}

//! The documents are true as far as a test can tell: their links lead somewhere, the flags they name are flags, their
//! manifests' keys are keys, and the lists that they give in full are full.

#![expect(clippy::unwrap_used, reason = "a test says what it expects")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use flowbatch::cli;
use flowbatch::manifest;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The documents, as paths and texts.
fn documents() -> Vec<(PathBuf, String)> {
    let folders = [root().to_owned(), root().join("docs")];
    let entries =
        folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let found: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap().replace("\r\n", "\n")))
        .collect();
    assert!(found.len() > 5, "the documents are where this test looks for them");
    found
}

/// The blocks of a document in a language, without their fences.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// A heading as a link names it: lower case, spaces as `-`, other signs left out.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut dead = Vec::new();
    for (path, text) in documents() {
        for (_, rest) in text.match_indices("](").map(|(at, _)| text.split_at(at + 2)) {
            let target = rest.split(')').next().unwrap();
            if target.contains("://") || target.contains(char::is_whitespace) {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let found = if heading.is_empty() {
                file.exists()
            } else {
                let text = fs::read_to_string(&file).unwrap_or_default();
                text.lines().any(|line| line.starts_with('#') && anchor(line) == heading)
            };
            if !found {
                dead.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(dead.is_empty(), "links to nothing:\n{}", dead.join("\n"));
}

#[test]
fn commands_and_flags_in_documents_are_those_of_the_program() {
    let reference = cli::reference();
    let words: BTreeSet<&str> = reference
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .filter(|word| word.starts_with('-'))
        .collect();
    let mut wrong = Vec::new();
    for (path, text) in documents() {
        let shell = blocks(&text, "sh").join("\n").replace("\\\n", " ");
        for line in shell.lines() {
            let Some((_, call)) = line.split('#').next().unwrap().split_once("flowbatch ") else { continue };
            let call = call.split(['|', '>', ';']).next().unwrap();
            let command = call.split_whitespace().next().unwrap();
            let known = reference.contains(&format!("## `flowbatch {command}`")) || command.starts_with('-');
            let flags = call.split_whitespace().map(|word| word.split('=').next().unwrap());
            let unknown =
                flags.filter(|word| word.starts_with("--") && word.len() > 2 && !words.contains(word));
            let unknown: Vec<_> = unknown.collect();
            if !known || !unknown.is_empty() {
                wrong.push(format!("{}: flowbatch {call} {unknown:?}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "not as the program has it:\n{}", wrong.join("\n"));
}

#[test]
fn manifests_in_documents_have_only_keys_of_the_language() {
    let validator = jsonschema::validator_for(&manifest::schema()).unwrap();
    let mut seen = 0;
    for (path, text) in documents() {
        for block in blocks(&text, "yaml").into_iter().filter(|block| block.contains("\nversion: 1\n")) {
            let value: Value = serde_yaml::from_str(block).unwrap();
            let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:#?}\n{block}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 2, "there are manifests in the documents");
}

#[test]
fn lists_in_documents_are_full() {
    /// The words that a source file gives in quotes after a mark.
    fn words(file: &str, from: &str, to: &str) -> Vec<String> {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let (_, rest) = text.split_once(from).unwrap();
        let part = rest.split(to).next().unwrap();
        part.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    }
    fn snake(word: &str) -> String {
        let mut text = String::new();
        for c in word.chars() {
            if c.is_uppercase() && !text.is_empty() {
                text.push('_');
            }
            text.extend(c.to_lowercase());
        }
        text
    }
    let read = |name: &str| fs::read_to_string(root().join("docs").join(name)).unwrap();

    let events = words("src/model/event.rs", "pub fn name(&self)", "pub fn row(");
    let folder = read("run-folder.md");
    assert!(events.len() == 20, "{events:?}");
    for event in &events {
        assert!(
            folder.contains(&format!("| `{event}` |")),
            "docs/run-folder.md does not list the event `{event}`"
        );
    }

    let verdict = fs::read_to_string(root().join("src/model/verdict.rs")).unwrap();
    let (_, rest) = verdict.split_once("pub enum Reason {").unwrap();
    let codes = read("exit-codes.md");
    for reason in rest.split('}').next().unwrap().split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let reason = snake(reason);
        assert!(
            codes.contains(&format!("`{reason}`")),
            "docs/exit-codes.md does not list the reason `{reason}`"
        );
    }

    let kinds = words("src/model/outcome.rs", "kinds! {", "\n}\n");
    // These never end a row: they pause the key, or stop the run.
    let not_rows = ["throttled", "authentication", "no_credits", "redirect", "machine"];
    for kind in kinds.iter().filter(|kind| !not_rows.contains(&kind.as_str())) {
        assert!(folder.contains(&format!("`{kind}`")), "docs/run-folder.md does not list the error `{kind}`");
    }
}

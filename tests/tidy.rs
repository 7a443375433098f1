//! The rules of the house, held by a test: floors, sizes, and a first line for each module.

#![expect(clippy::unwrap_used, reason = "a test says what it expects")]

use std::fs;
use std::path::{Path, PathBuf};

/// A module imports only from strictly lower floors.
const FLOORS: &[(&str, u32)] = &[
    ("model", 0),
    ("fail_point", 0),
    ("stats", 0),
    ("similarity", 0),
    ("calendar", 1),
    ("mapping", 1),
    ("retry", 1),
    ("pace", 1),
    ("polling", 1),
    ("reply", 1),
    ("flow_file", 1),
    ("artifact", 1),
    ("digest", 1),
    ("machine", 1),
    ("bundle", 2),
    ("checks", 2),
    ("gates", 2),
    ("manifest", 3),
    ("report", 3),
    ("allowance", 4),
    ("control", 4),
    ("dataset", 4),
    ("journal", 4),
    ("workflow", 4),
    ("emulator", 4),
    ("audit", 5),
    ("compare", 5),
    ("runner", 5),
    ("schedule", 5),
    ("notify", 5),
    ("serve", 6),
    ("commands", 7),
    ("console", 8),
    ("cli", 8),
    ("main", 9),
    ("lib", 9),
];

/// Lines of a file before its tests.
const FILE_LINES: usize = 400;

/// Lines of a function.
const FUNCTION_LINES: usize = 70;

fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    assert!(files.len() > 10, "the sources are where this test looks for them");
    files
}

fn module_of(path: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let first = path.strip_prefix(root).unwrap().components().next().unwrap();
    first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

fn floor_of(module: &str) -> u32 {
    let found = FLOORS.iter().find(|(name, _)| *name == module);
    found
        .unwrap_or_else(|| panic!("module `{module}` has no floor: add it to FLOORS and to ARCHITECTURE.md"))
        .1
}

/// The part of a file that is not its inline tests.
fn code(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap()
}

fn is_test_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs")
        || path.components().any(|part| part.as_os_str() == "tests")
}

/// The modules that a text names after `crate::` (also inside `use crate::{…}`).
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
        if text[line_start..at].trim_start().starts_with("//") {
            continue;
        }
        if let Some(group) = rest.strip_prefix('{') {
            let group = group.split('}').next().unwrap();
            found.extend(group.split(',').map(|part| first_word(part.trim())));
        } else {
            found.push(first_word(rest));
        }
    }
    found.retain(|module| !module.is_empty());
    found
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[test]
fn modules_import_only_from_lower_floors() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let module = module_of(&path);
        let floor = floor_of(&module);
        let text = if is_test_file(&path) { "" } else { code(&text) };
        for import in imports(text) {
            if import != module && floor_of(&import) >= floor {
                wrong.push(format!("{}: imports crate::{import}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports must go down:\n{}", wrong.join("\n"));
}

#[test]
fn files_are_short() {
    let long: Vec<_> = sources()
        .into_iter()
        .filter(|(path, _)| !is_test_file(path))
        .map(|(path, text)| (path, code(&text).lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES)
        .collect();
    assert!(long.is_empty(), "over {FILE_LINES} lines before their tests: {long:#?}");
}

#[test]
fn functions_are_short() {
    let mut long = Vec::new();
    for (path, text) in sources() {
        let text = if is_test_file(&path) { &text } else { code(&text) };
        let mut open: Option<(usize, usize, String)> = None;
        for (number, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let starts = line.trim_start().split(' ').take(5).any(|word| word == "fn")
                && !line.trim_end().ends_with(';');
            if open.is_none() && starts {
                open = Some((number, indent, line.trim().to_owned()));
            }
            if let Some((start, at, name)) = &open
                && indent == *at
                && (line.trim_end().ends_with('}') || line.trim_end().ends_with(';'))
            {
                if number - start + 1 > FUNCTION_LINES {
                    long.push(format!(
                        "{}:{}: {} lines: {name}",
                        path.display(),
                        start + 1,
                        number - start + 1
                    ));
                }
                open = None;
            }
        }
    }
    assert!(long.is_empty(), "over {FUNCTION_LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn every_module_says_what_it_owns() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|(path, text)| !is_test_file(path) && !text.starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "without a `//!` line: {silent:#?}");
}

#[test]
fn nothing_is_left_behind() {
    let marks =
        ["todo!(", "unimplemented!(", concat!("#[ig", "nore"), concat!("FIX", "ME"), concat!("XX", "X")];
    let left: Vec<_> = sources()
        .into_iter()
        .flat_map(|(path, text)| {
            let found = marks
                .iter()
                .filter(|mark| text.contains(**mark))
                .map(|mark| format!("{}: {mark}", path.display()));
            found.collect::<Vec<_>>()
        })
        .collect();
    assert!(left.is_empty(), "left behind:\n{}", left.join("\n"));
}

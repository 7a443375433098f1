//! What is generated from the program and kept beside it is current. `UPDATE_GENERATED=1 cargo test --test generated`
//! writes it anew.

#![expect(clippy::unwrap_used, reason = "a test says what it expects")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use flowbatch::{cli, manifest, mapping};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Compares a file with what it should be, or writes it.
fn check(name: &str, expected: &str) {
    let path = path(name);
    if std::env::var_os("UPDATE_GENERATED").is_some_and(|value| !value.is_empty()) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, expected).unwrap();
        return;
    }
    let found = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    let same = found.lines().zip(expected.lines()).take_while(|(found, expected)| found == expected).count();
    assert!(
        found == expected,
        "{name} is not current from line {} on: UPDATE_GENERATED=1 cargo test --test generated",
        same + 1
    );
}

/// Gives a text with what stands between two marks replaced.
fn with_section(text: &str, name: &str, section: &str) -> String {
    let (open, close) = (format!("<!-- generated: {name} -->\n"), format!("<!-- end: {name} -->"));
    let (before, rest) = text.split_once(&open).unwrap_or_else(|| panic!("no `{}`", open.trim_end()));
    let (_, after) = rest.split_once(&close).unwrap_or_else(|| panic!("no `{close}`"));
    format!("{before}{open}\n{}\n\n{close}{after}", section.trim())
}

fn helpers() -> String {
    let mut table = String::from("| call | gives |\n|---|---|\n");
    for helper in mapping::helpers() {
        let description = helper.description.replace('|', "\\|");
        writeln!(table, "| `{{{{{}}}}}` | {description} |", helper.signature.replace('|', "\\|")).unwrap();
    }
    table
}

#[test]
fn the_schema_of_manifests_is_current() {
    let schema = serde_json::to_string_pretty(&manifest::schema()).unwrap();
    check("schema/manifest.v1.schema.json", &format!("{schema}\n"));
}

#[test]
fn the_reference_of_commands_is_current() {
    check("docs/cli.md", &cli::reference());
}

#[test]
fn the_reference_of_manifests_is_current() {
    let name = "docs/manifest.md";
    let text = fs::read_to_string(path(name)).unwrap().replace("\r\n", "\n");
    // The reference's headings go below the one of the section that it stands in.
    let keys = format!("\n{}", manifest::reference()).replace("\n## ", "\n### ");
    let text = with_section(&text, "keys", &keys);
    check(name, &with_section(&text, "helpers", &helpers()));
}

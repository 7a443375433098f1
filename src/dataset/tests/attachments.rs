//! Files in inputs.

use serde_json::{Value, json};

use super::*;
use crate::mapping::{FileInput, Rendered};
use crate::model::ErrorKind;

fn rendered(path: &str) -> Rendered {
    Rendered {
        value: json!({"q": "hi", "docs": [{"file": path, "format": "txt"}]}),
        files: vec![FileInput {
            pointer: "/docs/0".to_owned(),
            path: path.to_owned(),
            format: "txt".to_owned(),
        }],
    }
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("in");
    fs::create_dir_all(inner.join("docs")).unwrap();
    fs::write(inner.join("docs/a.txt"), "hello").unwrap();
    fs::write(folder.path().join("secret.txt"), "secret").unwrap();
    folder
}

#[test]
fn a_file_goes_out_as_base64_and_is_journalled_by_its_digest() {
    let folder = folder();
    let attached = attach(&folder.path().join("in"), rendered("docs/a.txt")).unwrap();
    assert_eq!(attached.input, json!({"q": "hi", "docs": [{"format": "txt", "base64_content": "aGVsbG8="}]}));
    let journal = attached.journal.unwrap();
    assert_eq!(
        journal["docs"][0].to_string(),
        r#"{"file":"docs/a.txt","format":"txt","bytes":5,"sha256":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}"#
    );
    assert_eq!(journal["q"], "hi");
}

#[test]
fn an_input_without_files_is_passed_on() {
    let value = json!({"q": 1});
    let plain = Rendered { value: value.clone(), files: Vec::new() };
    let attached = attach(&folder().path().join("nowhere"), plain).unwrap();
    assert_eq!((attached.input, attached.journal), (value, None));
}

#[track_caller]
fn check(path: &str, expected: &str) {
    let folder = folder();
    let error = attach(&folder.path().join("in"), rendered(path)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::MAPPING);
    assert_eq!(error.message, format!("file `{path}`: {expected}"));
}

const LEAVES: &str = "leaves the manifest's folder; files that rows name must lie in it";

#[test]
fn a_path_may_not_leave_the_folder() {
    let folder = folder();
    let absolute = folder.path().join("in/docs/a.txt");
    for path in ["../secret.txt", "docs/../../secret.txt", "docs/../docs/a.txt", "/etc/passwd", ".."] {
        check(path, LEAVES);
    }
    check(&absolute.display().to_string(), LEAVES);
}

#[test]
fn a_file_that_is_not_there_is_named_as_written() {
    check("docs/b.txt", "there is no such file in the manifest's folder");
    check(
        "docs/a.txt/x",
        if cfg!(unix) {
            "Not a directory (os error 20)"
        } else {
            "there is no such file in the manifest's folder"
        },
    );
    check("docs", "is no regular file");
    check(" ", "the path is empty");
    let error = attach(&folder().path().join("in"), rendered("a\0b")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::MAPPING);
}

#[test]
fn a_file_over_the_limit_is_refused() {
    let folder = folder();
    let path = folder.path().join("in/big.txt");
    fs::File::create(&path).unwrap().set_len(attachment::ATTACHMENT_LIMIT + 1).unwrap();
    let error = attach(&folder.path().join("in"), rendered("big.txt")).unwrap_err();
    assert_eq!(error.message, "file `big.txt`: is over the limit of 32 MiB");
    fs::File::create(&path).unwrap().set_len(1).unwrap();
    assert!(attach(&folder.path().join("in"), rendered("big.txt")).is_ok());
}

#[cfg(unix)]
#[test]
fn a_link_may_lead_within_the_folder_only() {
    let folder = folder();
    let inner = folder.path().join("in");
    std::os::unix::fs::symlink("docs/a.txt", inner.join("within.txt")).unwrap();
    std::os::unix::fs::symlink("../secret.txt", inner.join("without.txt")).unwrap();
    std::os::unix::fs::symlink("..", inner.join("up")).unwrap();
    assert!(attach(&inner, rendered("within.txt")).is_ok());
    for path in ["without.txt", "up/secret.txt"] {
        let error = attach(&inner, rendered(path)).unwrap_err();
        assert_eq!(error.message, format!("file `{path}`: {LEAVES}"));
    }
    let linked = folder.path().join("linked");
    std::os::unix::fs::symlink(&inner, &linked).unwrap();
    assert!(attach(&linked, rendered("docs/a.txt")).is_ok(), "the manifest's folder may itself be a link");
}

#[test]
fn a_file_without_a_place_is_a_bug_not_a_panic() {
    let mut lost = rendered("docs/a.txt");
    lost.value = Value::Null;
    assert_eq!(attach(&folder().path().join("in"), lost).unwrap_err().kind, ErrorKind::BUG);
}

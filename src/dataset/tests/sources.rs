//! Globs, lists and standard input; the pin; files that change.

use std::path::Path;

use super::*;

fn glob(files: Files<'_>, patterns: &[&str]) -> Result<Vec<String>, String> {
    read_with(files, |spec, folder| {
        spec.paths = patterns.iter().map(|pattern| folder.path().join(pattern)).collect();
        spec.on_bad_row = OnBadRow::Reject;
    })
}

#[test]
fn a_pattern_is_read_in_the_order_of_names() {
    let files: Files<'_> = &[
        ("d/b.csv", b"k,v\n2,b\nbad\n"),
        ("d/a.csv", b"k,v\n1,a\n"),
        ("d/c.txt", b"no"),
        ("d/e.csv/x", b"in a folder that looks like a file"),
    ];
    let rows = [
        r#"1 1 {"k":"1","v":"a"}"#,
        r#"2 2 {"k":"2","v":"b"}"#,
        "3! b.csv:3: 1 cell, but the header has 2 columns",
    ];
    assert_eq!(glob(files, &["d/*.csv"]).unwrap(), rows);
    let backwards = glob(files, &["d/b.csv", "d/a.csv"]).unwrap();
    assert_eq!(backwards[2], r#"3 3 {"k":"1","v":"a"}"#, "a list keeps its order");
    assert_eq!(glob(files, &["d/*.jsonl"]).unwrap_err(), "`d/*.jsonl` matches no file");
    assert!(glob(files, &["d/***"]).unwrap_err().starts_with("`d/***` is no pattern that can be read: "));
    assert_eq!(
        glob(files, &["d/b.csv", "d/*.csv"]).unwrap_err(),
        "d/b.csv is named twice, and its rows would be paid for twice"
    );
    let hidden: Files<'_> = &[("[x]/a.csv", b"k\n1\n"), ("[x]/._a.csv", b"\0")];
    assert_eq!(glob(hidden, &["[x]/*"]).unwrap(), [r#"1 1 {"k":"1"}"#], "a folder's name is no pattern");
    assert_eq!(glob(&[("a[1].csv", b"k\nx\n")], &["a[1].csv"]).unwrap(), [r#"1 1 {"k":"x"}"#]);
}

#[test]
fn files_of_one_name_are_told_apart() {
    let files: Files<'_> = &[("x/t.csv", b"k\n"), ("y/t.csv", b"k\n\"a\"b\n")];
    let rows = glob(files, &["*/t.csv"]).unwrap();
    assert!(rows[0].contains("t.csv:2: cell 1") && !rows[0].starts_with("1! t.csv"), "{}", rows[0]);
}

#[test]
fn all_files_have_the_columns_of_the_first() {
    let rows = glob(&[("a.csv", b"k,v\n1,a\n"), ("b.csv.gz", &super::packing::gzip(b"v,k\nb,2\n"))], &["*"]);
    assert_eq!(rows.unwrap(), [r#"1 1 {"k":"1","v":"a"}"#, r#"2 2 {"k":"2","v":"b"}"#]);
    let rows = glob(&[("a.csv", b""), ("b.csv", b"k\n1\n"), ("c.tsv", b"k\n2\n")], &["*"]);
    assert_eq!(rows.unwrap(), [r#"1 1 {"k":"1"}"#, r#"2 2 {"k":"2"}"#]);
    let other: Files<'_> = &[("a.csv", b"k,v\n"), ("b.csv", b"k,w,x\n")];
    let expected = "b.csv has other columns than a.csv: no `v`, an extra `w`, an extra `x`";
    assert_eq!(glob(other, &["*"]).unwrap_err(), expected);
    let (_folder, dataset) = opened(other, |_, _| ());
    assert_eq!(dataset.unwrap().columns().unwrap_err().to_string(), expected, "before a row is read");
    assert_eq!(
        glob(&[("a.csv", b"k\n"), ("b.jsonl", b"{}")], &["*"]).unwrap_err(),
        "a.csv and b.jsonl have different formats; the files of a dataset must all be tables or all be JSON"
    );
}

#[test]
fn what_is_no_file_is_said() {
    assert_eq!(glob(&[], &["t.csv"]).unwrap_err(), "t.csv: there is no such file");
    assert_eq!(
        glob(&[("d/t.csv", b"")], &["d"]).unwrap_err(),
        "d is a folder; name its files, for instance `d/*.csv`".replace('/', std::path::MAIN_SEPARATOR_STR)
    );
    assert_eq!(glob(&[], &["t.csv", "-"]).unwrap_err(), "`-` (standard input) must be the only path");
}

#[test]
fn a_missing_file_is_a_mistake_and_an_unreadable_one_is_not() {
    assert!(Error::Missing { path: "t.csv".into() }.is_mistake());
    let source = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let error = Error::io(Path::new("t.csv"), source);
    assert!(!error.is_mistake());
    assert_eq!(error.to_string(), "t.csv: permission denied");
}

fn piped(bytes: &[u8], spool: Option<&Path>, format: Option<&str>) -> Result<Dataset, Error> {
    let mut spec = spec();
    spec.paths = vec!["manifests/-".into()];
    spec.format = format.map(str::to_owned);
    spec.on_bad_row = OnBadRow::Reject;
    Dataset::open_with(&spec, spool, &mut &bytes[..])
}

fn all(dataset: &Dataset) -> Vec<String> {
    listed(dataset, &surveyed(dataset, &Select::default()).unwrap().selection).unwrap()
}

#[test]
fn standard_input_is_spooled_and_its_format_told_by_its_start() {
    let row = [r#"1 1 {"a":"1"}"#];
    for bytes in [
        b"a\n1\n".to_vec(),
        b"\n {\"a\":\"1\"}\n".to_vec(),
        b"\xEF\xBB\xBF [ {\"a\":\"1\"}]".to_vec(),
        super::packing::gzip(b"a\n1\n"),
        super::packing::zstandard(b"{\"a\":\"1\"}"),
        "\u{feff}{\"a\":\"1\"}".encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ] {
        assert_eq!(all(&piped(&bytes, None, None).unwrap()), row);
    }
    assert_eq!(all(&piped(b"[a],[b]\n1,2\n", None, None).unwrap()), [r#"1 1 {"[a]":"1","[b]":"2"}"#]);
    assert_eq!(all(&piped(b"a\tb\n1\t2\n", None, Some("tsv")).unwrap()), [r#"1 1 {"a":"1","b":"2"}"#]);
    assert_eq!(all(&piped(b"", None, None).unwrap()), [""; 0]);
    assert_eq!(
        all(&piped(b"a,b\n1\n", None, None).unwrap()),
        ["1! stdin:2: 1 cell, but the header has 2 columns"]
    );
    let cut = super::packing::gzip(b"a\n1\n");
    let error = surveyed(&piped(&cut[..12], None, None).unwrap(), &Select::default()).unwrap_err();
    assert!(error.to_string().starts_with("stdin: the archive is damaged or cut short"), "{error}");
}

#[test]
fn a_spool_that_is_there_is_the_dataset() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("dataset.input");
    let first = piped(b"a\n1\n", Some(&spool), None).unwrap();
    assert!(first.files().eq([&spool]));
    drop(first);
    assert_eq!(fs::read(&spool).unwrap(), b"a\n1\n");
    let again = piped(b"a\n2\n", Some(&spool), None).unwrap();
    assert_eq!(all(&again), [r#"1 1 {"a":"1"}"#]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_temporary_spool_goes_with_the_dataset() {
    let dataset = piped(b"a\n1\n", None, None).unwrap();
    let path = dataset.files().next().unwrap().to_owned();
    assert!(path.exists());
    drop(dataset);
    assert!(!path.exists());
}

#[test]
fn a_pin_that_does_not_fit_shows_both_digests() {
    let pinned = |sha256: &str| {
        read_with(&[("t.csv", b"k\nx\nx\n")], |spec, _| {
            spec.sha256 = Some(sha256.to_owned());
            spec.key = Some("k".to_owned());
        })
    };
    let found = "39e6e9c5192ad2bf3887933735a618975699d190af0f2e21e2be8f1b8c3a0b14";
    let error = pinned(&"0".repeat(64)).unwrap_err();
    assert_eq!(
        error,
        format!(
            "the dataset is not the pinned one: `sha256` is {}, the files have {found}; restore them, or change the pin",
            "0".repeat(64)
        )
    );
    assert!(pinned(&found.to_uppercase()).unwrap_err().starts_with("the key `x` stands twice"));
}

#[test]
fn the_digest_goes_over_all_files_in_order() {
    let whole = |files: Files<'_>| {
        let (_folder, dataset) = opened(files, |_, _| ());
        let survey = surveyed(&dataset.unwrap(), &Select::default()).unwrap();
        (survey.bytes, survey.sha256)
    };
    let two = whole(&[("a.jsonl", b"{}\n"), ("b.jsonl", b"{\"a\":1}\n")]);
    assert_eq!(two, whole(&[("c.jsonl", b"{}\n{\"a\":1}\n")]));
    assert_ne!(two, whole(&[("a.jsonl", b"{\"a\":1}\n"), ("b.jsonl", b"{}\n")]));
}

#[test]
fn a_file_that_changes_while_it_is_used_is_noticed() {
    let (folder, dataset) = opened(&[("t.csv", b"a\n1\n")], |_, _| ());
    let dataset = dataset.unwrap();
    let survey = surveyed(&dataset, &Select::default()).unwrap();
    fs::write(folder.path().join("t.csv"), b"a\n1\n2\n").unwrap();
    let error = listed(&dataset, &survey.selection).unwrap_err();
    assert_eq!(plain(&error, &folder), "t.csv changed while it was in use; start again");
    assert!(!error.is_mistake());
}

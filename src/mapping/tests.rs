//! Nothing here panics, whatever the text.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::mapping::{ColumnType, ColumnTypes, Expression, Scope, Template, ValueType};

/// Pieces that parsers look at, so that random texts get further than the first character.
const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{{{",
    "}}}",
    "{{{{raw}}}}",
    "{{{{/raw}}}}",
    "{{~",
    "~}}",
    "{{#if ",
    "{{#each ",
    "{{#with ",
    "{{/if}}",
    "{{/each}}",
    "{{/with}}",
    "{{else}}",
    "{{else if ",
    "{{^}}",
    "{{~else if ",
    "{{!",
    "{{!--",
    "--}}",
    "{{> ",
    "{{* ",
    "{{#> ",
    "{{#*",
    "{{&",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "row.n",
    "row.text",
    "row.list",
    "row.nope",
    "this",
    "@index",
    "@root.row.n",
    "../",
    "./",
    "@../index",
    "..",
    ".",
    "/",
    "|x|",
    " as |x y|",
    "x",
    "y",
    "eq ",
    "default ",
    "date ",
    "tz=",
    "truncate ",
    "lookup ",
    "int ",
    "\"a\"",
    "'b'",
    "'",
    "\"",
    "\\",
    "\\{{",
    "1",
    "-1",
    "1.5",
    "1E5",
    "1E999",
    "007",
    "null",
    "true",
    "as",
    "else",
    " ",
    "\n",
    "\r\n",
    "你",
    "é",
    "👍",
    "\u{200d}",
    "=",
    "a=",
    "and ",
    "or ",
    "not ",
    " in ",
    " matches ",
    "==",
    "!=",
    "<",
    "<=",
    "+",
    "-",
    ",",
    "5%",
    "30s",
    "1h30m",
    "row.[a b]",
    "row.",
    "99999999999999999999999999999",
    "\"(a+)+$\"",
    "\"[\"",
    "&&",
    "%",
    "for",
    "`",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => proptest::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => ".{0,8}",
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn scope() -> Scope {
    let names =
        json!({"row": {"n": 7, "text": "Grüße 你", "list": [1, {"a": "b"}, null], "a b": 1e300}, "x": -5});
    let Value::Object(names) = names else { unreachable!("an object") };
    Scope::of(names)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_template_panics(text in text()) {
        match Template::parse(&text) {
            Ok(template) => _ = template.render(&scope()),
            Err(error) => prop_assert!(text.is_char_boundary(error.offset), "{} in {text:?}", error.offset),
        }
    }

    #[test]
    fn no_expression_panics(text in text()) {
        match Expression::parse(&text) {
            Ok(expression) => {
                _ = expression.check(&[].into(), ValueType::Text);
                _ = expression.holds(&scope());
            }
            Err(error) => prop_assert!(text.is_char_boundary(error.offset), "{} in {text:?}", error.offset),
        }
    }

    #[test]
    fn no_cell_panics(cell in "[-+]?[0-9]{0,25}[.]?[0-9]{0,25}([eE][-+]?[0-9]{1,12})?|\\PC{0,9}") {
        for column_type in [ColumnType::Integer, ColumnType::Number, ColumnType::Boolean, ColumnType::Json] {
            let Value::Object(record) = json!({"cell": cell}) else { unreachable!("an object") };
            let typed = ColumnTypes([("cell".to_owned(), column_type)].into()).apply(&record);
            // What became a whole number says what the cell says.
            if let Ok(Some(number)) = typed.map(|record| record["cell"].as_i64())
                && !cell.contains(['.', 'e', 'E'])
                && column_type != ColumnType::Json
            {
                prop_assert_eq!(number, cell.trim().parse::<i64>().unwrap());
            }
        }
    }
}

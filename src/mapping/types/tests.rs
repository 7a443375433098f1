use serde_json::{Value, json};

use crate::mapping::ColumnType::{self, Boolean, Integer, Json, Number, Text};
use crate::mapping::ColumnTypes;

fn apply(column_type: ColumnType, cell: &Value) -> Result<Value, String> {
    let Value::Object(record) = json!({"other": "o", "cell": cell}) else { unreachable!("an object") };
    let declared = ColumnTypes([("cell".to_owned(), column_type), ("absent".to_owned(), Integer)].into());
    let typed = declared.apply(&record)?;
    assert_eq!(typed.keys().collect::<Vec<_>>(), ["other", "cell"]);
    Ok(typed["cell"].clone())
}

#[test]
fn cells_become_their_declared_type() {
    let check = |column_type, cell: Value, expected: Value| {
        assert_eq!(apply(column_type, &cell), Ok(expected), "{column_type:?} {cell}");
    };
    check(Text, json!(" 1 "), json!(" 1 "));
    check(Text, json!(""), json!(""));
    check(Text, json!(null), json!(null));
    check(Integer, json!(" -12 "), json!(-12));
    check(Integer, json!("007"), json!(7));
    check(Integer, json!("18446744073709551615"), json!(u64::MAX));
    check(Integer, json!("-9223372036854775808"), json!(i64::MIN));
    check(Integer, json!("1.0"), json!(1));
    check(Integer, json!(5), json!(5));
    check(Number, json!("5"), json!(5));
    check(Number, json!("5.50"), json!(5.5));
    check(Number, json!("0.1"), json!(0.1));
    check(Number, json!("1e300"), json!(1e300));
    check(Number, json!("-0"), json!(0));
    check(Number, json!(1.25), json!(1.25));
    check(Boolean, json!("TRUE"), json!(true));
    check(Boolean, json!("0"), json!(false));
    check(Boolean, json!(false), json!(false));
    check(Json, json!("{\"a\": [1]}"), json!({"a": [1]}));
    check(Json, json!([1]), json!([1]));
    for column_type in [Integer, Number, Boolean, Json] {
        check(column_type, json!(""), json!(null));
        check(column_type, json!("  "), json!(null));
        check(column_type, json!(null), json!(null));
    }
}

#[test]
fn a_cell_of_another_type_is_named_with_its_column() {
    let check = |column_type, cell: Value, expected: &str| {
        assert_eq!(apply(column_type, &cell), Err(format!("column `cell`, declared {expected}")), "{cell}");
    };
    check(Integer, json!("1.5"), "integer: \"1.5\" is not a whole number");
    check(Integer, json!("abc"), "integer: \"abc\" is not a whole number");
    check(
        Integer,
        json!("123456789012345678901234567890123456789012345"),
        "integer: \"123456789012345678901234567890123456789… has more than 64 bits: keep it as text",
    );
    check(Integer, json!(1.5), "integer: 1.5 is a number");
    check(Integer, json!(true), "integer: true is a boolean");
    let too_long = "has more digits than a JSON number can carry exactly: keep it as text";
    check(Number, json!("0.12345678901234567890"), &format!("number: \"0.12345678901234567890\" {too_long}"));
    check(Number, json!("1e999"), &format!("number: \"1e999\" {too_long}"));
    check(Number, json!("1,5"), "number: \"1,5\" is not a number");
    check(Number, json!("NaN"), "number: \"NaN\" is not a number");
    check(Boolean, json!("yes"), "boolean: \"yes\" is neither true nor false");
    check(Text, json!(7), "text: 7 is a number");
    assert!(
        apply(Json, &json!("{")).unwrap_err().starts_with("column `cell`, declared json: \"{\" is not JSON")
    );
}

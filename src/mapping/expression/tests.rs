use serde_json::{Value, json};

use crate::mapping::{ColumnType, Expression, Scope, SyntaxError, ValueType};

fn scope() -> Scope {
    let names = json!({
        "row": {
            "lang": "en", "priority": 3, "share": 0.05, "empty": null, "urgent": true, "digits": "3",
            "订单号": "A1", "Customer Name": "Ada", "tags": ["a", 1], "meta": {"x": {"y": 2}}, "big": 1e300, "huge": u64::MAX,
        },
        "latency": 30000, "outcome": "succeeded",
    });
    let Value::Object(names) = names else { unreachable!("an object") };
    Scope::of(names)
}

fn check(text: &str, expected: bool) {
    let parsed = Expression::parse(text).unwrap_or_else(|e| panic!("{text:?}: {e:?}"));
    assert_eq!(parsed.holds(&scope()).map_err(|error| error.message), Ok(expected), "{text:?}");
}

fn refused(text: &str, part: &str) {
    let parsed = Expression::parse(text).unwrap_or_else(|e| panic!("{text:?}: {e:?}"));
    let message = parsed.holds(&scope()).expect_err(text).message;
    assert!(message.contains(part), "{text:?}: {message}");
}

fn mistaken(text: &str, offset: usize, message: &str, help: &str) {
    is_mistake(text, &Expression::parse(text).expect_err(text), offset, message, help);
}

fn is_mistake(text: &str, error: &SyntaxError, offset: usize, message: &str, help: &str) {
    assert!(error.message.contains(message), "{text:?}: {error:?}");
    assert!(error.help.as_deref().unwrap_or_default().contains(help), "{text:?}: {error:?}");
    assert_eq!(error.offset, offset, "{text:?}: {error:?}");
}

fn type_check(text: &str) -> Result<(), SyntaxError> {
    let columns = [
        ("priority".to_owned(), ColumnType::Integer),
        ("urgent".to_owned(), ColumnType::Boolean),
        ("meta".to_owned(), ColumnType::Json),
        ("zip".to_owned(), ColumnType::Text),
    ];
    Expression::parse(text)
        .unwrap_or_else(|e| panic!("{text:?}: {e:?}"))
        .check(&columns.into(), ValueType::Text)
}

#[test]
fn conditions_hold_or_do_not() {
    check("row.lang == \"en\" and row.priority >= 2", true);
    check("row.lang == 'de' or not row.priority < 2", true);
    check("not row.urgent == false", true);
    check("row.priority != 3", false);
    check("row.priority in [1, 2, 3]", true);
    check("row.priority not in [1, 2, 3]", false);
    check("row.lang in [\"de\", 'en',]", true);
    check("row.lang in []", false);
    check("\"a\" in row.tags and 1 in row.tags", true);
    check("row.tags == [\"a\", 1.0]", true);
    check("'e' in row.lang", true);
    check("row.lang matches '^E'", false);
    check("row.lang matches \"(?i)^E\\w$\"", true);
    check("row.订单号 == 'A1' and row.[Customer Name] > 'A'", true);
    check("row.meta.x.y == 2 and row.tags.[1] == 1 and row.tags.0 == 'a'", true);
    check("latency <= 30s and latency == 0.5m and latency < 1h and latency > 250ms", true);
    check("latency == 29s + 1000ms and 1h30m == 90m", true);
    check("row.share >= 5% and row.share < 5.01%", true);
    check("row.share == 0.1 - 0.05", true);
    check("-row.priority + 5 == 2 and - - 1 == 1", true);
    check("true or row.nope == 1", true);
    check("(((row.urgent)))", true);
    check("'it\\'s \\\\ \\n' == \"it's \\\\ \\n\"", true);
    check("outcome == 'succeeded' or false", true);
}

#[test]
fn numbers_are_exact() {
    check("0.1 + 0.2 == 0.3", true);
    check("9007199254740993 == 9007199254740992", false);
    check("row.huge == 18446744073709551615 and row.huge > 18446744073709551614", true);
    check("row.priority == 3.000", true);
    refused("row.big > 1", "`row.big` has more digits");
    refused(
        "7922816251426433759354395033.5 + 0.0000000000000000000000000001 > 1",
        "more digits than can be kept",
    );
}

#[test]
fn null_is_equal_to_itself_alone_and_in_no_order() {
    check("row.empty == null", true);
    check("row.empty != null", false);
    check("row.empty != 3 and row.empty != 'a'", true);
    for text in [
        "row.empty < 3",
        "row.empty >= 3",
        "3 > row.empty",
        "row.empty + 1 == 1",
        "row.empty",
        "row.empty matches 'a'",
    ] {
        check(text, false);
    }
    check("row.empty in [1, null]", true);
    check("'a' in row.empty", false);
    check("not row.empty", true);
    check("row.empty + 1 == null", true);
}

#[test]
fn what_cannot_be_evaluated_is_named() {
    refused("row.nope == 1", "`row.nope` is missing");
    refused("row.lang == 'en' and row.[no such].x == 1", "`row.[no such].x` is missing");
    refused("row.digits == 3", "`row.digits == 3` compares text with a number");
    refused("row.digits in [1, 2]", "compares text with a number");
    refused("row.lang < 3", "compares text with a number");
    refused("row.urgent > false", "compares a boolean with a boolean");
    refused("row.lang", "`row.lang` is text, and a condition is true or false");
    refused("row.lang and true", "`row.lang` is text");
    refused("row.lang + 1 > 2", "`row.lang` is text");
    refused("row.priority matches 'a'", "`row.priority` is a number, and `matches` needs text");
    refused("1 in row.meta", "looks for a number in an object");
}

#[test]
fn mistakes_have_their_place_and_their_cure() {
    mistaken("", 0, "the condition is empty", "");
    mistaken("row.n = 1", 6, "`=` is no operator", "`==`");
    mistaken("row.a && row.b", 6, "`&&`", "`and`");
    mistaken("row.a || row.b", 6, "`||`", "`or`");
    mistaken("!row.a", 0, "`!`", "`not`");
    mistaken("row.a <> 1", 6, "`<>`", "`!=`");
    mistaken("row.a === 1", 6, "`===`", "`==`");
    mistaken("row.a =~ 'x'", 6, "`=~`", "`matches`");
    mistaken(
        "row.a contains 'x'",
        6,
        "`contains` stands where an operator should",
        "`\"text\" in row.column`",
    );
    mistaken("row.a like 'x'", 6, "`like`", "matches");
    mistaken("row.a AND row.b", 6, "`AND`", "did you mean `and`?");
    mistaken("row.a matchs 'x'", 6, "`matchs`", "did you mean `matches`?");
    mistaken("row.Customer Name == 'x'", 13, "`Name`", "`row.[Customer Name]`");
    mistaken("row.a == 1 2", 11, "`2` stands", "");
    mistaken("你.a == 'x", 9, "not closed", "close it with `'`");
    mistaken("(row.a == 1", 0, "this `(` is not closed", "`)`");
    mistaken("row.a in [1, 2", 9, "this `[` is not closed", "`]`");
    mistaken("row.a in [1 2]", 12, "`2`", "");
    mistaken("row.a == ", 9, "missing at the end", "");
    mistaken("and row.a", 0, "a value is missing before `and`", "");
    mistaken("row.a == 1)", 10, "`)`", "");
    mistaken("1 < row.a < 3", 10, "can't follow one another", "`1 < row.n and row.n < 5`");
    mistaken("row.a < 5kg", 9, "`kg` is no unit", "%, ms, s, m and h");
    mistaken("row.a < 1h30", 12, "a unit is missing after `1h30`", "");
    mistaken("row.a < 1h5%", 11, "a unit is missing after `1h5`", "");
    mistaken("row.a < 1e5", 9, "`e5` is no unit", "");
    mistaken("row.a < 5 kg", 10, "`kg` stands where an operator should", "");
    mistaken("row.a ≤ 5", 6, "`≤`", "did you mean `<=`?");
    mistaken("row. == 1", 4, "a name is missing after `row.`", "row.[Customer Name]");
    mistaken("row.[a == 1", 4, "this `[` is not closed", "");
    mistaken("row.a * 2 > 1", 6, "`*` means nothing", "add and subtract");
    mistaken("{{row.a}} == 1", 0, "`{` means nothing", "no template");
    mistaken("row.a == “x”", 9, "means nothing", "straight quotes");
    mistaken("row.a matches '('", 14, "can't be read: unclosed group", "");
    mistaken("row.a matches row.b", 14, "in quotes", "");
    mistaken("1.5.2 == 1", 3, "`.` means nothing", "");
    mistaken("123456789012345678901234567890 > 1", 0, "too many digits", "28");
}

#[test]
fn what_is_too_long_or_too_deep_is_refused() {
    mistaken(&"(".repeat(9_000), 65, "nested more than 64 deep", "");
    mistaken(&"not ".repeat(2_000), 260, "nested more than 64 deep", "");
    mistaken(&"-".repeat(9_000), 65, "nested more than 64 deep", "");
    mistaken(&"[".repeat(9_000), 65, "nested more than 64 deep", "");
    mistaken(&" ".repeat(10_001), 0, "10000 bytes", "");
    mistaken("row.a matches '(\\pL{500}){500}'", 14, "can't be read", "");
    check(&vec!["true"; 1_000].join(" and "), true);
    check(&format!("{} == 3000", vec!["1"; 3_000].join("+")), true);
}

#[test]
fn types_are_checked_at_load() {
    for text in [
        "row.priority > 2 and row.urgent",
        "row.lang == 'en'",
        "row.lang < 'f'",
        "row.meta.x > 2 or row.meta == 'a'",
        "vars.x == 1",
        "row.priority in [1, 2] and row.lang in ['a']",
        "'x' in row.lang",
        "1 in row.meta",
        "row.priority == null",
        "output.ok",
        "row_number > 5 and row_key == '5' and outcome == 'failed'",
        "row.priority + 1 > 2",
        "not row.urgent",
        "row.zip matches '^0'",
    ] {
        assert_eq!(type_check(text), Ok(()), "{text}");
    }
    let check = |text: &str, offset: usize, message: &str, help: &str| {
        is_mistake(text, &type_check(text).expect_err(text), offset, message, help);
    };
    check("row.n > 2", 0, "compares text with a number", "declare `types: {n: integer}`");
    check(
        "true and 2 <= row.[Customer No]",
        9,
        "compares a number with text",
        "declare `types: {Customer No: integer}`",
    );
    check("row.[a: b] == 0.5", 0, "compares text", "declare `types: {\"a: b\": number}`");
    check("row.n > row.priority", 0, "compares text with a number", "declare `types: {n: number}`");
    check("row.flag == true", 0, "compares text with a boolean", "declare `types: {flag: boolean}`");
    check(
        "row.flag",
        0,
        "this is text, and a condition is true or false",
        "declare `types: {flag: boolean}`",
    );
    check(
        "row.lang == 'a' and row.flag",
        20,
        "this is text, and `and` needs true or false",
        "{flag: boolean}",
    );
    check("not row.priority", 4, "this is a number, and `not` needs", "");
    check("row.n in [1, 2]", 0, "compares text with a number", "{n: integer}");
    check("row.n + 1 > 2", 0, "this is text, and `+`", "declare `types: {n: number}`");
    check("row.priority == '3'", 0, "compares a number with text", "leave out the quotes");
    check("row.priority matches '3'", 0, "this is a number, and `matches` needs text", "");
    check("row.urgent > false", 0, "neither less nor more", "`==`");
    check("row.lang in row.priority", 12, "`in` looks for text in a number", "a list");
    check("1 + 1", 0, "this is a number, and a condition is", "");
    check("row_key == 5", 0, "compares text with a number", "");
    let jsonl = Expression::parse("row.n > 2 and row.flag").unwrap().check(&[].into(), ValueType::Any);
    assert_eq!(jsonl, Ok(()), "what JSONL holds is known only when it is read");
}

#[test]
fn every_name_is_a_reference() {
    let text =
        "row.a == 1 and (row.[b c] in [row.订单号, -vars.x] or not row.d matches 'x') and row.e + row.f > 1";
    let parsed = Expression::parse(text).unwrap();
    let found = parsed.references().iter().map(|reference| (reference.path.join("|"), reference.offset));
    let expected = [
        ("row|a", 0),
        ("row|b c", 16),
        ("row|订单号", 30),
        ("vars|x", 46),
        ("row|d", 61),
        ("row|e", 84),
        ("row|f", 92),
    ];
    assert_eq!(found.collect::<Vec<_>>(), expected.map(|(path, offset)| (path.to_owned(), offset)));
    assert_eq!(parsed.source(), text);
}

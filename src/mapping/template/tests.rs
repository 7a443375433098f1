use serde_json::{Map, Value, json};

use crate::mapping::{Scope, Template};

fn scope() -> Scope {
    let names = json!({
        "row": {
            "n": 7, "price": 1.5, "text": "Grüße an 你", "empty": "", "none": null, "yes": true, "digits": "42",
            "订单号": "A1", "Customer Name": "Ada", "a]b": 1, "this": "column this",
            "list": ["a", "b"], "meta": {"deep": {"er": [10, 20]}}, "people": [{"name": "Ada"}, {"name": "Bob"}],
        },
        "vars": {"tone": "brief", "list": ["x"]}, "row_number": 3,
    });
    let Value::Object(names) = names else { unreachable!("an object") };
    Scope::of(names)
}

fn check(template: &str, expected: Value) {
    let rendered =
        Template::parse(template).unwrap_or_else(|e| panic!("{template:?}: {e:?}")).render(&scope());
    assert_eq!(rendered.map_err(|error| error.message), Ok(expected), "{template:?}");
}

fn refused(template: &str, part: &str) {
    let rendered =
        Template::parse(template).unwrap_or_else(|e| panic!("{template:?}: {e:?}")).render(&scope());
    let message = rendered.expect_err(template).message;
    assert!(message.contains(part), "{template:?}: {message}");
}

#[test]
fn a_lone_expression_keeps_its_type() {
    check("{{row.n}}", json!(7));
    check("{{row.price}}", json!(1.5));
    check("{{row.none}}", json!(null));
    check("{{row.yes}}", json!(true));
    check("{{row.list}}", json!(["a", "b"]));
    check("{{row.meta}}", json!({"deep": {"er": [10, 20]}}));
    check("{{{row.n}}}", json!(7));
    check("{{&row.n}}", json!(7));
    check("{{~ row.n ~}}", json!(7));
    check("{{! said }}{{row.n}}{{!-- and --}}", json!(7));
    check("{{int row.digits}}", json!(42));
    check("{{(int row.digits)}}", json!(42));
}

#[test]
fn text_around_makes_a_string() {
    check("", json!(""));
    check("plain", json!("plain"));
    check(" {{row.n}}", json!(" 7"));
    check("{{row.n}}{{row.price}}", json!("71.5"));
    check(
        "<{{row.none}}|{{row.yes}}|{{row.list}}|{{row.meta}}>",
        json!("<|true|[\"a\",\"b\"]|{\"deep\":{\"er\":[10,20]}}>"),
    );
    check("a {{{row.text}}} <b>&", json!("a Grüße an 你 <b>&"));
    check("{{row.订单号}} {{row.[Customer Name]}} {{row.[this]}}", json!("A1 Ada column this"));
    check("{{row.meta.deep.er.[1]}}-{{row.meta.deep.er.0}}", json!("20-10"));
    check("\\{{row.n}} {{row.n}}", json!("{{row.n}} 7"));
    check("{{{{raw}}}}{{row.n}}{{{{/raw}}}}", json!("{{row.n}}"));
}

#[test]
fn an_absent_name_is_an_error_that_names_it() {
    for template in [
        "{{row.nope}}",
        "a {{row.nope}}",
        "{{upper row.nope}}",
        "{{upper (trim row.nope)}}",
        "{{#if row.nope}}x{{/if}}",
        "{{#each row.nope}}x{{/each}}",
        "{{#with row.nope}}x{{/with}}",
        "{{#unless row.nope}}x{{/unless}}",
        "{{date row.n tz=row.nope}}",
        "{{default row.none row.nope}}",
    ] {
        refused(template, "`row.nope` is missing");
    }
    refused("{{row.none.x}}", "`row.none.x` is missing");
    refused("{{row.list.x}}", "`row.list.x` is missing");
    refused("{{row.list.[2]}}", "`row.list.[2]` is missing");
    refused("{{row.text.x}}", "`row.text.x` is missing");
}

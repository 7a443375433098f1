use serde_json::{Value, json};

use crate::mapping::{Expression, Scope};

fn scope() -> Scope {
    let names = json!({
        "row": {
            "lang": "en", "priority": 3, "share": 0.05, "empty": null, "urgent": true, "digits": "3",
            "订单号": "A1", "Customer Name": "Ada", "tags": ["a", 1], "meta": {"x": {"y": 2}}, "big": 1e300,
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

#[test]
fn conditions_hold_or_do_not() {
    check("row.lang == \"en\" and row.priority >= 2", true);
    check("row.lang == 'de' or not row.priority < 2", true);
    check("row.priority in [1, 2, 3]", true);
    check("row.priority not in [1, 2, 3]", false);
    check("latency <= 30s", true);
    check("latency < 29s + 999ms", false);
    check("row.share >= 5%", true);
}

//! The summary as a person sees it.

use super::*;

const PLAIN: Style = Style { colour: false, width: 80 };

#[test]
fn print_it() {
    let group_by = templates(&[("lang", "{{row.lang}}")]);
    let context = ReportContext {
        group_by,
        price: Some(Price { per_unit: "0.01".parse().unwrap(), currency: "USD".into() }),
        ..context()
    };
    let s = every_kind().summary(&context);
    println!("{}", render_text(&s, PLAIN, "runs/support-triage/20261124T060000Z-7f3a"));
    println!("{}", render_markdown(&s));
}

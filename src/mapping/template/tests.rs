use serde_json::{Value, json};

use crate::mapping::{ReplyScope, Scope, ScopeParts, Template};
use crate::model::Outcome;

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

fn mistaken(template: &str, offset: usize, message: &str, help: &str) {
    let error = Template::parse(template).expect_err(template);
    assert!(error.message.contains(message), "{template:?}: {error:?}");
    assert!(error.help.as_deref().unwrap_or_default().contains(help), "{template:?}: {error:?}");
    assert_eq!(error.offset, offset, "{template:?}: {error:?}");
}

#[test]
fn mistakes_are_found_when_parsed() {
    mistaken("a {{row.n", 2, "`{{` is not closed", "close it with `}}`");
    mistaken("a {{row.n} {{row.m}}", 2, "`{{` is not closed", "}}");
    mistaken("a {{}}", 2, "names nothing", "");
    mistaken("你 {{#if row.n}}x", 4, "`{{#if}}` is not closed", "`{{/if}}`");
    mistaken("{{#if row.n}}\n你{{/each}}", 17, "`{{/each}}` closes `{{#if}}`", "`{{/if}}`");
    mistaken("x{{/if}}", 1, "closes nothing", "");
    mistaken("{{row.Customer Name}}", 15, "can't be read", "{{row.[Customer Name]}}");
    mistaken("{{Customer Name}}", 2, "there is no helper `Customer`", "brackets");
    mistaken("a {{trunacte row.n 4}}", 4, "there is no helper `trunacte`", "did you mean `truncate`?");
    mistaken("{{upper (lowr row.n)}}", 9, "there is no helper `lowr`", "did you mean `lower`?");
    mistaken("{{truncate row.n}}", 2, "`truncate` takes 2 arguments, and has 1", "truncate TEXT N");
    mistaken("{{trim}}", 2, "`trim` takes 1 argument, and has 0", "trim TEXT");
    mistaken("{{date row.n tx=\"UTC\"}}", 13, "no option `tx`", "tz=ZONE");
    mistaken("{{concat}}", 2, "at least 1 argument", "");
    mistaken("a {{> header}}", 2, "partials", "");
    mistaken("a {{#> header}}{{/header}}", 2, "partials", "");
    mistaken("{{* inline}}", 0, "decorators", "");
    mistaken("{{#iff row.n}}{{/iff}}", 0, "no block `#iff`", "did you mean `if`?");
    mistaken("{{#if}}x{{/if}}", 0, "`#if` needs one value", "");
    mistaken("{{#if eq row.n 1}}x{{/if}}", 0, "`#if` needs one value", "{{#if (eq row.lang \"en\")}}");
    mistaken("{{#if row.n as |x|}}{{/if}}", 0, "at most 0 names", "");
    mistaken("{{@index}}", 2, "only inside `#each`", "");
    mistaken("{{#each row.list}}{{@idx}}{{/each}}", 20, "there is no `@idx`", "@index");
    mistaken("{{this}}", 2, "only inside", "`row`");
    mistaken("{{../row.n}}", 2, "further out", "");
    mistaken(
        "{{truncate row.text \"x\"}}",
        2,
        "`truncate`: the length \"x\" is not a whole number",
        "truncate TEXT N",
    );
    mistaken("{{truncate row.text -1}}", 2, "the length -1", "");
    mistaken("{{split row.text \"\"}}", 2, "the separator is empty", "");
    mistaken("a {{date row.text \"%!\"}}", 4, "the format \"%!\"", "");
    mistaken("{{date row.text tz=\"Mars\"}}", 2, "\"Mars\" is not a time zone", "tz=ZONE");
    mistaken("{{eq row.n 12345678901234567890123}}", 0, "larger than a number can be", "in quotes");
    mistaken("{{int 007}}", 6, "`007` is no value", "quotes");
}

#[test]
fn what_is_too_long_or_too_deep_is_refused_quickly() {
    let deep = format!("{{{{upper {}row.n{}}}}}", "(upper ".repeat(100_000), ")".repeat(100_000));
    for template in [
        deep.as_str(),
        &"{{#if row.n}}".repeat(10_000),
        &format!("{{{{json {}", "[".repeat(100_000)),
        &format!("{{{{#if row.n}}}}{}{{{{/if}}}}", "{{else if row.n}}".repeat(1_900)),
        &format!("{}{}", "{{#if row.n}}{{!-- {{/if}} --}}".repeat(490), "{{/if}}".repeat(490)),
        &"{{row.n}}".repeat(2_001),
        &format!("{{{{row.n}}}}{}", "x".repeat(300_000)),
    ] {
        assert!(Template::parse(template).is_err());
    }
    let sixty = format!("{{{{upper {}row.n{}}}}}", "(upper ".repeat(60), ")".repeat(60));
    check(&sixty, json!("7"));
    let chain =
        format!("{{{{#if row.none}}}}a{}b{{{{else}}}}x{{{{/if}}}}", "{{else if row.none}}".repeat(60));
    check(&chain, json!("x"));
    let blocks = format!("{}x{}", "{{#if row.n}}".repeat(60), "{{/if}}".repeat(60));
    check(&blocks, json!("x"));
}

fn references(template: &str, expected: &[&str]) {
    let template = Template::parse(template).unwrap_or_else(|e| panic!("{template:?}: {e:?}"));
    let found = template.references().iter().map(|reference| {
        let optional = if reference.optional { "?" } else { "" };
        format!("{}{optional}@{}", reference.path.join("|"), reference.offset)
    });
    assert_eq!(found.collect::<Vec<_>>(), expected, "{template:?}");
}

#[test]
fn every_name_that_starts_at_a_root_is_a_reference() {
    references("plain", &[]);
    references("{{row.n}} {{ row.n }}", &["row|n@2", "row|n@13"]);
    references("{{row.ab}}{{upper row.a}}", &["row|ab@2", "row|a@18"]);
    references("{{row.[Customer Name]}} {{row.订单号}}", &["row|Customer Name@2", "row|订单号@26"]);
    references("{{vars.list.[0]}} {{row/n}} {{{row.n}}}", &["vars|list|0@2", "row|n@20", "row|n@31"]);
    references("{{replace row.a (trim row.b) \"x\"}}", &["row|a@10", "row|b@22"]);
    references("{{date row.a tz=row.b}}", &["row|a@7", "row|b@16"]);
    references("{{default row.a row.b}}", &["row|a?@10", "row|b@16"]);
    references("{{default (trim row.a) \"x\"}} {{row.a}}", &["row|a?@16", "row|a@31"]);
    references(
        "{{#if row.a}}{{row.b}}{{else if row.c}}{{row.d}}{{else}}{{row.e}}{{/if}}",
        &["row|a@6", "row|b@15", "row|c@32", "row|d@41", "row|e@58"],
    );
    references(
        "{{#each row.list}}{{this}}{{name}}{{@index}}{{../row.n}}{{@root.row.m}}{{/each}}",
        &["row|list@8", "row|n@46", "row|m@58"],
    );
    references("{{#each row.list as |item i|}}{{item.name}}{{i}}{{/each}}", &["row|list@8"]);
    references(
        "{{#with row.meta}}{{deep}}{{./x}}{{this.y}}{{this}}{{/with}}",
        &["row|meta@8", "row|meta|deep@20", "row|meta|x@28", "row|meta|y@35", "row|meta@45"],
    );
    references("{{#with row.meta as |m|}}{{m.deep}}{{/with}}", &["row|meta@8", "row|meta|deep@27"]);
    references("{{lookup row \"Customer Name\"}}", &["row@9"]);
    references("\\{{row.n}} {{! row.n }}{{{{raw}}}}{{row.n}}{{{{/raw}}}}", &[]);
}

#[test]
fn helpers_do_what_their_descriptions_say() {
    check("{{default row.nope \"none\"}}", json!("none"));
    check("{{default row.none 5}}", json!(5));
    check("{{default row.empty row.n}}", json!(7));
    check("{{default row.n 1}}", json!(7));
    check("{{default (upper row.nope) \"none\"}}", json!("none"));
    check("{{default (lookup row \"nope\") \"none\"}}", json!("none"));
    check("{{json row.meta}}", json!("{\"deep\":{\"er\":[10,20]}}"));
    check("{{json row.text}}", json!("\"Grüße an 你\""));
    check("{{parse_json \"[1, null]\"}}", json!([1, null]));
    check("{{parse_json (json row.meta)}}", json!({"deep": {"er": [10, 20]}}));
    check("{{int \" 42 \"}}|{{int 42.0}}|{{int \"1e3\"}}|{{int \"-0\"}}", json!("42|42|1000|0"));
    check("{{int \"18446744073709551615\"}}", json!(u64::MAX));
    check("{{float \"5\"}}", json!(5.0));
    check("{{float \"0.1\"}}", json!(0.1));
    check("{{bool \"TRUE\"}} {{bool 0}} {{bool row.yes}}", json!("true false true"));
    check("{{trim \"  a \"}}|{{lower \"ÄB\"}}|{{upper row.text}}", json!("a|äb|GRÜSSE AN 你"));
    check(
        "{{truncate row.text 3}}|{{truncate row.text 99}}|{{truncate row.text 0}}",
        json!("Grü|Grüße an 你|"),
    );
    check("{{truncate row.text \"10\"}}", json!("Grüße an 你"));
    check("{{replace row.text \"ü\" \"ue\"}}", json!("Grueße an 你"));
    check("{{split \"a, b\" \", \"}}", json!(["a", "b"]));
    check("{{split row.empty \",\"}}", json!([]));
    check("{{join row.list \"; \"}}", json!("a; b"));
    check("{{join (split \"a,b\" \",\") row.n}}", json!("a7b"));
    check("{{concat row.n \"-\" row.none row.list}}", json!("7-[\"a\",\"b\"]"));
    check("{{length row.text}}{{length row.list}}{{length row.meta}}", json!("1021"));
    check("{{lookup row \"a]b\"}}", json!(1));
    check("{{lookup row.list 1}}", json!("b"));
    check("{{eq row.n 7}}", json!(true));
    check(
        "{{eq row.n 7.0}} {{ne row.n 7}} {{eq row.none null}} {{eq row.text row.n}}",
        json!("true false true false"),
    );
    check("{{eq 9007199254740993 9007199254740992}}", json!(false));
    check(
        "{{lt 2 10}} {{lt \"2\" \"10\"}} {{le 7 row.n}} {{gt row.n 7}} {{ge row.n 7}}",
        json!("true false true false true"),
    );
    check("{{and row.n row.yes}} {{or row.empty row.none}} {{not row.empty}}", json!("true false true"));
    check("{{#if (and (gt row.n 5) (not (eq row.digits \"41\")))}}yes{{/if}}", json!("yes"));
}

#[test]
fn helpers_refuse_what_they_cannot_do() {
    refused("{{int row.text}}", "`int row.text`: \"Grüße an 你\" is not a whole number");
    refused("{{int row.price}}", "`int row.price`: 1.5 is not a whole number");
    refused("{{int \"99999999999999999999\"}}", "has more than 64 bits");
    refused(
        "{{int \"012345678901234567890123456789012345678901234567890\"}}",
        "\"012345678901234567890123456789012345678…",
    );
    refused("{{int row.yes}}", "true is not a whole number");
    refused("{{float \"0.12345678901234567890123\"}}", "more digits");
    refused("{{float \"NaN\"}}", "is not a number");
    refused("{{bool row.text}}", "none of true, false, 1 and 0");
    refused("{{parse_json row.text}}", "is not JSON");
    refused(
        "{{truncate row.n row.text}}",
        "`truncate row.n`: the length \"Grüße an 你\" is not a whole number",
    );
    refused("{{replace row.text row.empty \"x\"}}", "the text to be replaced is empty");
    refused("{{split row.text row.empty}}", "the separator is empty");
    refused("{{join row.text \",\"}}", "needs a list, and has text");
    refused("{{lt row.text 5}}", "compares text");
    refused("{{eq row.digits 42}}", "use `int`");
    refused("{{lookup row \"nope\"}}", "has no \"nope\"");
    refused("{{env \"HOME\"}}", "the manifest does not name the variable HOME");
    refused("{{#each row.n}}x{{/each}}", "`#each row.n` goes through a number");
    refused("{{upper (int (trim row.text))}}", "`int (trim …)`");
}

#[test]
fn dates_are_read_in_their_forms_and_written_by_strftime() {
    check("{{date \"2026-11-24T06:00:00Z\"}}", json!("2026-11-24"));
    check("{{date \"2026-11-24T06:00:00+08:00\" \"%Y-%m-%d %H:%M\"}}", json!("2026-11-23 22:00"));
    check(
        "{{date \"2026-11-24T23:00:00Z\" \"%d %b %Y %H:%M %Z\" tz=\"Asia/Singapore\"}}",
        json!("25 Nov 2026 07:00 +08"),
    );
    check("{{date \"2026-11-24\" \"%A\"}}", json!("Tuesday"));
    check(
        "{{date \"2026-11-24\" \"%Y-%m-%dT%H:%M:%S%:z\" tz=\"Asia/Singapore\"}}",
        json!("2026-11-24T00:00:00+08:00"),
    );
    check("{{date \"2026-11-24 10:30\" \"%H:%M\"}}", json!("10:30"));
    check(
        "{{date 1795500000}} {{date 1795500000000}} {{date \"1795500000\"}}",
        json!("2026-11-24 2026-11-24 2026-11-24"),
    );
    check("{{date \"20261124\"}}", json!("2026-11-24"));
    refused("{{date row.text}}", "is no date");
    refused("{{date \"24.11.2026\"}}", "is no date");
    refused("{{date \"2026-11-24\" tz=row.text}}", "is not a time zone");
    refused("{{date 9000000000000000000}}", "is no date");
}

#[test]
fn blocks_are_text_and_name_what_they_look_at() {
    check("{{#if row.n}}a{{else}}b{{/if}}", json!("a"));
    check("{{#if row.empty}}a{{else if row.yes}}b{{else}}c{{/if}}", json!("b"));
    check("{{#unless row.none}}a{{/unless}}", json!("a"));
    check("{{#if 0 includeZero=true}}a{{/if}}", json!("a"));
    check("{{#each row.list}}{{@index}}{{this}}{{#unless @last}}, {{/unless}}{{/each}}", json!("0a, 1b"));
    check("{{#each row.people}}{{name}}/{{../row.n}}/{{@root.row.n}} {{/each}}", json!("Ada/7/7 Bob/7/7 "));
    check("{{#each row.people as |person i|}}{{i}}{{person.name}}{{/each}}", json!("0Ada1Bob"));
    check("{{#each row.meta}}{{@key}}={{this}}{{/each}}", json!("deep={\"er\":[10,20]}"));
    check("{{#each row.meta as |value key|}}{{key}}{{/each}}", json!("deep"));
    check(
        "{{#each row.meta.deep.er}}{{#each ../row.list}}{{@../index}}{{this}}{{/each}}{{/each}}",
        json!("0a0b1a1b"),
    );
    check(
        "{{#each row.list}}{{#with ../row.meta}}{{@index}}{{deep.er.[0]}}{{/with}}{{/each}}",
        json!("010110"),
    );
    check("{{#each (split \"x y\" \" \")}}<{{this}}>{{/each}}", json!("<x><y>"));
    check("{{#each row.empty}}a{{else}}none{{/each}}", json!("none"));
    check("{{#with row.none}}a{{else}}none{{/with}}", json!("none"));
    check("{{#each row.none}}a{{/each}}", json!(""));
    refused("{{#each row.people}}{{row.n}}{{/each}}", "write `@root.row.n`");
    refused("{{#each row.people}}{{age}}{{/each}}", "`age` is missing");
    refused("{{#each row.list}}{{@key}}{{/each}}", "`@key` is missing");
}

#[test]
fn env_reads_only_what_the_manifest_names() {
    let env = [("TEAM".to_owned(), "blue".to_owned())].into();
    let (row, vars) = (serde_json::Map::new(), serde_json::Map::new());
    let parts = ScopeParts {
        row: &row,
        row_number: 3,
        row_key: "k",
        row_tag: "fb-r-3",
        repeat: 2,
        vars: &vars,
        run_id: "r",
        manifest_name: "m",
        schedule: None,
        env: &env,
        reply: None,
    };
    let template = Template::parse(
        "{{env \"TEAM\"}} {{row_number}} {{row_key}} {{row_tag}} {{repeat}} {{run.id}} {{manifest.name}}",
    )
    .unwrap();
    assert_eq!(template.render(&Scope::new(&parts)), Ok(json!("blue 3 k fb-r-3 2 r m")));
    assert_eq!(
        template.variables().iter().map(|v| (v.path.join("|"), v.offset)).collect::<Vec<_>>(),
        [("TEAM".to_owned(), 7)]
    );
    let template = Template::parse("{{outcome}}").unwrap();
    assert!(template.render(&Scope::new(&parts)).is_err(), "there is no reply yet");
    let output = json!({"label": "x"});
    let reply = Some(ReplyScope {
        output: &output,
        reply: &json!({"status": "SUCCEED"}),
        outcome: Outcome::Succeeded,
    });
    let template = Template::parse("{{outcome}} {{output.label}} {{reply.status}}").unwrap();
    assert_eq!(
        template.render_text(&Scope::new(&ScopeParts { reply, ..parts })).unwrap(),
        "succeeded x SUCCEED"
    );
}

/// What Handlebars' own renderer makes of a template whose values are texts and numbers, ours makes of it too.
#[test]
fn blocks_and_white_space_are_those_of_handlebars() {
    let mut theirs = handlebars::Handlebars::new();
    theirs.register_escape_fn(handlebars::no_escape);
    for template in [
        "a {{~row.n~}} b",
        "a  {{~ row.n }} b",
        "{{#if row.yes~}}  x  {{~/if}}",
        "a\n  {{#if row.yes}}\n  b\n  {{/if}}\nc\n",
        "{{#each row.list}}\n- {{this}}\n{{/each}}\nend",
        "{{#if row.none}}a{{~else~}}  b {{/if}}",
        "a\n{{! note }}\nb",
        "a\n{{!-- note --}}\r\nb",
        "\\{{row.n}}",
        "\\\\{{row.n}}",
        "{{{{raw}}}} {{row.n}} {{{{/raw}}}}",
        "x\n{{#each row.people}}\n  {{#if @first}}first: {{/if}}{{name}}\n{{/each}}",
        "{{#each row.people as |p|}}{{p.name}}{{#unless @last}},{{/unless}}{{/each}}",
        "{{#with row.meta.deep}}{{er.[1]}}{{/with}}",
        "{{#if row.none}}1{{else if row.empty}}2{{else if row.yes}}3{{else}}4{{/if}}",
        "  {{row.n}}  \n",
        "{{#unless row.yes}}a{{^}}b{{/unless}}",
        "{{#each row.list}}{{#each ../row.people}}{{name}}{{../this}}{{@index}}{{@../index}} {{/each}}{{/each}}",
    ] {
        let expected = theirs.render_template(template, scope().names()).unwrap();
        check_text(template, &expected);
    }
}

fn check_text(template: &str, expected: &str) {
    let rendered =
        Template::parse(template).unwrap_or_else(|e| panic!("{template:?}: {e:?}")).render_text(&scope());
    assert_eq!(rendered.as_deref(), Ok(expected), "{template:?}");
}

#[test]
fn templates_and_conditions_may_be_shared_between_threads() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<Template>();
    shared::<Scope>();
    shared::<crate::mapping::Expression>();
    shared::<crate::mapping::InputTemplate>();
}

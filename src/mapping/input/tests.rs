use serde_json::{Value, json};

use crate::mapping::{FileInput, InputTemplate, Scope, Template};

fn scope() -> Scope {
    let Value::Object(names) = json!({"row": {"id": "T/1", "n": 7, "empty": ""}}) else {
        unreachable!("an object")
    };
    Scope::of(names)
}

fn text(template: &str) -> InputTemplate {
    InputTemplate::Text(Template::parse(template).unwrap())
}

fn file(path: &str, format: Option<&str>) -> InputTemplate {
    let format = format.map(|format| Template::parse(format).unwrap());
    InputTemplate::File { path: Template::parse(path).unwrap(), format }
}

fn object(members: Vec<(&str, InputTemplate)>) -> InputTemplate {
    InputTemplate::Object(members.into_iter().map(|(key, member)| (key.to_owned(), member)).collect())
}

#[test]
fn any_shape_is_rendered_in_its_order() {
    let input = object(vec![
        ("z", text("{{row.n}}")),
        ("a", InputTemplate::List(vec![text("n={{row.n}}"), InputTemplate::Literal(json!(null))])),
        ("{{row.n}}", InputTemplate::Literal(json!(1.5))),
    ]);
    let rendered = input.render(&scope()).unwrap();
    assert_eq!(rendered.value.to_string(), r#"{"z":7,"a":["n=7",null],"{{row.n}}":1.5}"#);
    assert_eq!(rendered.files, []);
    assert_eq!(input.references().len(), 2);
}

#[test]
fn files_leave_their_place_their_path_and_their_format() {
    let input = object(vec![
        ("one", file("docs/{{row.id}}.PDF", None)),
        ("a/b~c", InputTemplate::List(vec![text("x"), file("x.tar.gz", Some(".{{row.id}}"))])),
    ]);
    let rendered = input.render(&scope()).unwrap();
    let found = |pointer: &str, path: &str, format: &str| FileInput {
        pointer: pointer.to_owned(),
        path: path.to_owned(),
        format: format.to_owned(),
    };
    assert_eq!(
        rendered.files,
        [found("/one", "docs/T/1.PDF", "pdf"), found("/a~1b~0c/1", "x.tar.gz", "t/1")]
    );
    for file in &rendered.files {
        let place = rendered.value.pointer(&file.pointer);
        assert_eq!(place, Some(&json!({"file": file.path, "format": file.format})));
    }
    assert_eq!(input.references().len(), 2);
}

#[test]
fn an_error_starts_with_its_place() {
    let check = |input: InputTemplate, expected: &str| {
        let error = input.render(&scope()).unwrap_err().message;
        assert!(error.starts_with(expected), "{error}");
    };
    check(text("{{row.x}}"), "input: `row.x` is missing");
    let list = InputTemplate::List(vec![text("a"), text("{{row.x}}")]);
    check(object(vec![("body", object(vec![("parts", list)]))]), "input.body.parts[1]: `row.x` is missing");
    check(object(vec![("f", file("{{row.empty}}", None))]), "input.f: the file's path is empty");
    check(
        object(vec![("f", file("README", None))]),
        "input.f: `README` has no extension: name its `format:`",
    );
}

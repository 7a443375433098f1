//! A `.flow` export, read for one thing: what inputs the workflow's Start node declares, and whether an input fits.
//!
//! The form of the file: gptbots-workflow-api.md, section 11. Only the type `STRING` is confirmed there, so types are
//! read leniently, and one that is not known fits every value.

use std::fmt;

use serde_json::{Map, Value};

/// What a workflow takes: the Start node's declared inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputSchema {
    /// The inputs, in the order declared.
    pub fields: Vec<Field>,
}

/// One declared input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The key in `input`.
    pub name: String,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether it may not be left out.
    pub required: bool,
    /// What it is for; empty when nothing is said.
    pub description: String,
}

/// What an input holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An object.
    Object,
    /// A file, as an object: `{format, base64_content}` or `{url, …}`.
    File,
    /// A list, all of one kind.
    List(Box<FieldKind>),
    /// A type that is not known: every value fits.
    Any,
}

/// Why a text is no `.flow` file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not JSON.
    #[error("not a .flow file, which is JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// It is JSON of another kind.
    #[error("not a .flow file: it has no list `workflow.workflowNodes`; export it from the workflow's page")]
    NoNodes,
    /// It has no Start node, or several.
    #[error("the .flow file has {0} nodes of type START, and must have one")]
    Starts(usize),
    /// An input of the Start node has no name.
    #[error("input {0} of the .flow file's Start node has no name")]
    Unnamed(usize),
}

impl InputSchema {
    /// Reads the text of a `.flow` file.
    pub fn from_flow(text: &str) -> Result<Self, Error> {
        let flow: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))?;
        let nodes =
            flow.pointer("/workflow/workflowNodes").and_then(Value::as_array).ok_or(Error::NoNodes)?;
        let is_start = |node: &&Value| text_of(node, "type").is_some_and(|t| t.eq_ignore_ascii_case("start"));
        let starts: Vec<_> = nodes.iter().filter(is_start).collect();
        let [start] = starts[..] else { return Err(Error::Starts(starts.len())) };
        let outputs = start.get("outputs").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let fields = outputs.iter().enumerate().map(|(index, output)| {
            let name = text_of(output, "name").filter(|name| !name.is_empty());
            Ok(Field {
                name: name.ok_or(Error::Unnamed(index + 1))?.to_owned(),
                kind: text_of(output, "type").map_or(FieldKind::Any, FieldKind::read),
                required: matches!(output.get("required"), Some(Value::Bool(true)))
                    || text_of(output, "required").is_some_and(|text| text.eq_ignore_ascii_case("true")),
                description: text_of(output, "desc").unwrap_or_default().to_owned(),
            })
        });
        Ok(Self { fields: fields.collect::<Result<_, Error>>()? })
    }

    /// Says what is wrong with an input, a sentence each; nothing when it fits.
    pub fn check(&self, input: &Value) -> Vec<String> {
        let Value::Object(input) = input else {
            return vec![format!("the input must be an object, and is {}", describe(input))];
        };
        let declared = self.fields.iter().filter_map(|field| field.check(input.get(&field.name)));
        let extra = input.keys().filter(|key| self.fields.iter().all(|field| field.name != **key));
        declared.chain(extra.map(|key| self.not_declared(key, input))).collect()
    }

    fn not_declared(&self, key: &str, input: &Map<String, Value>) -> String {
        let free =
            self.fields.iter().map(|field| field.name.as_str()).filter(|name| !input.contains_key(*name));
        let alike =
            free.map(|name| (strsim::jaro_winkler(name, key), name)).filter(|(score, _)| *score > 0.8);
        let nearest = alike.max_by(|a, b| a.0.total_cmp(&b.0));
        let hint = nearest.map_or(String::new(), |(_, name)| format!("; did you mean `{name}`?"));
        format!("`{key}` is no input of the workflow{hint}")
    }
}

impl Field {
    fn check(&self, value: Option<&Value>) -> Option<String> {
        let name = &self.name;
        match value {
            None | Some(Value::Null) if !self.required => None,
            None => Some(format!("`{name}` is missing, and the workflow requires it")),
            Some(Value::Null) => Some(format!("`{name}` is null, and the workflow requires it")),
            Some(value) => {
                let (place, wrong) = self.kind.first_misfit(value)?;
                let place = place.map_or(String::new(), |index| format!("[{index}]"));
                let wanted = match (&self.kind, place.is_empty()) {
                    (FieldKind::List(kind), false) => kind,
                    (kind, _) => kind,
                };
                Some(format!("`{name}{place}` must be {wanted}, and is {}", describe(wrong)))
            }
        }
    }
}

impl FieldKind {
    /// Reads the name of a type, in any case: `STRING`, `Integer`, `Array<Number>`, `ARRAY_STRING`, `File`, `Doc`.
    pub fn read(name: &str) -> Self {
        let name: String = name.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
        let inner = name.strip_suffix("[]").or_else(|| {
            let inner = name.strip_prefix("ARRAY").or_else(|| name.strip_prefix("LIST"))?;
            Some(inner.trim_matches(|c: char| !c.is_alphanumeric()))
        });
        inner.map_or_else(|| Self::one(&name), |inner| Self::List(Box::new(Self::one(inner))))
    }

    fn one(name: &str) -> Self {
        match name {
            "STRING" | "STR" | "TEXT" => Self::Text,
            "INTEGER" | "INT" | "LONG" => Self::Integer,
            "NUMBER" | "FLOAT" | "DOUBLE" | "DECIMAL" => Self::Number,
            "BOOLEAN" | "BOOL" => Self::Boolean,
            "OBJECT" | "JSON" | "MAP" => Self::Object,
            "DOC" | "EXCEL" | "PPT" | "IMAGE" | "CODE" | "AUDIO" | "VIDEO" => Self::File,
            _ if name.starts_with("FILE") => Self::File,
            _ => Self::Any,
        }
    }

    /// Finds the first value that does not fit: this one, or one of its entries.
    fn first_misfit<'a>(&self, value: &'a Value) -> Option<(Option<usize>, &'a Value)> {
        match (self, value) {
            (Self::List(kind), Value::Array(entries)) => {
                let (index, wrong) = entries.iter().enumerate().find(|(_, entry)| !kind.fits(entry))?;
                Some((Some(index), wrong))
            }
            _ => (!self.fits(value)).then_some((None, value)),
        }
    }

    fn fits(&self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            // JSON knows one kind of number: 5.0 is whole.
            Self::Integer => {
                value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
            }
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Object | Self::File => value.is_object(),
            Self::List(_) => value.is_array(),
            Self::Any => true,
        }
    }
}

impl fmt::Display for FieldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Object => "an object",
            Self::File => "a file (an object: `{file: PATH}` in the manifest)",
            Self::List(_) => "a list",
            Self::Any => "anything",
        })
    }
}

fn text_of<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(_) => "text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const FLOW: &str = r#"{"formatVersion":"1.0","exportType":"WORKFLOW","name":"triage","botType":"Workflow","logo":"",
        "workflow":{"workflowNodes":[
          {"id":"s","name":"Start","type":"START","x":0,"y":0,"inputs":[],"outputs":[
            {"id":"q","name":"q","type":"STRING","required":true,"desc":"the question"},
            {"id":"n","name":"count","type":"Integer","required":false},
            {"id":"t","name":"tags","type":"Array<String>"},
            {"id":"f","name":"attachment","type":"DOC","required":"true"},
            {"id":"x","name":"novel","type":"HOLOGRAM"}]},
          {"id":"e","name":"End","type":"END","inputs":[],"outputs":[]}],"workflowEdges":[]}}"#;

    fn schema() -> InputSchema {
        InputSchema::from_flow(FLOW).unwrap()
    }

    #[test]
    fn the_start_node_says_what_the_workflow_takes() {
        let fields = schema().fields;
        let read: Vec<_> = fields.iter().map(|f| (f.name.as_str(), f.kind.clone(), f.required)).collect();
        let expected = [
            ("q", FieldKind::Text, true),
            ("count", FieldKind::Integer, false),
            ("tags", FieldKind::List(Box::new(FieldKind::Text)), false),
            ("attachment", FieldKind::File, true),
            ("novel", FieldKind::Any, false),
        ];
        assert_eq!(read, expected);
        assert_eq!(fields[0].description, "the question");
        assert_eq!(InputSchema::from_flow(&format!("\u{feff}{FLOW}")).unwrap(), schema());
    }

    #[test]
    fn types_are_read_leniently_and_an_unknown_one_fits_all() {
        let list = |kind| FieldKind::List(Box::new(kind));
        let table = [
            ("STRING", FieldKind::Text),
            (" string ", FieldKind::Text),
            ("Boolean", FieldKind::Boolean),
            ("number", FieldKind::Number),
            ("OBJECT", FieldKind::Object),
            ("File", FieldKind::File),
            ("FILE<Doc>", FieldKind::File),
            ("Video", FieldKind::File),
            ("Array<Integer>", list(FieldKind::Integer)),
            ("ARRAY_OBJECT", list(FieldKind::Object)),
            ("array [boolean]", list(FieldKind::Boolean)),
            ("Array<File<Image>>", list(FieldKind::File)),
            ("STRING[]", list(FieldKind::Text)),
            ("ARRAY", list(FieldKind::Any)),
            ("Array<Array<String>>", list(FieldKind::Any)),
            ("", FieldKind::Any),
            ("HOLOGRAM", FieldKind::Any),
        ];
        for (name, expected) in table {
            assert_eq!(FieldKind::read(name), expected, "{name}");
        }
    }

    fn check(input: &Value, expected: &[&str]) {
        assert_eq!(schema().check(input), expected, "{input}");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let file = json!({"format": "pdf", "base64_content": ""});
        check(&json!({"q": "a", "attachment": file}), &[]);
        check(&json!({"q": "", "count": null, "tags": [], "attachment": file, "novel": [1]}), &[]);
        check(&json!({"q": "a", "count": 5.0, "attachment": {}}), &[]);
        check(
            &json!({"attachment": null}),
            &[
                "`q` is missing, and the workflow requires it",
                "`attachment` is null, and the workflow requires it",
            ],
        );
        check(
            &json!({"q": 1, "count": 1.5, "tags": ["a", 2, 3], "attachment": "text"}),
            &[
                "`q` must be text, and is the number 1",
                "`count` must be a whole number, and is the number 1.5",
                "`tags[1]` must be text, and is the number 2",
                "`attachment` must be a file (an object: `{file: PATH}` in the manifest), and is text",
            ],
        );
        check(
            &json!({"q": "a", "counts": 1, "tags": "x", "attachment": file, "Z": 1}),
            &[
                "`tags` must be a list, and is text",
                "`counts` is no input of the workflow; did you mean `count`?",
                "`Z` is no input of the workflow",
            ],
        );
        check(&json!(["q"]), &["the input must be an object, and is a list"]);
        assert_eq!(InputSchema::default().check(&json!({})), [""; 0], "a workflow without inputs takes {{}}");
    }

    #[test]
    fn a_file_of_another_kind_is_refused_with_its_reason() {
        let check = |text: &str, expected: &str| {
            let error = InputSchema::from_flow(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        };
        let start = r#"{"type":"start","outputs":[{"type":"STRING"}]}"#;
        check("version: 1", "which is JSON");
        check("", "which is JSON");
        check("[]", "no list `workflow.workflowNodes`");
        check(r#"{"workflow":{"workflowNodes":{}}}"#, "no list `workflow.workflowNodes`");
        check(r#"{"workflow":{"workflowNodes":[]}}"#, "has 0 nodes of type START");
        check(r#"{"workflow":{"workflowNodes":[{"type":"START"},{"type":"START"}]}}"#, "has 2 nodes");
        check(
            &format!(r#"{{"workflow":{{"workflowNodes":[{start}]}}}}"#),
            "input 1 of the .flow file's Start",
        );
        check(&"[".repeat(100_000), "which is JSON");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}", at in 0..FLOW.len()) {
            let _ = InputSchema::from_flow(&text);
            let _ = FieldKind::read(&text);
            let _ = InputSchema::from_flow(&FLOW.replacen(&FLOW[at..=at], &text, 1));
        }
    }
}

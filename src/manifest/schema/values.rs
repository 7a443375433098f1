//! The kinds of single values in a manifest, as schemas: each is also an environment variable (`${NAME}`), whose value
//! no schema can know. `$comment` names the kind for the reference.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

/// A text that holds a variable.
const VARIABLE: &str = r"\$\{";

/// Declares a kind of value: its name, and its schema.
macro_rules! kind {
    ($(#[$doc:meta])* $name:ident, $words:expr, $schema:expr) => {
        $(#[$doc])*
        #[derive(Default)]
        pub(super) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                schema($words, $schema)
            }
        }
    };
}

fn schema(words: &str, mut value: Value) -> Schema {
    if let Some(map) = value.as_object_mut() {
        map.insert("$comment".to_owned(), Value::from(words));
    }
    Schema::try_from(value).unwrap_or_default()
}

/// Text that matches one of some patterns, or holds a variable.
fn matching(patterns: &[&str]) -> Value {
    let mut all: Vec<_> = patterns.iter().map(|pattern| format!("^(?:{pattern})$")).collect();
    all.push(VARIABLE.to_owned());
    json!({"type": "string", "pattern": all.join("|")})
}

fn or_variable(value: &Value) -> Value {
    json!({"anyOf": [value, {"type": "string", "pattern": VARIABLE}]})
}

fn or_secret_file(value: &Value) -> Value {
    json!({"anyOf": [
        value,
        {
            "type": "object",
            "properties": {"file": {"type": ["string", "number", "boolean"], "pattern": r"\S"}},
            "required": ["file"],
            "additionalProperties": false,
        },
    ]})
}

fn words(words: &[&str]) -> Value {
    or_variable(&json!({"enum": words}))
}

fn limit(least: u64) -> Value {
    let share = if least == 0 {
        json!({"type": "number", "minimum": 0, "maximum": 1})
    } else {
        json!({"type": "number", "exclusiveMinimum": 0, "maximum": 1})
    };
    json!({"anyOf": [
        {"type": "integer", "minimum": least},
        share,
        matching(&[r"[0-9]+(?:\.[0-9]+)?(?: *%)?"]),
    ]})
}

const DURATION: &str = "(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+s)?(?:[0-9]+ms)?";

fn duration() -> Value {
    let mut value = matching(&[DURATION]);
    if let Some(map) = value.as_object_mut() {
        map.insert("minLength".to_owned(), json!(2));
    }
    value
}

fn text() -> Value {
    json!({"type": ["string", "number", "boolean"]})
}

kind!(
    /// Any text; what YAML takes for a number or a boolean is read as it is written.
    Text, "text", text()
);
kind!(
    /// Text that may not be empty.
    FullText, "text", json!({"type": ["string", "number", "boolean"], "pattern": r"\S"})
);
kind!(
    /// The path of a file.
    FilePath, "path", json!({"type": ["string", "number", "boolean"], "pattern": r"\S"})
);
kind!(
    /// A template.
    TemplateText, "template", text()
);
kind!(
    /// A condition.
    Condition, "condition", text()
);
kind!(
    /// The name of the manifest.
    Name, "name", json!({
        "type": ["string", "number", "boolean"],
        "pattern": format!(r"^[A-Za-z0-9._-]{{1,80}}$|{VARIABLE}"),
    })
);
kind!(
    /// `true` or `false`.
    Boolean, "`true` or `false`", or_variable(&json!({"type": "boolean"}))
);
kind!(
    /// A duration.
    Duration, "duration", duration()
);
kind!(
    /// A range of durations.
    Durations, "range of durations", matching(&[
        &format!(r"{DURATION} *\.\. *(?:[0-9]+(?:h|ms|m|s))+"),
        &format!(r"(?:[0-9]+(?:h|ms|m|s))+ *\.\. *{DURATION}"),
    ])
);
kind!(
    /// How often to poll.
    PollInterval, "`auto` or range of durations", matching(&[
        "auto",
        &format!(r"{DURATION} *\.\. *(?:[0-9]+(?:h|ms|m|s))+"),
        &format!(r"(?:[0-9]+(?:h|ms|m|s))+ *\.\. *{DURATION}"),
    ])
);
kind!(
    /// When to poll first.
    FirstPoll, "`auto` or duration", matching(&["auto", DURATION])
);
kind!(
    /// So many requests in a time.
    PerTime, "rate", matching(&[r" *0*[1-9][0-9]{0,6} */ *(?:s|min|h|day|(?:[0-9]+(?:h|ms|m|s))+) *"])
);
kind!(
    /// A range of rows.
    Rows, "range of rows", matching(&[r"[0-9]+ *\.\. *[0-9]*", r"\.\. *[0-9]+"])
);
kind!(
    /// A number of rows, or a share of them.
    Limit, "count or share", limit(0)
);
kind!(
    /// The size of a sample.
    SampleSize, "count or share", limit(1)
);
kind!(
    /// An exact amount.
    Amount, "amount", json!({"anyOf": [
        {"type": "number", "minimum": 0},
        matching(&[r"[0-9]+(?:\.[0-9]+)?"]),
    ]})
);
kind!(
    /// An exact amount of money.
    Money, "amount, with or without a unit", json!({"anyOf": [
        {"type": "number", "minimum": 0},
        matching(&[r"[0-9]+(?:\.[0-9]+)?(?: *[A-Za-z_]+)? *"]),
    ]})
);
kind!(
    /// A size in bytes.
    Size, "size", json!({"anyOf": [
        {"type": "integer", "minimum": 1024, "maximum": 1_073_741_824},
        matching(&["[0-9]+ *(?:[kKmMgG]?[bB]|[kKmMgG][iI][bB])?"]),
    ]})
);
kind!(
    /// A SHA-256 digest.
    Sha256, "64 hexadecimal digits", matching(&["[0-9A-Fa-f]{64}"])
);
kind!(
    /// A delimiter.
    Delimiter, "character", json!({"anyOf": [
        matching(&["[^\"\\r\\n]", r"\\t", "tab"]),
        {"type": "integer", "minimum": 0, "maximum": 9},
    ]})
);
kind!(
    /// The base URL of a provider.
    Url, "URL", matching(&["https?://[^?#]+"])
);
kind!(
    /// Three capitals.
    Currency, "three capitals", matching(&["[A-Z]{3}"])
);
kind!(
    /// A word.
    Word,
    "word",
    json!({"type": ["string", "boolean"], "pattern": format!("^[A-Za-z_]{{1,32}}$|{VARIABLE}")})
);
kind!(
    /// A secret.
    Secret, "`${NAME}` or `{file: PATH}`", or_secret_file(&json!({
        "type": "string",
        "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$",
    }))
);
kind!(
    /// A text with secrets in it.
    SecretText, "text with `${NAME}` in it, or `{file: PATH}`", or_secret_file(&json!({
        "type": "string",
        "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}",
    }))
);
kind!(
    /// An address that may carry a token.
    SecretUrl, "URL, also with `${NAME}` in it, or `{file: PATH}`", or_secret_file(&matching(&["https?://[^?#@]+"]))
);
kind!(
    /// An address and a port to listen on.
    SocketAddress, "address and port", matching(&[r"[0-9.]+:[0-9]+", r"\[[0-9A-Fa-f:.%a-z]+\]:[0-9]+", "localhost:[0-9]+"])
);
kind!(
    /// A JSON shape whose strings are templates.
    ShapeText, "any JSON; its strings are templates", json!({})
);
kind!(
    /// A list of such shapes, or a template that gives one.
    Shapes, "list, or template that gives one", json!({"anyOf": [
        {"type": "array", "minItems": 1},
        {"type": "string", "pattern": r"\{\{"},
    ]})
);
kind!(
    /// A number, also one that a template gives.
    NumberOrTemplate, "number or template", json!({"anyOf": [
        {"type": "number"},
        {"type": "string", "pattern": format!(r"^\s*[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?\s*$|\{{\{{|{VARIABLE}")},
    ]})
);
kind!(
    /// How far a number may be off.
    ToleranceText, "number or share", json!({"anyOf": [
        {"type": "number", "minimum": 0},
        matching(&[r"[0-9]+(?:\.[0-9]+)?(?: *%)?"]),
    ]})
);
kind!(
    /// A share.
    Share, "share", json!({"anyOf": [
        {"type": "number", "minimum": 0, "maximum": 1},
        matching(&[r"[0-9]+(?:\.[0-9]+)?(?: *%)?"]),
    ]})
);
kind!(
    MeasureName,
    "`levenshtein`, `token_f1`, `rouge_l` or `bleu`",
    words(&["levenshtein", "token_f1", "rouge_l", "bleu"])
);
kind!(
    /// A JSON Schema, or the path of one.
    SchemaOrPath, "path or JSON Schema", json!({"type": ["object", "string"], "pattern": r"\S"})
);
kind!(
    /// A gate.
    GateText, "condition on figures", json!({"type": "string", "pattern": r"\S"})
);
kind!(
    /// The input: a map, or one template that renders to a map.
    Input, "map or template", json!({"type": ["object", "string"]})
);
kind!(WebhookMethod, "`POST` or `GET`", words(&["POST", "GET"]));
kind!(Version, "`1`", or_variable(&json!({"const": 1})));
kind!(Provider, "`gptbots` or `emulator`", words(&["gptbots", "emulator"]));
kind!(Region, "`sg`, `th` or `jp`", words(&["sg", "th", "jp"]));
kind!(Mode, "`async` or `sync`", words(&["async", "sync"]));
kind!(Format, "`csv`, `tsv`, `jsonl`, `ndjson` or `json`", words(&["csv", "tsv", "jsonl", "ndjson", "json"]));
kind!(
    ColumnType,
    "`text`, `integer`, `number`, `boolean` or `json`",
    words(&["text", "integer", "number", "boolean", "json"])
);
kind!(
    Same,
    "`same_input`, `same_workflow` or `same_checks`",
    words(&["same_input", "same_workflow", "same_checks"])
);
kind!(OnBadRow, "`stop` or `reject`", words(&["stop", "reject"]));
kind!(OnDrift, "`stop` or `warn`", words(&["stop", "warn"]));
kind!(RetryAlso, "`failed` or `server_error`", words(&["failed", "server_error"]));
kind!(
    OutputFormat,
    "`jsonl`, `csv`, `html`, `junit` or `xlsx`",
    words(&["jsonl", "csv", "html", "junit", "xlsx"])
);
kind!(
    /// A name in a row, an input or an output, as templates write it.
    Redacted, "name", matching(&[r"(?:row[./].+|input(?:[./].+)?|output(?:[./].+)?)"])
);
kind!(Delivery, "`at_most_once` or `at_least_once`", words(&["at_most_once", "at_least_once"]));
kind!(Durability, "`power` or `process`", words(&["power", "process"]));
kind!(Dst, "`once` or `literal`", words(&["once", "literal"]));
kind!(
    Overlap,
    "`skip`, `queue_one`, `queue_all`, `cancel_other` or `allow`",
    words(&["skip", "queue_one", "queue_all", "cancel_other", "allow"])
);
kind!(CatchUp, "`none`, `last` or `all`", words(&["none", "last", "all"]));
kind!(
    /// A cron text of five fields, or a name.
    CronText, "cron text", matching(&[r" *@[A-Za-z]+ *", r"\s*[^\s@=]+(?:\s+[^\s=]+){4}\s*"])
);
kind!(
    /// The IANA name of a time zone.
    ZoneName, "IANA time zone", matching(&[r"[A-Za-z][A-Za-z0-9_+/-]*"])
);
kind!(
    /// A date, a local time or an instant.
    Instant, "date, local time or RFC 3339 instant", matching(&[r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9:.]+(?:[Zz]|[+-][0-9:]+)?)?"])
);
kind!(NoHalt, "`none`", words(&["none"]));

/// A whole number within a range.
#[derive(Default)]
pub(super) struct Whole<const FROM: u64, const TO: u64>;

impl<const FROM: u64, const TO: u64> JsonSchema for Whole<FROM, TO> {
    fn schema_name() -> Cow<'static, str> {
        format!("Whole_{FROM}_{TO}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let (words, number) = if TO == u64::MAX {
            (format!("whole number, at least {FROM}"), json!({"type": "integer", "minimum": FROM}))
        } else {
            let number = json!({"type": "integer", "minimum": FROM, "maximum": TO});
            (format!("whole number from {FROM} to {TO}"), number)
        };
        schema(&words, or_variable(&number))
    }
}

/// A map from names of the user's own to values of one kind.
#[derive(Default)]
pub(super) struct Named<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Named_{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let values = generator.subschema_for::<T>();
        schemars::json_schema!({"type": "object", "additionalProperties": values})
    }
}

//! `checks` as they are written: rules for what the workflow answers.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::json;

use crate::gates::TOP_LEVEL;

use super::values::{
    Amount, Boolean, Condition, Duration, FilePath, MeasureName, Money, NumberOrTemplate, SchemaOrPath,
    ShapeText, Shapes, Share, TemplateText, ToleranceText, Whole,
};

/// Checks by name.
#[derive(Default)]
pub(super) struct Checks;

impl JsonSchema for Checks {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Checks".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let check = generator.subschema_for::<Check>();
        let name = r"^[^\s.{}\[\]-]{1,64}$";
        schemars::json_schema!({
            "type": "object",
            "propertyNames": {"pattern": name, "not": {"enum": TOP_LEVEL}},
            "additionalProperties": check,
        })
    }
}

/// A rule for what the workflow answers; all rules of a check must hold.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
pub(super) struct Check {
    /// What is looked at, such as `{{output.label}}`; a lone expression keeps its JSON type.
    #[schemars(extend("default" = "{{output}}"))]
    value: TemplateText,
    /// Only rows for which this condition holds, such as `row.lang == "en"`; the others are skipped.
    when: Condition,
    /// How much the check counts in a row's score, against the other checks.
    #[schemars(extend("default" = 1))]
    weight: Amount,
    /// Texts that differ in upper and lower case only are the same.
    #[schemars(extend("default" = false))]
    ignore_case: Boolean,
    /// Texts that differ in white space only are the same.
    #[schemars(extend("default" = false))]
    ignore_space: Boolean,
    /// The value is this one, of the same JSON type.
    equals: ShapeText,
    /// The text contains this one, or the list has this element.
    contains: ShapeText,
    /// The same for every one of a list.
    contains_all: Shapes,
    /// The same for at least one of a list.
    contains_any: Shapes,
    /// The text has a match of this regular expression.
    regex: TemplateText,
    /// The text begins so.
    starts_with: ShapeText,
    /// The value is one of a list.
    one_of: Shapes,
    /// The value is a number near another, or within a range.
    number: Number,
    /// The text has so many characters, or the list so many elements.
    length: Length,
    /// The value is valid by a JSON Schema: the path of a file, or the schema itself.
    json_schema: SchemaOrPath,
    /// There is a value, and it is not empty; `false`: there is none.
    present: Boolean,
    /// The text is JSON; `false`: it is not.
    is_json: Boolean,
    /// The text is like another.
    similarity: Similarity,
    /// How long the row took.
    latency: Latency,
    /// What the row cost.
    cost: Costs,
    /// How many tokens the row used.
    tokens: Tokens,
    /// Another workflow says how good the answer is.
    judge: Judge,
    /// The rules in it do not hold.
    not: Inner,
    /// Each of these holds.
    #[schemars(length(min = 1))]
    all: Vec<Inner>,
    /// At least one of these holds.
    #[schemars(length(min = 1))]
    any: Vec<Inner>,
}

/// Another workflow, whose answer is a score.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("required" = ["manifest"]))]
pub(super) struct Judge {
    /// The judge's manifest, whose dataset is what is judged: `key`, `row`, `input` and `output` of each row that succeeded.
    manifest: FilePath,
    /// The score, from 0 to 1, out of the judge's answer.
    #[schemars(extend("default" = "{{output.score}}"))]
    score: TemplateText,
    /// From what score on the check passes, such as `70%`.
    #[schemars(extend("default" = 0.5))]
    at_least: Share,
    /// The judge's reason, out of its answer.
    reason: TemplateText,
}

/// Rules within others: those of a check, but `when` and `judge`.
#[derive(Default)]
pub(super) struct Inner;

impl JsonSchema for Inner {
    fn schema_name() -> Cow<'static, str> {
        "Inner".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let check = generator.subschema_for::<Check>();
        let inner = json!({
            "$comment": "rules as of a check",
            "allOf": [check, {"not": {"anyOf": [{"required": ["when"]}, {"required": ["judge"]}]}}],
        });
        Schema::try_from(inner).unwrap_or_default()
    }
}

/// A number near another, or within a range.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["equals"]}, {"required": ["min"]}, {"required": ["max"]}]))]
#[schemars(extend("dependentRequired" = {"tolerance": ["equals"]}))]
pub(super) struct Number {
    /// What it is.
    equals: NumberOrTemplate,
    /// How far it may be from that, such as `0.01`, or which share of it, such as `5%`; by default not at all.
    tolerance: ToleranceText,
    /// The least, included.
    min: NumberOrTemplate,
    /// The most, included.
    max: NumberOrTemplate,
}

/// How like another text it is.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("required" = ["to", "measure", "at_least"]))]
pub(super) struct Similarity {
    /// The other text.
    to: ShapeText,
    /// The Levenshtein ratio, F1 over tokens, ROUGE-L, or BLEU: each from 0 to 1.
    measure: MeasureName,
    /// From what score on the check passes, such as `80%`.
    at_least: Share,
}

/// Characters of a text, or elements of a list.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["min"]}, {"required": ["max"]}]))]
pub(super) struct Length {
    /// The least, included.
    min: Whole<0, { u64::MAX }>,
    /// The most, included.
    max: Whole<0, { u64::MAX }>,
}

/// From the send of the row's last attempt to its result.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["min"]}, {"required": ["max"]}]))]
pub(super) struct Latency {
    /// The least, included.
    min: Duration,
    /// The most, included.
    max: Duration,
}

/// All executions of the row.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["min"]}, {"required": ["max"]}]))]
pub(super) struct Costs {
    /// The least, included.
    min: Money,
    /// The most, included.
    max: Money,
}

/// All executions of the row.
#[derive(Default, JsonSchema)]
#[schemars(default, deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["min"]}, {"required": ["max"]}]))]
pub(super) struct Tokens {
    /// The least, included.
    min: Whole<0, { u64::MAX }>,
    /// The most, included.
    max: Whole<0, { u64::MAX }>,
}

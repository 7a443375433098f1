//! The rules of a check, each by its key.

use rust_decimal::Decimal;
use serde_json::Value;

use crate::checks::{
    Amount, Choices, Folding, NumberRule, Pattern, Rule, Schema, Shape, SimilarityRule, Tolerance,
};
use crate::manifest::read::checks::read_bounds;
use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::{Entry, Section};
use crate::manifest::read::templates::When;
use crate::manifest::read::{budget, kept};
use crate::manifest::scalar::{scalar_to_json, to_json};
use crate::manifest::tree::{Kind, Node};
use crate::manifest::{Price, units};
use crate::mapping::decimal;
use crate::similarity::Measure;

/// What a rule has from what stands around it.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) folding: Folding,
    pub(super) price: Option<&'a Price>,
}

/// Reads the rules that a section has, but those that join others.
pub(super) fn read(reader: &mut Reader<'_>, section: &mut Section, given: Given<'_>) -> Vec<Rule> {
    let mut found = about_values(reader, section, given);
    if let Some(entry) = section.take("latency") {
        let millis = |reader: &mut Reader<'_>, entry: &Entry| {
            let duration = reader.parsed(entry, "a duration", units::duration)?;
            u64::try_from(duration.as_millis()).ok()
        };
        found.extend(read_bounds(reader, entry, millis).map(Rule::Latency));
    }
    if let Some(entry) = section.take("cost") {
        let money = |reader: &mut Reader<'_>, entry: &Entry| budget::money(reader, entry, given.price);
        found.extend(read_bounds(reader, entry, money).map(Rule::Cost));
    }
    if let Some(entry) = section.take("tokens") {
        found.extend(read_bounds(reader, entry, whole).map(Rule::Tokens));
    }
    found
}

fn about_values(reader: &mut Reader<'_>, section: &mut Section, given: Given<'_>) -> Vec<Rule> {
    let mut found = Vec::new();
    if let Some(entry) = section.take("equals") {
        match shape(reader, &entry) {
            Some(Shape::Literal(Value::Null)) => {
                let help = "write what is expected, or `present: false` for no value";
                reader.refuse::<()>(&entry, "has no value", Some(help));
            }
            shape => found.extend(shape.map(Rule::Equals)),
        }
    }
    if let Some(entry) = section.take("contains") {
        found.extend(full_shape(reader, &entry).map(Rule::Contains));
    }
    if let Some(entry) = section.take("contains_all") {
        found.extend(choices(reader, &entry).map(Rule::ContainsAll));
    }
    if let Some(entry) = section.take("contains_any") {
        found.extend(choices(reader, &entry).map(Rule::ContainsAny));
    }
    if let Some(entry) = section.take("regex") {
        found.extend(regex(reader, &entry, given.folding).map(Rule::Regex));
    }
    if let Some(entry) = section.take("starts_with") {
        found.extend(full_shape(reader, &entry).map(Rule::StartsWith));
    }
    if let Some(entry) = section.take("one_of") {
        found.extend(choices(reader, &entry).map(Rule::OneOf));
    }
    if let Some(entry) = section.take("number") {
        found.extend(number(reader, entry).map(Rule::Number));
    }
    if let Some(entry) = section.take("similarity") {
        found.extend(similarity(reader, entry).map(Rule::Similarity));
    }
    if let Some(entry) = section.take("length") {
        found.extend(read_bounds(reader, entry, whole).map(Rule::Length));
    }
    if let Some(entry) = section.take("json_schema") {
        found.extend(json_schema(reader, &entry).map(Rule::JsonSchema));
    }
    if let Some(entry) = section.take("present") {
        found.extend(reader.boolean(&entry).map(Rule::Present));
    }
    if let Some(entry) = section.take("is_json") {
        found.extend(reader.boolean(&entry).map(Rule::IsJson));
    }
    found
}

fn whole(reader: &mut Reader<'_>, entry: &Entry) -> Option<u64> {
    reader.whole(entry, 0..=u64::MAX)
}

/// Reads a JSON shape whose strings are templates.
fn shape(reader: &mut Reader<'_>, entry: &Entry) -> Option<Shape> {
    let inner = |name: String, node: &Node| Entry { name, key: entry.key.clone(), node: node.clone() };
    match &entry.node.kind {
        Kind::Broken => None,
        Kind::Scalar(scalar) => match scalar_to_json(scalar) {
            Ok(Value::String(_)) => reader.template(entry, When::AfterReply).map(Shape::Text),
            Ok(literal) => Some(Shape::Literal(literal)),
            Err(message) => {
                reader
                    .diagnostics
                    .push(entry.node.place.error(message).with_help("write it in quotes, as text"));
                None
            }
        },
        Kind::List(items) => {
            let read = items.iter().enumerate();
            let read = read.map(|(at, node)| shape(reader, &inner(format!("{}[{at}]", entry.name), node)));
            read.collect::<Option<_>>().map(Shape::List)
        }
        Kind::Map(entries) => {
            let read = entries.iter().map(|(key, node)| {
                let name = format!("{}.{}", entry.name, key.text);
                Some((key.text.clone(), shape(reader, &inner(name, node))?))
            });
            read.collect::<Option<_>>().map(Shape::Object)
        }
    }
}

/// Reads a shape that is not empty: every text holds the empty one.
fn full_shape(reader: &mut Reader<'_>, entry: &Entry) -> Option<Shape> {
    let shape = shape(reader, entry)?;
    match &shape {
        Shape::Literal(Value::Null) => reader.refuse(entry, "has no value", Some("write what is looked for")),
        Shape::Text(template) if template.source().is_empty() => {
            reader.refuse(entry, "is empty, which every text contains", Some("write what is looked for"))
        }
        _ => Some(shape),
    }
}

/// Reads a list of shapes, or a template that renders to a list.
fn choices(reader: &mut Reader<'_>, entry: &Entry) -> Option<Choices> {
    let help = "write a list like `[a, b]`, or a template that gives one, like `\"{{row.labels}}\"`";
    match &entry.node.kind {
        Kind::List(items) if items.is_empty() => reader.refuse(entry, "is empty", Some(help)),
        Kind::List(_) => match shape(reader, entry)? {
            Shape::List(shapes) => Some(Choices::Each(shapes)),
            _ => None,
        },
        Kind::Scalar(scalar) if scalar.text.contains("{{") => {
            reader.template(entry, When::AfterReply).map(Choices::Of)
        }
        Kind::Broken => None,
        _ => reader.refuse(entry, &format!("must be a list, not {}", entry.node.noun()), Some(help)),
    }
}

fn regex(reader: &mut Reader<'_>, entry: &Entry, folding: Folding) -> Option<Pattern> {
    let template = reader.template(entry, When::AfterReply)?;
    match Pattern::new(template, folding) {
        Ok(pattern) => Some(pattern),
        Err(error) => reader.refuse(
            entry,
            &format!("can't be used: {error}"),
            Some("for instance `regex: '^[A-Z]{3}-\\d+$'`"),
        ),
    }
}

fn number(reader: &mut Reader<'_>, entry: Entry) -> Option<NumberRule> {
    let whole = entry.clone();
    let mut section = reader.section(entry)?;
    let [equals, min, max] = [section.take("equals"), section.take("min"), section.take("max")];
    let tolerance = section.take("tolerance");
    section.finish(&mut reader.diagnostics);
    if equals.is_none() && min.is_none() && max.is_none() {
        let help =
            "write `number: {min: 0, max: 1}` or `number: {equals: \"{{row.total}}\", tolerance: 0.01}`";
        return reader.refuse(&whole, "says nothing of the number", Some(help));
    }
    if let (Some(entry), None) = (&tolerance, &equals) {
        reader.refuse::<()>(entry, "has no meaning without `equals`", Some("leave it out"));
    }
    let bounds = (min.clone(), max.clone());
    let mut read = |entry: Option<Entry>| entry.map(|entry| amount(reader, &entry));
    let (equals, min, max) = (read(equals), read(min), read(max));
    if let (Some(Some(Amount::Fixed(min))), Some(Some(Amount::Fixed(max)))) = (&min, &max)
        && min > max
        && let (_, Some(entry)) = &bounds
    {
        reader.refuse::<()>(entry, "is less than `min`", None);
    }
    let tolerance = match tolerance {
        Some(entry) => Some(reader.parsed(&entry, "a tolerance", read_tolerance)?),
        None => None,
    };
    Some(NumberRule { equals: equals.flatten(), tolerance, min: min.flatten(), max: max.flatten() })
}

fn similarity(reader: &mut Reader<'_>, entry: Entry) -> Option<SimilarityRule> {
    let mut section = reader.section(entry)?;
    let to = section.need("to", "to: \"{{row.expected}}\"", &mut reader.diagnostics);
    let measure = section.need("measure", "measure: levenshtein", &mut reader.diagnostics);
    let at_least = section.need("at_least", "at_least: 80%", &mut reader.diagnostics);
    section.finish(&mut reader.diagnostics);
    let measures = Measure::ALL.map(|measure| (measure.name(), measure));
    let to = to.and_then(|entry| shape(reader, &entry));
    let measure = measure.and_then(|entry| reader.word(&entry, &measures));
    let at_least = at_least.and_then(|entry| {
        let form = "write a share like `80%` or `0.8`";
        reader.parsed(&entry, "a share between 0 and 1", |text| match read_tolerance(text) {
            Ok(Tolerance::Share(share) | Tolerance::Absolute(share)) if share <= Decimal::ONE => Ok(share),
            _ => Err(form.to_owned()),
        })
    });
    Some(SimilarityRule { to: to?, measure: measure?, at_least: at_least? })
}

fn amount(reader: &mut Reader<'_>, entry: &Entry) -> Option<Amount> {
    let scalar = reader.scalar(entry, "a number or a template")?;
    if let Some(number) = decimal(scalar.text.trim()) {
        return Some(Amount::Fixed(number));
    }
    if scalar.text.contains("{{") {
        return reader.template(entry, When::AfterReply).map(|template| Amount::Of(Shape::Text(template)));
    }
    reader.refuse(entry, "must be a number or a template", Some("write `0.5`, or `\"{{row.total}}\"`"))
}

fn read_tolerance(text: &str) -> Result<Tolerance, String> {
    let form = || "write how far it may be off, like `0.01`, or which share of it, like `5%`".to_owned();
    let (number, is_share) = text.strip_suffix('%').map_or((text, false), |number| (number.trim_end(), true));
    let number = units::decimal(number).filter(|number| !number.is_sign_negative()).ok_or_else(form)?;
    if is_share {
        let share = number.checked_div(Decimal::ONE_HUNDRED).ok_or_else(form)?;
        return Ok(Tolerance::Share(share));
    }
    Ok(Tolerance::Absolute(number))
}

/// Reads a schema: the path of a file, or the schema itself.
fn json_schema(reader: &mut Reader<'_>, entry: &Entry) -> Option<Schema> {
    let schema = match &entry.node.kind {
        Kind::Map(_) => match to_json(&entry.node) {
            Ok(schema) => schema,
            Err((node, message)) => {
                reader.diagnostics.push(node.place.error(message));
                return None;
            }
        },
        Kind::Scalar(_) => {
            let name = format!("schema-{}.json", reader.kept.schemas + 1);
            reader.kept.schemas += 1;
            let bytes = kept::read(reader, entry, name)?;
            match serde_json::from_slice(&bytes) {
                Ok(schema) => schema,
                Err(error) => return reader.refuse(entry, &format!("is not JSON: {error}"), None),
            }
        }
        _ => {
            let help = "write the path of a file, or the schema itself: `{type: object, required: [label]}`";
            return reader.refuse(entry, "must be a path or a map", Some(help));
        }
    };
    match Schema::new(&schema) {
        Ok(schema) => Some(schema),
        Err(error) => {
            let help = "a schema stands alone: what it refers to is in its own `$defs`";
            reader.refuse(entry, &format!("can't be used: {error}"), Some(help))
        }
    }
}

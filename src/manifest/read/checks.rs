//! `checks`: rules for what the workflow answers.

use std::sync::Arc;

use rust_decimal::Decimal;

use crate::checks::{Bounds, Check, Folding, Rule, RuleSet};
use crate::gates::{KnownCheck, TOP_LEVEL};
use crate::manifest::names::is_plain_name;
use crate::manifest::read::reader::Reader;
use crate::manifest::read::rules::{self, Given};
use crate::manifest::read::section::{Entry, Section};
use crate::manifest::read::templates::When;
use crate::manifest::tree::Kind;
use crate::manifest::{Condition, Price};
use crate::mapping::Template;

/// The longest name of a check, in characters.
const LONGEST: usize = 64;

/// How deep `not`, `all` and `any` may stand in one another.
const DEEPEST: usize = 8;

/// What is looked at when a check does not say it.
const WHOLE: &str = "{{output}}";

/// Reads `checks`; amounts of money are in the unit of `price`.
pub(super) fn read(reader: &mut Reader<'_>, entry: Option<Entry>, price: Option<&Price>) -> Vec<Check> {
    let read = |reader: &mut Reader<'_>, entry: &Entry| read_check(reader, entry, price);
    reader.named(entry, read).into_iter().map(|(_, check)| check).collect()
}

/// Gives the names that gates may use, those of checks with mistakes in them included.
pub(super) fn known(entry: Option<&Entry>, checks: &[Check]) -> Vec<KnownCheck> {
    let Some(Kind::Map(entries)) = entry.map(|entry| &entry.node.kind) else { return Vec::new() };
    let known = entries.iter().map(|(key, _)| KnownCheck {
        labels: checks.iter().find(|check| *check.name == key.text).is_none_or(Check::compares_labels),
        name: key.text.clone(),
    });
    known.collect()
}

fn read_check(reader: &mut Reader<'_>, entry: &Entry, price: Option<&Price>) -> Option<Check> {
    let name = entry.name.strip_prefix("checks.").unwrap_or(&entry.name).to_owned();
    if !is_plain_name(&name) || name.chars().count() > LONGEST {
        let told = format!("`{name}` can't name a check");
        let help = format!("letters, digits and `_`, at most {LONGEST}, and not a digit first");
        reader.diagnostics.push(entry.key.error(told).with_help(help));
    } else if TOP_LEVEL.contains(&name.as_str()) {
        let told = format!("a check can't be named `{name}`: a report has a figure of this name");
        let help = format!("name what it looks at, such as `{name}_is_right`");
        reader.diagnostics.push(entry.key.error(told).with_help(help));
    }
    let mut section = reader.section(entry.clone())?;
    let when = section.take("when").and_then(|entry| {
        let when = reader.condition(&entry, When::AfterReply)?;
        let condition = Condition { key: entry.name.clone(), expression: when.clone(), span: entry.span() };
        reader.conditions.push(condition);
        Some(when)
    });
    let whole = Template::parse(WHOLE).ok()?;
    let weight = read_weight(reader, &mut section);
    let rules = read_rules(
        reader,
        section,
        entry,
        Around { value: &whole, folding: Folding::default(), price, depth: 0 },
    );
    Some(Check { name: Arc::from(name), weight, when, rules: rules? })
}

/// What rules have from those around them.
#[derive(Clone, Copy)]
struct Around<'a> {
    value: &'a Template,
    folding: Folding,
    price: Option<&'a Price>,
    depth: usize,
}

fn read_weight(reader: &mut Reader<'_>, section: &mut Section) -> Decimal {
    section.take("weight").and_then(|entry| reader.amount(&entry)).unwrap_or(Decimal::ONE)
}

fn read_rules(
    reader: &mut Reader<'_>,
    mut section: Section,
    entry: &Entry,
    around: Around<'_>,
) -> Option<RuleSet> {
    let before = reader.diagnostics.len();
    let value = section.take("value").and_then(|entry| reader.template(&entry, When::AfterReply));
    let value = value.unwrap_or_else(|| around.value.clone());
    let mut folding = around.folding;
    for (key, place) in [("ignore_case", &mut folding.case), ("ignore_space", &mut folding.space)] {
        if let Some(boolean) = section.take(key).and_then(|entry| reader.boolean(&entry)) {
            *place = boolean;
        }
    }
    let mut found = rules::read(reader, &mut section, Given { folding, price: around.price });
    for key in ["min", "max"] {
        // A common slip: bounds belong to what they bound.
        if section.has(key) {
            let help = format!("write `number: {{{key}: …}}` or `length: {{{key}: …}}`");
            section.refuse(&[key], "bounds nothing here", &help, &mut reader.diagnostics);
        }
    }
    let inner = Around { value: &value, folding, price: around.price, depth: around.depth + 1 };
    found.extend(read_joined(reader, &mut section, inner));
    section.finish(&mut reader.diagnostics);
    if found.is_empty() && reader.diagnostics.len() == before {
        let help =
            "give it one, such as `equals: \"{{row.expected}}\"`, `contains: …` or `length: {max: 800}`";
        return reader.refuse(entry, "has no rule", Some(help));
    }
    // What is wrong has been told.
    (!found.is_empty()).then_some(RuleSet { value, folding, weight: Decimal::ONE, rules: found })
}

/// Reads `not`, `all` and `any`.
fn read_joined(reader: &mut Reader<'_>, section: &mut Section, inner: Around<'_>) -> Vec<Rule> {
    let mut found = Vec::new();
    let taken = [section.take("not"), section.take("all"), section.take("any")];
    if inner.depth > DEEPEST {
        if let Some(entry) = taken.iter().flatten().next() {
            reader.refuse::<()>(entry, &format!("stands more than {DEEPEST} deep"), None);
        }
        return found;
    }
    let [not, all, any] = taken;
    if let Some(entry) = not {
        let rules =
            reader.section(entry.clone()).and_then(|section| read_rules(reader, section, &entry, inner));
        found.extend(rules.map(|rules| Rule::Not(Box::new(rules))));
    }
    if let Some(entry) = all {
        found.extend(read_several(reader, entry, inner).map(Rule::All));
    }
    if let Some(entry) = any {
        found.extend(read_several(reader, entry, inner).map(Rule::Any));
    }
    found
}

fn read_several(reader: &mut Reader<'_>, entry: Entry, around: Around<'_>) -> Option<Vec<RuleSet>> {
    let whole = entry.clone();
    let items = reader.list(entry)?;
    if items.is_empty() {
        return reader.refuse(&whole, "is empty", Some("list rules: `[{contains: a}, {contains: b}]`"));
    }
    let read = items.into_iter().filter_map(|entry| {
        let mut section = reader.section(entry.clone())?;
        let weight = read_weight(reader, &mut section);
        Some(RuleSet { weight, ..read_rules(reader, section, &entry, around)? })
    });
    Some(read.collect())
}

/// Reads `{min: …, max: …}`, of which one is there, and the first is not more than the second.
pub(super) fn read_bounds<T: PartialOrd + Copy>(
    reader: &mut Reader<'_>,
    entry: Entry,
    mut read: impl FnMut(&mut Reader<'_>, &Entry) -> Option<T>,
) -> Option<Bounds<T>> {
    let whole = entry.clone();
    let mut section = reader.section(entry)?;
    let (min, max) = (section.take("min"), section.take("max"));
    section.finish(&mut reader.diagnostics);
    if min.is_none() && max.is_none() {
        return reader.refuse(&whole, "bounds nothing: it needs `min` or `max`", None);
    }
    let min = min.map(|entry| read(reader, &entry));
    let max_at = max.clone();
    let max = max.map(|entry| read(reader, &entry));
    if let (Some(Some(least)), Some(Some(most)), Some(entry)) = (&min, &max, &max_at)
        && least > most
    {
        return reader.refuse(entry, "is less than `min`", None);
    }
    Some(Bounds { min: min.flatten(), max: max.flatten() })
}

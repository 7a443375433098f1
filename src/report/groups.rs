//! The figures by group.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::mapping::{Scope, Template};
use crate::model::{Cost, Outcome};
use crate::report::row::ResultRow;
use crate::report::spread::Spread;
use crate::report::templates::text_of;
use crate::report::{GroupCheck, GroupSummary, KnownCost, KnownTokens, Rate};

/// Different values of one `group_by` that are kept apart; rows with further ones are counted together.
const MAX_VALUES: usize = 1_000;

/// Characters of a value that count: values that differ only beyond them are one group.
const MAX_VALUE_CHARS: usize = 200;

/// The groups of one `report.group_by` template.
#[derive(Debug)]
pub(super) struct Grouping<'a> {
    name: &'a str,
    template: &'a Template,
    groups: BTreeMap<Key, Group>,
    values: usize,
}

/// Subtle: what is not a value is last in order, and never confused with a value of the same text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Value(String),
    Unknown,
    Other,
}

#[derive(Clone, Debug, Default)]
struct Group {
    rows: u64,
    succeeded: u64,
    cost: Cost,
    cost_unknown: u64,
    tokens: u64,
    tokens_unknown: u64,
    latency: Spread,
    checks: Vec<(Arc<str>, GroupCheck)>,
}

impl<'a> Grouping<'a> {
    pub(super) fn new((name, template): &'a (String, Template)) -> Self {
        Self { name, template, groups: BTreeMap::new(), values: 0 }
    }

    /// Takes a row in.
    pub(super) fn add(&mut self, row: &ResultRow<'_>, scope: &Scope) {
        let mut key = match text_of(self.template, scope) {
            Ok(text) => Key::Value(text.chars().take(MAX_VALUE_CHARS).collect()),
            Err(_) => Key::Unknown,
        };
        if key != Key::Unknown && !self.groups.contains_key(&key) {
            if self.values < MAX_VALUES {
                self.values += 1;
            } else {
                key = Key::Other;
            }
        }
        self.groups.entry(key).or_default().add(row);
    }

    /// Says that values were counted together, if they were.
    pub(super) fn note(&self) -> Option<String> {
        let other = self.groups.get(&Key::Other)?;
        Some(format!(
            "`report.group_by.{}` has more than {MAX_VALUES} values: the other {} rows are counted as (other)",
            self.name, other.rows
        ))
    }

    /// Gives the groups, the largest first.
    pub(super) fn finish(self) -> Vec<GroupSummary> {
        let mut groups: Vec<_> = self.groups.into_iter().collect();
        groups.sort_by(|(a, left), (b, right)| {
            let valued = |key: &Key| matches!(key, Key::Value(_));
            valued(b).cmp(&valued(a)).then(right.rows.cmp(&left.rows)).then_with(|| a.cmp(b))
        });
        groups.into_iter().map(|(key, group)| group.summary(self.name, key)).collect()
    }
}

impl Group {
    fn add(&mut self, row: &ResultRow<'_>) {
        self.rows += 1;
        self.succeeded += u64::from(row.outcome == Outcome::Succeeded);
        match row.cost.and_then(|cost| self.cost.checked_add(cost)) {
            Some(sum) => self.cost = sum,
            None => self.cost_unknown += 1,
        }
        match row.tokens.and_then(|tokens| self.tokens.checked_add(tokens)) {
            Some(sum) => self.tokens = sum,
            None => self.tokens_unknown += 1,
        }
        self.latency.add(row.latency_ms);
        if self.checks.is_empty() {
            self.checks.extend(row.checks.0.iter().map(|(name, _)| (name.clone(), GroupCheck::default())));
        }
        for ((_, sum), (_, result)) in self.checks.iter_mut().zip(&row.checks.0) {
            sum.add(result);
        }
    }

    fn summary(&self, by: &str, key: Key) -> GroupSummary {
        GroupSummary {
            by: by.to_owned(),
            value: match key {
                Key::Value(value) => value,
                Key::Unknown => "(unknown)".to_owned(),
                Key::Other => "(other)".to_owned(),
            },
            rows: self.rows,
            succeeded: self.succeeded,
            success_rate: Rate::of(self.succeeded, self.rows),
            cost: KnownCost { total: self.cost, unknown_rows: self.cost_unknown },
            tokens: KnownTokens { total: self.tokens, unknown_rows: self.tokens_unknown },
            latency_ms: self.latency.percentiles(),
            checks: self.checks.iter().map(|(name, sum)| (name.to_string(), sum.rated())).collect(),
        }
    }
}

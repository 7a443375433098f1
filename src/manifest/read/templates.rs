//! Templates and conditions: parsed where they stand, with every name they refer to checked.

use std::collections::HashSet;

use crate::manifest::names::{did_you_mean, listed};
use crate::manifest::read::origin::Origin;
use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::Entry;
use crate::manifest::tree::{Place, Scalar};
use crate::manifest::{ColumnReference, Diagnostic, Secrets};
use crate::mapping::{Expression, Reference, SyntaxError, Template};

/// When a template is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Before the workflow is asked.
    BeforeReply,
    /// After it has answered.
    AfterReply,
    /// After the judge has answered: then `output` and `reply` are the judge's.
    OfJudge,
}

const ROOTS: [&str; 9] =
    ["row", "row_number", "row_key", "row_tag", "repeat", "vars", "run", "manifest", "schedule"];
const REPLY_ROOTS: [&str; 3] = ["output", "reply", "outcome"];

impl Reader<'_> {
    /// Reads a template.
    pub(super) fn template(&mut self, entry: &Entry, when: When) -> Option<Template> {
        let scalar = self.scalar(entry, "text or a template")?;
        if let Some(told) = foreign_syntax(scalar) {
            let help = "put the variable into `vars`, and write `{{vars.NAME}}`";
            return self.refuse(entry, told, Some(help));
        }
        match Template::parse(&scalar.text) {
            Ok(template) => {
                self.check_names(entry, scalar, template.references(), when);
                self.look_up(entry, scalar, template.variables());
                Some(template)
            }
            Err(error) => self.refuse_syntax(entry, scalar, &error),
        }
    }

    /// Reads a condition.
    pub(super) fn condition(&mut self, entry: &Entry, when: When) -> Option<Expression> {
        let scalar = self.scalar(entry, "a condition")?;
        if scalar.replaced.iter().any(|span| scalar.text[span.clone()].contains(['"', '\\'])) {
            let told = "takes a variable whose value holds a quotation mark or a backslash";
            let help = "put the variable into `vars`, and write `vars.NAME`";
            return self.refuse(entry, told, Some(help));
        }
        match Expression::parse(&scalar.text) {
            Ok(condition) => {
                self.check_names(entry, scalar, condition.references(), when);
                Some(condition)
            }
            Err(error) => self.refuse_syntax(entry, scalar, &error),
        }
    }

    pub(super) fn refuse_syntax<T>(
        &mut self,
        entry: &Entry,
        scalar: &Scalar,
        error: &SyntaxError,
    ) -> Option<T> {
        let message = format!("`{}`: {}", entry.name, error.message);
        let mut diagnostic = entry.node.place.error(message);
        diagnostic.help.clone_from(&error.help);
        if let Some(at) = Origin::of(self.source, &entry.node.place, scalar).find(error.offset) {
            diagnostic.span = Some(at..at);
        }
        self.diagnostics.push(diagnostic);
        None
    }

    /// Looks up the variables that a template reads by `env "NAME"`.
    fn look_up(&mut self, entry: &Entry, scalar: &Scalar, variables: &[Reference]) {
        let origin = Origin::of(self.source, &entry.node.place, scalar);
        for variable in variables {
            let Some(name) = variable.path.first() else { continue };
            let place = match origin.find(variable.offset) {
                Some(at) => Place::File(at..at),
                None => entry.node.place.clone(),
            };
            if let Some(value) = (self.environment)(name) {
                self.env.entry(name.clone()).or_insert((value, place));
            } else if !variable.optional && !self.env.contains_key(name) {
                let message = format!("the environment variable `{name}` is not set");
                self.diagnostics.push(place.error(message).with_help("set it before the run"));
            }
        }
    }

    fn check_names(&mut self, entry: &Entry, scalar: &Scalar, references: &[Reference], when: When) {
        let origin = Origin::of(self.source, &entry.node.place, scalar);
        // A name that is used many times is one mistake.
        let mut seen = HashSet::new();
        for reference in references {
            if !seen.insert((&reference.path, reference.optional)) {
                continue;
            }
            let written = scalar.text.get(reference.offset..).map_or(0, written_length);
            let place = match origin.find(reference.offset) {
                Some(at) => Place::File(at..at + written),
                None => entry.node.place.clone(),
            };
            let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
            if when == When::OfJudge {
                self.diagnostics.extend(not_of_judge(&path, &place));
                continue;
            }
            match path.as_slice() {
                ["row", column, ..] => self.references.push(ColumnReference {
                    column: (*column).to_owned(),
                    span: place.span(),
                    optional: reference.optional,
                }),
                ["vars", name, ..] => {
                    if self.vars.contains_key(*name) {
                        self.used_vars.push((*name).to_owned());
                    } else if !reference.optional {
                        let names: Vec<&str> = self.vars.keys().map(String::as_str).collect();
                        let help = if names.is_empty() {
                            format!("declare it: `vars: {{{name}: …}}`, or give `--var {name}=…`")
                        } else {
                            did_you_mean(name, &names)
                        };
                        let message = format!("`vars` has no `{name}`");
                        self.diagnostics.push(place.error(message).with_help(help));
                    }
                }
                ["schedule"] | ["schedule", "slot" | "previous_slot"] => {
                    self.diagnostics.extend(self.without_slot(&path, reference.optional, &place));
                }
                _ => {
                    if let Some(diagnostic) = unknown_root(&path, &place, when) {
                        self.diagnostics.push(diagnostic);
                    }
                }
            }
        }
    }
}

impl Reader<'_> {
    /// Says that a run of no slot can't know one. What sends nothing needs none.
    fn without_slot(&self, path: &[&str], optional: bool, place: &Place) -> Option<Diagnostic> {
        if optional || self.secrets != Secrets::Needed {
            return None;
        }
        let is_there = match &self.slot {
            None => false,
            Some(slot) => path.last() != Some(&"previous_slot") || slot.previous_slot.is_some(),
        };
        let written = path.join(".");
        let told = match &self.slot {
            None => format!("`{written}` is known only in a run of a schedule's slot"),
            Some(_) => format!("`{written}` is not known: no slot comes before this one"),
        };
        let help = format!(
            "run it by `flowbatch schedule`, give `--slot INSTANT`, or give a default: `{{{{default {written} \"…\"}}}}`"
        );
        (!is_there).then(|| place.error(told).with_help(help))
    }
}

/// Says how long a name is as it was written, brackets included.
fn written_length(text: &str) -> usize {
    let mut in_brackets = false;
    for (at, c) in text.char_indices() {
        match c {
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            _ if in_brackets => {}
            _ if c.is_alphanumeric() || "._-$".contains(c) => {}
            _ => return at,
        }
    }
    text.len()
}

/// What is known of a judge's answer: it has the judged row as its input.
fn not_of_judge(path: &[&str], place: &Place) -> Option<Diagnostic> {
    let [root, ..] = path else { return None };
    let told = format!("there is no `{}` in a judge's answer", path.join("."));
    let help = format!("the names are {}: they are the judge's", listed(&REPLY_ROOTS));
    (!REPLY_ROOTS.contains(root)).then(|| place.error(told).with_help(help))
}

fn unknown_root(path: &[&str], place: &Place, when: When) -> Option<Diagnostic> {
    let written = path.join(".");
    let (message, help) = match path {
        []
        | ["row" | "vars" | "row_number" | "row_key" | "row_tag" | "repeat" | "run" | "manifest"]
        | ["run", "id"]
        | ["manifest", "name"] => {
            return None;
        }
        ["output" | "reply" | "outcome", ..] if when == When::AfterReply => return None,
        [root @ ("output" | "reply" | "outcome"), ..] => (
            format!("`{root}` is known only after the workflow has answered"),
            "it may stand in `checks`, in `output.columns` and in `report.group_by`".to_owned(),
        ),
        ["schedule", ..] => (
            format!("there is no `{written}`"),
            "there are `schedule.slot` and `schedule.previous_slot`".to_owned(),
        ),
        ["run", ..] => (format!("there is no `{written}`"), "did you mean `run.id`?".to_owned()),
        ["manifest", ..] => (format!("there is no `{written}`"), "did you mean `manifest.name`?".to_owned()),
        ["row_number" | "row_key" | "row_tag" | "repeat", ..] => {
            (format!("`{}` has nothing inside it", path[0]), "a column is written `{{row.NAME}}`".to_owned())
        }
        [root, ..] => {
            let mut roots = ROOTS.to_vec();
            if when == When::AfterReply {
                roots.extend(REPLY_ROOTS);
            }
            let mut help = did_you_mean(root, &roots);
            if !help.starts_with("did") {
                help = format!("a column is written `row.{root}`; the names are {}", listed(&roots));
            }
            (format!("there is no `{written}`"), help)
        }
    };
    Some(place.error(message).with_help(help))
}

/// Says why values from the environment can't stand where they do: they are text, and never syntax of a template.
fn foreign_syntax(scalar: &Scalar) -> Option<&'static str> {
    if scalar.replaced.is_empty() {
        return None;
    }
    let text = scalar.text.as_str();
    // The replaced parts rise, so that the first that ends behind a place tells whether any lies in a range.
    let has_foreign = |from: usize, to: usize| {
        let next = scalar.replaced.partition_point(|span| span.start <= from && span.end <= from);
        scalar.replaced.get(next).is_some_and(|span| span.start < to)
    };
    let mut from = 0;
    while let Some(at) = text[from..].find("{{").map(|at| from + at) {
        let is_escaped = text[..at].ends_with('\\');
        if has_foreign(at - usize::from(is_escaped), at + 2) {
            return Some("takes a variable whose value holds `{{`");
        }
        let end = text[at..].find("}}").map_or(text.len(), |end| at + end + 2);
        if has_foreign(at, end) {
            return Some("has `${…}` inside of `{{…}}`");
        }
        from = end;
    }
    None
}

//! `${NAME}` and `${NAME:-default}`: replaced after parsing, inside one scalar, and never in a secret field.
//!
//! A value is text, whatever it looks like: it is read in the type that the key wants (`concurrency: ${N}`), is text where
//! any JSON may stand (`input`, `vars`), and never becomes syntax of YAML, of a template or of a condition; where it
//! could, it is refused, and `vars` is the way to bring it in.

use std::collections::BTreeMap;

use crate::manifest::load::Environment;
use crate::manifest::tree::{Kind, Node, Place, Scalar};
use crate::manifest::{Diagnostic, Span};

/// The variables that were used, with their values, and where one of them stands.
pub(super) type Used = BTreeMap<String, (String, Place)>;

/// One `${…}` of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Variable<'a> {
    pub(super) name: &'a str,
    pub(super) default: Option<&'a str>,
}

/// A piece of a text with variables.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Variable(Variable<'a>),
    /// `${` that no variable follows.
    Malformed,
}

/// Replaces the variables of a whole manifest, except in the user's own `x-` keys and in secret fields.
pub(super) fn replace(root: &mut Node, environment: Environment<'_>) -> (Used, Vec<Diagnostic>) {
    let mut replacer = Replacer { environment, used: Used::new(), diagnostics: Vec::new() };
    if let Kind::Map(sections) = &mut root.kind {
        for (key, section) in sections {
            match &mut section.kind {
                // What is read before the environment is.
                _ if key.text == "extends" || key.text.starts_with("x-") => {}
                Kind::Map(fields) if key.text == "notify" => {
                    let is_secret = |key: &str| ["url", "heartbeat", "headers"].contains(&key);
                    let plain = fields.iter_mut().filter(|(key, _)| !is_secret(&key.text));
                    plain.for_each(|(_, field)| replacer.node(field));
                }
                Kind::Map(fields) if key.text == "workflow" => {
                    for (key, field) in fields {
                        // A secret's variable is looked up where the secret is read, and never kept in `used`.
                        let is_secret = key.text == "api_key" && matches!(field.kind, Kind::Scalar(_));
                        if key.text == "webhook" {
                            replacer.webhook(field, false);
                        } else if !is_secret {
                            replacer.node(field);
                        }
                    }
                }
                _ => replacer.node(section),
            }
        }
    }
    (replacer.used, replacer.diagnostics)
}

/// Reads a text that is one variable and nothing else.
pub(super) fn lone_variable(text: &str) -> Option<Variable<'_>> {
    match pieces(text).as_slice() {
        [Piece::Variable(Variable { name, default })] => Some(Variable { name, default: *default }),
        _ => None,
    }
}

struct Replacer<'a> {
    environment: Environment<'a>,
    used: Used,
    diagnostics: Vec<Diagnostic>,
}

impl Replacer<'_> {
    fn node(&mut self, node: &mut Node) {
        match &mut node.kind {
            Kind::Scalar(scalar) if scalar.text.contains("${") => match self.scalar(scalar, &node.place) {
                Ok(()) => {}
                Err((message, help)) => {
                    self.diagnostics.push(node.place.error(message).with_help(help));
                    node.kind = Kind::Broken;
                }
            },
            Kind::Scalar(_) | Kind::Broken => {}
            Kind::List(items) => items.iter_mut().for_each(|item| self.node(item)),
            Kind::Map(entries) => entries.iter_mut().for_each(|(_, value)| self.node(value)),
        }
    }

    /// Replaces in `workflow.webhook`, most of whose values are secrets.
    fn webhook(&mut self, node: &mut Node, is_secret: bool) {
        match &mut node.kind {
            Kind::Map(entries) => {
                for (key, value) in entries {
                    let is_plain = ["listen", "forward", "method", "file"].contains(&key.text.as_str());
                    self.webhook(value, !is_plain);
                }
            }
            Kind::List(items) => items.iter_mut().for_each(|item| self.webhook(item, is_secret)),
            Kind::Scalar(_) if !is_secret => self.node(node),
            Kind::Scalar(_) | Kind::Broken => {}
        }
    }

    fn scalar(&mut self, scalar: &mut Scalar, place: &Place) -> Result<(), (String, String)> {
        let mut text = String::with_capacity(scalar.text.len());
        let mut replaced: Vec<Span> = Vec::new();
        for piece in pieces(&scalar.text) {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Malformed => {
                    let message = "`${` starts a variable: `${NAME}` or `${NAME:-default}`";
                    return Err((message.to_owned(), "write `$${` for a literal `${`".to_owned()));
                }
                Piece::Variable(Variable { name, default }) => {
                    let value = (self.environment)(name);
                    // As in a shell, a default also stands in for a variable that is set to nothing.
                    let value = match (value, default) {
                        (Some(value), None) => value,
                        (Some(value), Some(_)) if !value.is_empty() => value,
                        (_, Some(default)) => default.to_owned(),
                        (None, None) => {
                            let help = format!(
                                "set it before the run, or give a default: `${{{name}:-…}}`; `$${{` is a literal `${{`"
                            );
                            return Err((format!("the environment variable `{name}` is not set"), help));
                        }
                    };
                    replaced.push(text.len()..text.len() + value.len());
                    text.push_str(&value);
                    self.used.insert(name.to_owned(), (value, place.clone()));
                }
            }
        }
        scalar.text = text;
        scalar.replaced = replaced;
        Ok(())
    }
}

/// Takes a text apart at its variables.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            // `$${`: the first dollar goes, and `${` is text.
            found.push(Piece::Text(&rest[..at - 1]));
            found.push(Piece::Text("${"));
            rest = &rest[at + 2..];
            continue;
        }
        if at > 0 {
            found.push(Piece::Text(&rest[..at]));
        }
        let inside = &rest[at + 2..];
        let body = inside.find('}').map(|end| &inside[..end]);
        match body.and_then(variable) {
            Some(variable) => found.push(Piece::Variable(variable)),
            None => found.push(Piece::Malformed),
        }
        rest = body.map_or("", |body| &inside[body.len() + 1..]);
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    found
}

fn variable(body: &str) -> Option<Variable<'_>> {
    let (name, default) = match body.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (body, None),
    };
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    is_name.then_some(Variable { name, default })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tree;

    fn check(text: &str, expected: Result<&str, &str>) {
        let environment = |name: &str| match name {
            "A" => Some("alpha".to_owned()),
            "EMPTY" => Some(String::new()),
            "DOLLAR" => Some("${A}".to_owned()),
            _ => None,
        };
        let (mut root, _) = tree::parse(&format!("input: '{text}'")).unwrap();
        let (_, diagnostics) = replace(&mut root, &environment);
        let Kind::Map(entries) = root.kind else { panic!("a map") };
        match (&entries[0].1.kind, expected) {
            (Kind::Scalar(scalar), Ok(expected)) => assert_eq!(scalar.text, expected, "{text}"),
            (Kind::Broken, Err(part)) => {
                assert!(diagnostics[0].message.contains(part), "{text}: {}", diagnostics[0].message);
            }
            (kind, expected) => panic!("{text}: {kind:?}, not {expected:?}"),
        }
    }

    #[test]
    fn variables_are_replaced_inside_one_scalar() {
        check("${A}", Ok("alpha"));
        check("x${A}y${A}", Ok("xalphayalpha"));
        check("${B:-two words}", Ok("two words"));
        check("${EMPTY:-d}", Ok("d"));
        check("[${EMPTY}]", Ok("[]"));
        check("${B:-}", Ok(""));
        check("$${A}", Ok("${A}"));
        check("$$${A}", Ok("$${A}"));
        check("${DOLLAR}", Ok("${A}"));
        check("$A {A} $", Ok("$A {A} $"));
        check("${B}", Err("`B` is not set"));
        check("${", Err("starts a variable"));
        check("${A", Err("starts a variable"));
        check("${1A}", Err("starts a variable"));
        check("${A-b}", Err("starts a variable"));
        check("${}", Err("starts a variable"));
    }

    #[test]
    fn a_text_that_is_one_variable_is_told_from_others() {
        assert_eq!(lone_variable("${KEY}"), Some(Variable { name: "KEY", default: None }));
        assert_eq!(lone_variable("${KEY:-x}"), Some(Variable { name: "KEY", default: Some("x") }));
        for text in ["", "KEY", "sk-${KEY}", "${KEY}x", "$${KEY}", "${KEY}${KEY}"] {
            assert_eq!(lone_variable(text), None, "{text}");
        }
    }
}

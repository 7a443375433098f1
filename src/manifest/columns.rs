//! Checks what a manifest says about columns against a dataset's header.

use std::collections::HashSet;

use crate::manifest::names::{is_plain_name, listed, nearest};
use crate::manifest::{Condition, Diagnostic, Diagnostics, Manifest, Span};
use crate::mapping::{Expression, ValueType};

impl Manifest {
    /// Checks every reference to a column, the key, the declared types and `where` against the dataset's columns.
    ///
    /// `header` has a CSV file's columns, or all names that the records of a JSONL file had; without it only the types
    /// in `where` are checked. `text_by_default` says that an undeclared column is text, as in CSV.
    pub fn check_columns(&self, header: Option<&[String]>, text_by_default: bool) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        if let Some(header) = header {
            self.check_header(header, &mut diagnostics);
        }
        let default = if text_by_default { ValueType::Text } else { ValueType::Any };
        if let Some(condition) = &self.dataset.select.condition {
            let span = self.places.condition.clone();
            self.check_types("dataset.select.where", condition, span, default, &mut diagnostics);
        }
        for Condition { key, expression, span } in &self.places.conditions {
            self.check_types(key, expression, span.clone(), default, &mut diagnostics);
        }
        diagnostics
    }

    /// Wraps mistakes that were found after the manifest was read, for rendering.
    pub fn diagnostics(&self, items: Vec<Diagnostic>) -> Diagnostics {
        Diagnostics::new(self.path.display().to_string(), self.texts.clone(), items)
    }

    fn check_types(
        &self,
        key: &str,
        condition: &Expression,
        span: Option<Span>,
        default: ValueType,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let Err(error) = condition.check(&self.dataset.types.0, default) else { return };
        let message = format!("`{key}`: {}", error.message);
        let span = self.place_in(span, condition.source(), error.offset);
        diagnostics.push(Diagnostic { help: error.help, ..Diagnostic::error(span, message) });
    }

    fn check_header(&self, header: &[String], diagnostics: &mut Vec<Diagnostic>) {
        let known: HashSet<&str> = header.iter().map(String::as_str).collect();
        for reference in &self.references {
            let column = reference.column.as_str();
            if !reference.optional && !known.contains(column) {
                let message = format!("the dataset has no column `{column}`");
                let conditions =
                    self.places.conditions.iter().filter_map(|condition| condition.span.as_ref());
                let in_condition = reference.span.as_ref().is_some_and(|span| {
                    let mut conditions = conditions.chain(&self.places.condition);
                    conditions.any(|condition| condition.contains(&span.start))
                });
                let help = if in_condition {
                    meant(column, header, condition_path)
                } else {
                    meant(column, header, template_path)
                };
                diagnostics.push(Diagnostic::error(reference.span.clone(), message).with_help(help));
            }
        }
        if let Some(key) = &self.dataset.key
            && !known.contains(key.as_str())
        {
            let message = format!("the dataset has no column `{key}` to be its key");
            let help = meant(key, header, str::to_owned);
            diagnostics.push(Diagnostic::error(self.dataset.key_span.clone(), message).with_help(help));
        }
        for (column, span) in &self.places.types {
            if !known.contains(column.as_str()) {
                let message = format!("the dataset has no column `{column}` to give a type to");
                let help = meant(column, header, str::to_owned);
                diagnostics.push(Diagnostic::error(span.clone(), message).with_help(help));
            }
        }
    }

    /// Finds a byte of a condition in the manifest, where it stands there as it is.
    fn place_in(&self, span: Option<Span>, text: &str, offset: usize) -> Option<Span> {
        let span = span?;
        let written = self.texts.text().get(span.clone())?;
        match written.find(text) {
            Some(at) if at <= 1 => Some(span.start + at + offset..span.start + at + offset),
            _ => Some(span),
        }
    }
}

/// Gives a column as a template must write it: `{{row.order}}`, `{{row.[Customer Name]}}`.
pub fn template_path(column: &str) -> String {
    if is_plain_name(column) { format!("{{{{row.{column}}}}}") } else { format!("{{{{row.[{column}]}}}}") }
}

/// Gives a column as a condition must write it: `row.order`, `row.[Customer Name]`.
fn condition_path(column: &str) -> String {
    template_path(column).trim_matches(['{', '}']).to_owned()
}

fn meant(column: &str, header: &[String], write: impl Fn(&str) -> String) -> String {
    if let Some(meant) = nearest(column, header.iter().map(String::as_str)) {
        return format!("did you mean `{}`?", write(meant));
    }
    if header.is_empty() {
        return "it has no columns at all".to_owned();
    }
    let names: Vec<_> = header.iter().map(|column| write(column)).collect();
    format!("its columns are {}", listed(&names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{Expression, Template};

    #[test]
    fn a_column_is_written_as_templates_and_conditions_read_it() {
        for column in [
            "a",
            "A b",
            "1st",
            "订单号",
            "x.y",
            "a-b",
            "é",
            "true",
            "this",
            "else",
            "a'b",
            "a\"b",
            "a|b",
            "_",
            "a/b",
        ] {
            let template = Template::parse(&template_path(column)).unwrap();
            assert_eq!(template.references()[0].path, ["row", column]);
            let condition = Expression::parse(&format!("{} == \"x\"", condition_path(column))).unwrap();
            assert_eq!(condition.references()[0].path, ["row", column]);
        }
    }
}

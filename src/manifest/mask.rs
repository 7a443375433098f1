//! Hides what could be a secret in the manifest's text, before any of it is shown.

use crate::manifest::Span;
use crate::manifest::tree::{Kind, Node, Place};

/// Says whether a key's name speaks of a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    ["apikey", "secret", "password", "authorization", "bearer", "headers", "heartbeat"].iter().any(|word| name.contains(word))
        || name.ends_with("token")
        // The URLs of receivers carry tokens; the provider's does not.
        || name.ends_with("url") && name != "baseurl"
}

/// Says whether a text holds a URL with a user name or a password in it.
pub(super) fn has_credentials(text: &str) -> bool {
    text.match_indices("://").any(|(at, sign)| {
        let rest = &text[at + sign.len()..];
        let authority = rest.split(|c: char| c.is_whitespace() || "/?#".contains(c)).next();
        authority.is_some_and(|authority| authority.contains('@'))
    })
}

/// Gives the text with stars where a secret was written out, so that places and lines stay what they are. The values
/// of keys in `workflow` that are not `known` count as secrets: one of them may be a misspelt `api_key`.
pub(super) fn mask(source: &str, root: &Node, known: &[&str]) -> String {
    let mut spans = Vec::new();
    if let Kind::Map(sections) = &root.kind {
        for (key, section) in sections {
            match (&section.kind, key.text.as_str()) {
                // What the workflow is sent is no secret of ours, and its templates are worth seeing.
                (_, "input" | "vars" | "labels") => collect(section, false, &mut spans),
                (Kind::Map(fields), "workflow") => {
                    for (key, field) in fields {
                        let is_secret = is_secret_name(&key.text) || !known.contains(&key.text.as_str());
                        collect(field, is_secret, &mut spans);
                    }
                }
                (_, name) => collect(section, is_secret_name(name), &mut spans),
            }
        }
    }
    stars(source, &spans)
}

/// Gives a text that could not be parsed, with stars behind every key that speaks of a secret, to the end of its line
/// and over the lines below that belong to it.
pub(super) fn mask_unparsed(source: &str) -> String {
    let mut spans = Vec::new();
    let mut start = 0;
    // The indentation of the key whose value goes on over the next lines.
    let mut open: Option<usize> = None;
    for line in source.split_inclusive('\n') {
        let end = start + line.trim_end().len();
        let indent = line.len() - line.trim_start().len();
        if open.is_some_and(|key_indent| indent > key_indent) {
            spans.push(start + indent..end.max(start + indent));
        } else {
            open = None;
            if let Some(at) = secret_value(line) {
                spans.push(start + at..end.max(start + at));
                open = Some(indent);
            }
        }
        start += line.len();
    }
    stars(source, &spans)
}

/// Finds where a secret begins on a line.
fn secret_value(line: &str) -> Option<usize> {
    let is_secret = |(at, _): &(usize, &str)| {
        let name = line[..*at].trim_end().trim_end_matches(['"', '\'']);
        let name =
            name.rsplit(|c: char| !(c.is_alphanumeric() || "_-".contains(c))).next().unwrap_or_default();
        let value = line[at + 1..].trim_start().trim_start_matches(['"', '\'']);
        let is_reference = value.starts_with("${") && !value.contains(":-") || value.starts_with("{file");
        is_secret_name(name) && !is_reference
    };
    let credentials = || line.find("://").filter(|_| has_credentials(line));
    line.match_indices(':').find(is_secret).map(|(at, _)| at + 1).or_else(credentials)
}

fn collect(node: &Node, is_secret: bool, spans: &mut Vec<Span>) {
    match &node.kind {
        Kind::Scalar(scalar) => {
            let is_variable =
                scalar.text.starts_with("${") && scalar.text.ends_with('}') && !scalar.text.contains(":-");
            if let Place::File(span) = &node.place
                && (is_secret && !is_variable || has_credentials(&scalar.text))
            {
                spans.push(span.clone());
            }
        }
        Kind::List(items) => items.iter().for_each(|item| collect(item, is_secret, spans)),
        Kind::Map(entries) => {
            for (key, value) in entries {
                collect(value, is_secret && key.text != "file" || is_secret_name(&key.text), spans);
            }
        }
        Kind::Broken => {}
    }
}

/// A star for each byte keeps every place; line breaks stay.
fn stars(source: &str, spans: &[Span]) -> String {
    let mut bytes = source.as_bytes().to_vec();
    for span in spans {
        for byte in bytes.get_mut(span.clone()).into_iter().flatten() {
            if !matches!(byte, b'\n' | b'\r') {
                *byte = b'*';
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tree;

    fn check(source: &str, expected: &str) {
        let (root, _) = tree::parse(source).unwrap();
        assert_eq!(mask(source, &root, &["api_key", "region", "base_url"]), expected);
    }

    #[test]
    fn a_secret_that_was_written_out_is_never_shown() {
        check("workflow: {api_key: sk-1}", "workflow: {api_key: ****}");
        check("workflow:\n  api_key: 'é'\n", "workflow:\n  api_key: ****\n");
        check("workflow: {apikey: sk-1}", "workflow: {apikey: ****}");
        check("workflow: {ky: sk-1}", "workflow: {ky: ****}");
        check("api_key: sk-1", "api_key: ****");
        check("x: &a sk-1\nworkflow: {api_key: *a}", "x: &a ****\nworkflow: {api_key: *a}");
        check("workflow: {api_key: '${A:-sk-1}'}", "workflow: {api_key: ************}");
        check("workflow: {base_url: https://u:p@h/}", "workflow: {base_url: **************}");
        check("workflow:\n  api_key: |\n    sk-1\n", "workflow:\n  api_key: |\n    ****\n");
    }

    #[test]
    fn what_is_no_secret_stays() {
        for source in [
            "workflow: {api_key: '${A}', region: sg}",
            "workflow: {api_key: {file: /run/secret}}",
            "dataset: {key: id}",
            "input: {max_tokens: 5}",
        ] {
            check(source, source);
        }
    }

    #[test]
    fn a_text_that_is_no_yaml_is_masked_by_its_lines() {
        let masked = mask_unparsed("name: [\nworkflow:\n  api_key: sk-1\n  u: http://a:b@c\r\n");
        assert_eq!(masked, "name: [\nworkflow:\n  api_key:*****\n  u: http********\r\n");
        for text in ["workflow: {api_key: sk-1", "api_key: >\n  sk-1\n  b: [", "\"api-key\" : sk-1 ["] {
            assert!(!mask_unparsed(text).contains("sk-1"), "{text}");
        }
    }
}

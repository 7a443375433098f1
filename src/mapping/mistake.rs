//! A template's mistakes in our own words, at their places in bytes.

use handlebars::{TemplateError, TemplateErrorReason};

use crate::mapping::SyntaxError;

/// The longest template with tags, in bytes.
const LONGEST: usize = 256 * 1024;

/// The most tags of a template.
const MOST_TAGS: usize = 2_000;

/// The deepest nesting of blocks, and of calls or brackets within a tag.
pub(super) const DEEPEST: usize = 64;

/// Refuses what would take Handlebars' parser, which recurses and counts lines afresh for each tag, too long or too
/// deep. What it can't see (a block that is closed inside a comment) the compiler counts again.
pub(super) fn check_size(text: &str) -> Result<(), SyntaxError> {
    if text.len() > LONGEST {
        let message = format!("a template may have {LONGEST} bytes, and this has {}", text.len());
        return Err(SyntaxError::at(0, message));
    }
    // For each open block, how many it makes: each `{{else if …}}` is one more inside it.
    let mut blocks: Vec<usize> = Vec::new();
    let (mut tags, mut brackets) = (0, 0_usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' if text[at..].starts_with("{{") => {
                tags += 1;
                brackets = 0;
                match inside(text, at) {
                    tag if tag.starts_with('#') => blocks.push(1),
                    tag if tag.starts_with("else") => *blocks.last_mut().unwrap_or(&mut 0) += 1,
                    tag if tag.starts_with('/') => _ = blocks.pop(),
                    _ => {}
                }
                if blocks.iter().sum::<usize>() > DEEPEST {
                    return Err(too_deep(at));
                }
            }
            b'(' | b'[' | b'{' if tags > 0 => brackets += 1,
            b')' | b']' | b'}' => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        if brackets > DEEPEST {
            return Err(too_deep(at));
        }
        if tags > MOST_TAGS {
            return Err(SyntaxError::at(
                at,
                format!("a template may have {MOST_TAGS} tags, and this has more"),
            ));
        }
    }
    Ok(())
}

/// Says that blocks, calls or brackets are nested more than [`DEEPEST`] deep.
pub(super) fn too_deep(offset: usize) -> SyntaxError {
    SyntaxError::at(offset, format!("nested more than {DEEPEST} deep"))
}

/// Gives what stands inside the tag that starts at a place, and on.
fn inside(text: &str, tag: usize) -> &str {
    text[tag..].trim_start_matches('{').trim_start_matches(|c: char| c == '~' || c.is_ascii_whitespace())
}

/// Turns a line and a column, both from 1 and in characters, into a place in bytes.
pub(super) fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start = match line.checked_sub(2) {
        Some(before) => text.match_indices('\n').nth(before).map_or(text.len(), |(at, _)| at + 1),
        None => 0,
    };
    let rest = &text[start..];
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
}

/// Finds a whole word, not a part of a longer one, from a place on.
pub(super) fn find_word(text: &str, from: usize, word: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | ':');
    let mut places = text.get(from..)?.match_indices(word).map(|(at, _)| from + at);
    places.find(|at| {
        !word.is_empty()
            && !text[..*at].ends_with(|c| is_part(c) || c == '.')
            && !text[at + word.len()..].starts_with(is_part)
    })
}

/// Says in our own words what Handlebars could not read.
pub(super) fn explain(text: &str, error: &TemplateError) -> SyntaxError {
    let at = error.pos().map(|(line, column)| offset_of(text, line, column));
    match error.reason() {
        TemplateErrorReason::InvalidParam(param) => {
            let offset = text.find(param.as_str()).unwrap_or(0);
            SyntaxError::at(offset, format!("`{param}` is no value"))
                .help("texts stand in quotes; numbers have no leading zeros")
        }
        _ => blocks(text).or_else(|| tags(text)).unwrap_or_else(|| {
            SyntaxError::at(at.unwrap_or(0), "this can't be read as a Handlebars expression").help(
                "a name with spaces is written in brackets, `{{row.[Customer Name]}}`; a text stands in quotes; \
                 a literal `{{` is written `\\{{`",
            )
        }),
    }
}

/// Finds a tag that is never closed.
fn tags(text: &str) -> Option<SyntaxError> {
    for (at, _) in text.match_indices("{{") {
        if text[..at].ends_with(['\\', '{']) {
            continue;
        }
        let rest = &text[at + 2..];
        let end = rest.find("}}");
        if rest.find("{{").unwrap_or(rest.len()) < end.unwrap_or(usize::MAX) || end.is_none() {
            return Some(
                SyntaxError::at(at, "`{{` is not closed")
                    .help("close it with `}}`; a literal `{{` is written `\\{{`"),
            );
        }
        if rest[..end.unwrap_or(0)].trim().is_empty() {
            return Some(SyntaxError::at(at, "`{{}}` names nothing"));
        }
    }
    None
}

/// Finds a block that is closed by another's end, or never.
fn blocks(text: &str) -> Option<SyntaxError> {
    let mut open: Vec<(usize, &str)> = Vec::new();
    for (at, _) in text.match_indices("{{") {
        if text[..at].ends_with(['\\', '{']) {
            continue;
        }
        let inside = inside(text, at);
        if let Some(name) = inside.strip_prefix('#') {
            open.push((at, word(name)));
        } else if let Some(name) = inside.strip_prefix('/') {
            let name = word(name);
            match open.pop() {
                Some((_, opened)) if opened == name => {}
                Some((_, opened)) => {
                    let error = SyntaxError::at(at, format!("`{{{{/{name}}}}}` closes `{{{{#{opened}}}}}`"));
                    return Some(error.help(format!("close it with `{{{{/{opened}}}}}`")));
                }
                None => return Some(SyntaxError::at(at, format!("`{{{{/{name}}}}}` closes nothing"))),
            }
        }
    }
    let (at, name) = open.pop()?;
    let error = SyntaxError::at(at, format!("`{{{{#{name}}}}}` is not closed"));
    Some(error.help(format!("close it with `{{{{/{name}}}}}`")))
}

fn word(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(text.len())]
}

//! YAML text to a tree of nodes that keep their places and their source text; the limits on what is read. Knows
//! nothing of manifests.

use std::collections::HashMap;
use std::sync::Arc;

use serde_yaml::granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Tag};

use crate::manifest::diagnostic::boundary;
use crate::manifest::{Diagnostic, Span};

/// Bytes of a manifest at most.
pub(super) const MAX_BYTES: usize = 1024 * 1024;
/// Lists and maps inside one another at most.
const MAX_DEPTH: usize = 64;
/// Nodes at most, those that aliases repeat included.
const MAX_NODES: usize = 50_000;
/// Aliases at most.
const MAX_ALIASES: usize = 1_000;
/// Bytes of text in all nodes at most: an alias repeats its text.
const MAX_TEXT: usize = 4 * MAX_BYTES;
/// Mistakes of one tree that are reported at most; to place a duplicate takes a walk through the text.
const MAX_REPORTED: usize = 100;

/// Where a node stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the manifest.
    File(Span),
    /// In an option of the command line, in the user's words.
    Flag(Arc<str>),
}

impl Place {
    /// Gives the place in the manifest.
    pub(super) fn span(&self) -> Option<Span> {
        match self {
            Self::File(span) => Some(span.clone()),
            Self::Flag(_) => None,
        }
    }

    /// Makes a warning that stands here.
    pub(super) fn warning(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic { is_error: false, ..self.error(message) }
    }

    /// Makes an error that stands here.
    pub(super) fn error(&self, message: impl Into<String>) -> Diagnostic {
        match self {
            Self::File(span) => Diagnostic::error(Some(span.clone()), message),
            Self::Flag(flag) => Diagnostic::error(None, format!("{flag}: {}", message.into())),
        }
    }
}

/// One YAML node.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
    /// A value whose mistake has been reported; nothing more is said about it.
    Broken,
}

/// A key of a map.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) place: Place,
}

/// A scalar: its text, not yet read as anything.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    /// The text after YAML's escapes.
    pub(super) text: String,
    /// How it was written.
    pub(super) style: Style,
    /// The parts of `text` that came from the environment, in bytes.
    pub(super) replaced: Vec<Span>,
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Without quotes: its type is that of its text.
    Plain,
    /// In quotes: text.
    Quoted,
    /// After `|`: text.
    Literal,
    /// After `>`: text.
    Folded,
}

impl Node {
    /// Names what the node is, for "expected a list, not a map".
    pub(super) fn noun(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(scalar) if scalar.is_null() => "nothing",
            Kind::Scalar(_) => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Broken => "unreadable",
        }
    }
}

/// Reads one YAML document. The error is one of syntax or size; mistakes that leave a tree (a key given twice, a
/// tag) are in the list.
pub(super) fn parse(text: &str) -> Result<(Node, Vec<Diagnostic>), Diagnostic> {
    if text.len() > MAX_BYTES {
        return Err(Diagnostic::error(None, "it is larger than 1 MiB, the most that a manifest may have"));
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut builder = Builder { text, ..Builder::default() };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| syntax_error(text, &error))?;
        builder.take(
            event,
            span.byte_range().unwrap_or(0..0),
            span.tag_span().and_then(|s| s.byte_range()),
        )?;
    }
    match builder.root {
        Some(root) => Ok((root, builder.diagnostics)),
        None => Err(Diagnostic::error(None, "it is empty")
            .with_help("`flowbatch init` writes a manifest to start from")),
    }
}

fn syntax_error(source: &str, error: &ScanError) -> Diagnostic {
    let at = error.marker().byte_offset();
    if *error.kind() == ErrorKind::RecursionLimitExceeded {
        return Diagnostic::error(at.map(|at| at..at), too_deep());
    }
    let told = error.info();
    let told = if told.is_empty() { "unreadable here".to_owned() } else { told };
    let diagnostic = Diagnostic::error(at.map(|at| at..at), format!("not valid YAML: {told}"));
    let help = SYNTAX_HELP.iter().find(|(part, _)| told.contains(part)).map(|(_, help)| *help);
    match at {
        Some(at) if has_bare_template(source, at) => {
            diagnostic.with_help(format!("a template must be in quotes: {QUOTE_TEMPLATES}"))
        }
        _ => Diagnostic { help: help.map(str::to_owned), ..diagnostic },
    }
}

/// Parts of the parser's messages, and what to do.
const SYNTAX_HELP: [(&str, &str); 5] = [
    ("tab", "YAML is indented with spaces, never with tabs"),
    ("mapping values", "text that holds `: ` must be in quotes, and keys of one map have one indentation"),
    ("unexpected character", "text that begins with this sign must be in quotes"),
    ("unknown escape", "a backslash in double quotes begins an escape; in single quotes it is itself"),
    ("illegal placement of ':'", "a bracket or a quotation mark above may still be open"),
];

/// Says whether a template without quotes begins a value on the line of a byte, or on the line before.
fn has_bare_template(source: &str, at: usize) -> bool {
    let before = &source[..boundary(source, at)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let start = before[..line_start].trim_end().rfind('\n').map_or(0, |at| at + 1);
    let end = source[line_start..].find('\n').map_or(source.len(), |end| line_start + end);
    source[start..end].contains(": {{") || source[start..end].contains("- {{")
}

fn too_deep() -> String {
    format!("nested deeper than {MAX_DEPTH} levels")
}

const QUOTE_TEMPLATES: &str = "write `name: \"{{row.name}}\"`";

/// A list or a map whose end has not been read yet.
enum Open {
    List(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, key: Option<Key>, seen: HashMap<String, Span> },
}

struct Frame {
    open: Open,
    start: usize,
    anchor: usize,
    weight: Weight,
}

/// What a node costs.
#[derive(Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    text: usize,
    /// Levels at and below the node.
    depth: usize,
}

#[derive(Default)]
struct Builder<'a> {
    text: &'a str,
    stack: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, (Node, Weight)>,
    aliases: usize,
    total: Weight,
    documents: usize,
    diagnostics: Vec<Diagnostic>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span, tag_span: Option<Span>) -> Result<(), Diagnostic> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let message = "a second YAML document starts here; a manifest is one document";
                    return Err(Diagnostic::error(Some(span), message).with_help("give each its own file"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let style = self.style(style, tag.as_deref(), tag_span.unwrap_or(span.clone()));
                let weight = Weight { nodes: 1, text: text.len(), depth: 0 };
                let scalar = Scalar { text: text.into_owned(), style, replaced: Vec::new() };
                let node = Node { place: Place::File(span.clone()), kind: Kind::Scalar(scalar) };
                self.count(weight, &span)?;
                self.add(node, anchor, weight)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), tag_span);
                self.open(Open::List(Vec::new()), anchor, &span)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), tag_span);
                let map = Open::Map { entries: Vec::new(), key: None, seen: HashMap::new() };
                self.open(map, anchor, &span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(&span),
            Event::Alias(id) => {
                self.aliases += 1;
                if self.aliases > MAX_ALIASES {
                    return Err(Diagnostic::error(Some(span), format!("more than {MAX_ALIASES} aliases")));
                }
                let Some((_, weight)) = self.anchors.get(&id) else {
                    return Err(Diagnostic::error(Some(span), "this alias stands inside its own anchor"));
                };
                let weight = *weight;
                self.count(weight, &span)?;
                let node = self.anchors[&id].0.clone();
                self.add(node, 0, weight)
            }
            _ => Ok(()),
        }
    }

    fn style(&mut self, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Style {
        let is_text = tag.is_some_and(|tag| {
            tag.core_suffix() == Some("str") || (tag.handle().is_empty() && tag.suffix() == "!")
        });
        if !is_text {
            self.refuse_tag(tag, Some(span));
        }
        match style {
            ScalarStyle::Plain if is_text => Style::Quoted,
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: Option<Span>) {
        if tag.is_some() && self.diagnostics.len() < MAX_REPORTED {
            let message = "YAML tags are not supported, `!!str` aside";
            self.diagnostics.push(Diagnostic::error(span, message).with_help("leave it out"));
        }
    }

    /// Counts before anything is copied, so that an alias bomb costs nothing.
    fn count(&mut self, weight: Weight, span: &Span) -> Result<(), Diagnostic> {
        self.total.nodes += weight.nodes;
        self.total.text += weight.text;
        let refuse = |message: String| Err(Diagnostic::error(Some(span.clone()), message));
        if self.stack.len() + weight.depth > MAX_DEPTH {
            return refuse(too_deep());
        }
        if self.total.nodes > MAX_NODES {
            return refuse(format!("more than {MAX_NODES} values, those repeated by aliases included"));
        }
        if self.total.text > MAX_TEXT {
            return refuse("more than 4 MiB of text, that repeated by aliases included".to_owned());
        }
        Ok(())
    }

    fn open(&mut self, open: Open, anchor: usize, span: &Span) -> Result<(), Diagnostic> {
        let weight = Weight { nodes: 1, text: 0, depth: 1 };
        self.count(weight, span)?;
        self.stack.push(Frame { open, start: span.start, anchor, weight });
        Ok(())
    }

    fn close(&mut self, span: &Span) -> Result<(), Diagnostic> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let kind = match frame.open {
            Open::List(items) => Kind::List(items),
            Open::Map { entries, .. } => Kind::Map(entries),
        };
        let place = Place::File(frame.start..span.end.max(frame.start));
        self.add(Node { place, kind }, frame.anchor, frame.weight)
    }

    /// Puts a finished node where it belongs: as a key, a value, an item, or the root.
    fn add(&mut self, node: Node, anchor: usize, weight: Weight) -> Result<(), Diagnostic> {
        if anchor != 0 {
            self.count(weight, &node.place.span().unwrap_or(0..0))?;
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        frame.weight.nodes += weight.nodes;
        frame.weight.text += weight.text;
        frame.weight.depth = frame.weight.depth.max(weight.depth + 1);
        match &mut frame.open {
            Open::List(items) => items.push(node),
            Open::Map { entries, key, seen } => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(read_key(node, seen, self.text, &mut self.diagnostics)?),
            },
        }
        Ok(())
    }
}

/// Reads a node as the key of a map; a key given twice is a mistake that names both places.
fn read_key(
    node: Node,
    seen: &mut HashMap<String, Span>,
    source: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Key, Diagnostic> {
    let span = node.place.span().unwrap_or(0..0);
    let Kind::Scalar(scalar) = node.kind else {
        if source[..boundary(source, span.start)].ends_with('{') && source[span.start..].starts_with('{') {
            let message = "a template must be in quotes here: YAML reads `{` as the start of a map";
            return Err(Diagnostic::error(Some(span), message).with_help(QUOTE_TEMPLATES));
        }
        return Err(Diagnostic::error(Some(span), "a key must be a single value, not a list or a map"));
    };
    let text = scalar.text;
    if text == "<<" && scalar.style == Style::Plain {
        let message = "merge keys (`<<`) are not part of YAML 1.2 and not supported";
        diagnostics.push(Diagnostic::error(Some(span.clone()), message).with_help("write the keys out"));
    }
    match seen.get(&text) {
        Some(_) if diagnostics.len() >= MAX_REPORTED => {}
        Some(first) => {
            let (line, column) = line_and_column(source, first.start);
            let message = format!("`{text}` is given twice: first on line {line}, column {column}");
            let help = "keep one of the two";
            diagnostics.push(Diagnostic::error(Some(span.clone()), message).with_help(help));
        }
        None => {
            seen.insert(text.clone(), span.clone());
        }
    }
    Ok(Key { text, place: Place::File(span) })
}

/// Gives the line and the column of a byte, both from 1, the column in characters.
fn line_and_column(source: &str, at: usize) -> (usize, usize) {
    let before = &source[..boundary(source, at)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

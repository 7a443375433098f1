//! From Handlebars' tree, as written, to a template as meant: helpers found, names resolved, every surprise refused.

use handlebars::template::{
    BlockParam, HelperTemplate, Parameter, Subexpression, Template as Tree, TemplateElement,
};
use serde_json::Value;

use crate::mapping::error::did_you_mean;
use crate::mapping::helpers::{Absence, HelperDoc, find, helpers};
use crate::mapping::mistake;
use crate::mapping::node::{Block, BlockKind, Body, Call, Local, Node, Path, Start, Term};
use crate::mapping::path::{self, Origin};
use crate::mapping::{Reference, SyntaxError};

/// The block forms.
const BLOCKS: [&str; 5] = ["if", "unless", "each", "with", "raw"];

/// A template as meant.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) body: Body,
    pub(super) references: Vec<Reference>,
    pub(super) variables: Vec<Reference>,
}

/// Compiles a template.
pub(super) fn compile(text: &str) -> Result<Compiled, SyntaxError> {
    let mut compiler =
        Compiler { text, at: 0, frames: vec![], optional: false, references: vec![], variables: vec![] };
    let body = if text.contains("{{") {
        mistake::check_size(text)?;
        let tree = Tree::compile(text).map_err(|error| mistake::explain(text, &error))?;
        compiler.body(&tree)?
    } else if text.is_empty() {
        Body::default()
    } else {
        Body(vec![Node::Text(text.to_owned())])
    };
    Ok(Compiled { body, references: compiler.references, variables: compiler.variables })
}

struct Compiler<'a> {
    text: &'a str,
    /// Where the tag at hand starts, in bytes.
    at: usize,
    /// The enclosing `#each` and `#with`, outermost first.
    frames: Vec<Scoped>,
    /// Whether absence is provided for where we are.
    optional: bool,
    references: Vec<Reference>,
    variables: Vec<Reference>,
}

/// An enclosing `#each` or `#with`.
struct Scoped {
    is_loop: bool,
    /// Where names start from, when that is known at load (`#with row.meta`).
    base: Option<Vec<String>>,
    /// The names of `as |value key|`.
    names: Vec<String>,
}

impl Compiler<'_> {
    fn body(&mut self, tree: &Tree) -> Result<Body, SyntaxError> {
        let mut nodes = Vec::with_capacity(tree.elements.len());
        for (index, element) in tree.elements.iter().enumerate() {
            if let Some(place) = tree.mapping.get(index) {
                self.at = mistake::offset_of(self.text, place.0, place.1);
            }
            match element {
                TemplateElement::RawString(text) => push_text(&mut nodes, text),
                TemplateElement::Comment(_) => {}
                TemplateElement::Expression(tag) | TemplateElement::HtmlExpression(tag) => {
                    nodes.push(Node::Value(self.tag(tag)?));
                }
                TemplateElement::HelperBlock(block) => self.block(block, &mut nodes)?,
                TemplateElement::PartialExpression(_) | TemplateElement::PartialBlock(_) => {
                    return Err(
                        self.refuse("partials (`{{> …}}`) are not supported: there is nothing to include")
                    );
                }
                TemplateElement::DecoratorExpression(_) | TemplateElement::DecoratorBlock(_) => {
                    return Err(self.refuse("decorators (`{{* …}}`) are not supported"));
                }
                _ => return Err(self.refuse("this form can't be read")),
            }
        }
        Ok(Body(nodes))
    }

    fn block(&mut self, block: &HelperTemplate, nodes: &mut Vec<Node>) -> Result<(), SyntaxError> {
        let name = block.name.as_name().unwrap_or_default();
        let kind = match name {
            "if" | "unless" => BlockKind::If { negated: name == "unless", include_zero: false },
            "each" => BlockKind::Each,
            "with" => BlockKind::With,
            "raw" => return self.raw(block, nodes),
            _ => {
                let error = self.refuse(format!("there is no block `#{name}`"));
                return Err(error.maybe_help(did_you_mean(name, BLOCKS)));
            }
        };
        let [subject] = block.params.as_slice() else {
            return Err(self
                .refuse(format!("`#{name}` needs one value, and has {}", block.params.len()))
                .maybe_help(
                    (block.params.len() > 1)
                        .then(|| "write a comparison as a call: `{{#if (eq a b)}}`".to_owned()),
                ));
        };
        let kind = self.block_options(name, kind, block)?;
        let names = self.block_names(name, kind, block.block_param.as_ref())?;
        let known = self.references.len();
        let subject = self.term(subject)?;
        let scoped = matches!(kind, BlockKind::Each | BlockKind::With);
        if scoped {
            // `#with row.meta`: names inside start at a path that is known.
            let named = self.references.get(known).filter(|_| matches!(subject, Term::Path(_)));
            let base = named.filter(|_| kind == BlockKind::With).map(|reference| reference.path.clone());
            self.frames.push(Scoped { is_loop: kind == BlockKind::Each, base, names });
        }
        let body = self.branch(block.template.as_ref())?;
        if scoped {
            self.frames.pop();
        }
        let otherwise = self.branch(block.inverse.as_ref())?;
        nodes.push(Node::Block(Box::new(Block { kind, subject, body, otherwise })));
        Ok(())
    }

    fn branch(&mut self, tree: Option<&Tree>) -> Result<Body, SyntaxError> {
        tree.map_or_else(|| Ok(Body::default()), |tree| self.body(tree))
    }

    /// `{{{{raw}}}} … {{{{/raw}}}}`: text that is not looked at.
    fn raw(&mut self, block: &HelperTemplate, nodes: &mut Vec<Node>) -> Result<(), SyntaxError> {
        if let Some(tree) = &block.template {
            nodes.extend(self.body(tree)?.0);
        }
        Ok(())
    }

    fn block_options(
        &self,
        name: &str,
        kind: BlockKind,
        block: &HelperTemplate,
    ) -> Result<BlockKind, SyntaxError> {
        let mut kind = kind;
        for (option, value) in &block.hash {
            match (&mut kind, option.as_str(), value) {
                (BlockKind::If { include_zero, .. }, "includeZero", Parameter::Literal(Value::Bool(yes))) => {
                    *include_zero = *yes;
                }
                _ => return Err(self.refuse(format!("`#{name}` has no option `{option}`"))),
            }
        }
        Ok(kind)
    }

    fn block_names(
        &self,
        name: &str,
        kind: BlockKind,
        names: Option<&BlockParam>,
    ) -> Result<Vec<String>, SyntaxError> {
        let names: Vec<String> = match names {
            None => vec![],
            Some(BlockParam::Single(one)) => vec![one.as_name().unwrap_or_default().to_owned()],
            Some(BlockParam::Pair((one, two))) => {
                [one, two].map(|name| name.as_name().unwrap_or_default().to_owned()).to_vec()
            }
            Some(_) => return Err(self.refuse(format!("the names of `#{name}` can't be read"))),
        };
        let most = match kind {
            BlockKind::If { .. } => 0,
            BlockKind::With => 1,
            BlockKind::Each => 2,
        };
        if names.len() > most {
            return Err(self.refuse(format!("`#{name}` gives at most {most} names by `as |…|`")));
        }
        Ok(names)
    }

    /// `{{…}}`: a call, or a name.
    fn tag(&mut self, tag: &HelperTemplate) -> Result<Term, SyntaxError> {
        match &tag.name {
            Parameter::Subexpression(call) => self.subexpression(call),
            // Handlebars calls a lone name when a helper has it; none of ours takes no argument.
            Parameter::Path(path) if tag.params.is_empty() && tag.hash.is_empty() => match find(raw(path)) {
                Some(helper) => Err(self.wrong_count(helper, 0)),
                None => self.name(raw(path)).map(Term::Path),
            },
            name => self.call(name.as_name().unwrap_or_default(), tag),
        }
    }

    fn subexpression(&mut self, call: &Subexpression) -> Result<Term, SyntaxError> {
        match call.as_element() {
            TemplateElement::Expression(tag) => self.tag(tag),
            _ => Err(self.refuse("a call in parentheses can't be read")),
        }
    }

    fn call(&mut self, name: &str, tag: &HelperTemplate) -> Result<Term, SyntaxError> {
        let Some(helper) = find(name) else {
            return Err(self.unknown_helper(name));
        };
        let count = tag.params.len();
        if count < helper.arity.0 || count > helper.arity.1 {
            return Err(self.wrong_count(helper, count));
        }
        let outer = self.optional;
        let mut arguments = Vec::with_capacity(count);
        for (index, argument) in tag.params.iter().enumerate() {
            self.optional = outer || (index == 0 && helper.absence == Absence::Allowed);
            arguments.push(self.term(argument)?);
        }
        self.optional = outer;
        let mut options = Vec::with_capacity(tag.hash.len());
        for (option, value) in &tag.hash {
            if !helper.options.contains(&option.as_str()) {
                let error =
                    SyntaxError::at(self.place_of(option), format!("`{name}` has no option `{option}`"));
                return Err(error.help(format!("it is written `{{{{{}}}}}`", helper.signature)));
            }
            options.push((option.clone(), self.term(value)?));
        }
        options.sort_by(|(a, _), (b, _)| a.cmp(b));
        if let ("env", [Term::Literal(Value::String(variable))]) = (name, arguments.as_slice()) {
            let offset = self.place_of(variable);
            self.variables.push(Reference { path: vec![variable.clone()], offset, optional: self.optional });
        }
        Ok(Term::Call(Box::new(Call { helper, arguments, options })))
    }

    fn term(&mut self, parameter: &Parameter) -> Result<Term, SyntaxError> {
        match parameter {
            Parameter::Literal(value) => Ok(Term::Literal(value.clone())),
            Parameter::Subexpression(call) => self.subexpression(call),
            Parameter::Path(path) => self.name(raw(path)).map(Term::Path),
            Parameter::Name(name) => self.name(name).map(Term::Path),
            _ => Err(self.refuse("an argument can't be read")),
        }
    }

    /// Resolves a name to where it starts, and notes it when it starts at a root.
    fn name(&mut self, text: &str) -> Result<Path, SyntaxError> {
        let offset = self.place_of(text);
        let parts = path::parse(text);
        let (start, base) = match parts.origin {
            Origin::Root => (Start::Root, Some(vec![])),
            Origin::Local(up) => (self.local(text, up, &parts.segments, offset)?, None),
            Origin::This(up) => match self.named_by_block(&parts) {
                Some(found) => found,
                None => self.this(text, up, offset)?,
            },
        };
        let taken = usize::from(matches!(parts.origin, Origin::Local(_)) || self.is_block_name(&parts));
        let segments = parts.segments[taken..].to_vec();
        if let Some(mut path) = base {
            path.extend(segments.iter().cloned());
            if path.is_empty() {
                let error = SyntaxError::at(
                    offset,
                    format!("`{text}` means something only inside `#each` and `#with`"),
                );
                return Err(error.help("name what you mean, for instance `row`"));
            }
            self.references.push(Reference { path, offset, optional: self.optional });
        }
        Ok(Path { text: text.to_owned(), start, segments })
    }

    fn is_block_name(&self, parts: &path::Parts) -> bool {
        let Some(first) = parts.segments.first() else { return false };
        parts.origin == Origin::This(0)
            && !parts.explicit
            && self.frames.iter().any(|frame| frame.names.contains(first))
    }

    /// Finds the block that gives a name by `as |…|`.
    fn named_by_block(&self, parts: &path::Parts) -> Option<(Start, Option<Vec<String>>)> {
        if !self.is_block_name(parts) {
            return None;
        }
        let first = parts.segments.first()?;
        let frames = self.frames.iter().rev().enumerate();
        let mut named = frames.filter_map(|(out, frame)| {
            let place = frame.names.iter().position(|name| name == first)?;
            Some(match place {
                0 => (Start::Frame(out), frame.base.clone()),
                _ => (Start::Local(out, Local::KeyOrIndex), None),
            })
        });
        named.next()
    }

    fn this(
        &self,
        text: &str,
        up: usize,
        offset: usize,
    ) -> Result<(Start, Option<Vec<String>>), SyntaxError> {
        let depth = self.frames.len();
        if up > depth {
            let error = SyntaxError::at(offset, format!("`{text}` goes further out than there are blocks"));
            return Err(error.help("only `#each` and `#with` count"));
        }
        let base = match self.frames.iter().rev().nth(up) {
            Some(frame) => frame.base.clone(),
            None => Some(vec![]),
        };
        let start = if up == depth { Start::Root } else { Start::Frame(up) };
        Ok((start, base))
    }

    fn local(&self, text: &str, up: usize, segments: &[String], offset: usize) -> Result<Start, SyntaxError> {
        let local = match segments.first().map(String::as_str) {
            Some("index") => Local::Index,
            Some("key") => Local::Key,
            Some("first") => Local::First,
            Some("last") => Local::Last,
            _ => {
                let error = SyntaxError::at(offset, format!("there is no `{text}`"));
                return Err(error.help("`#each` gives `@index`, `@key`, `@first` and `@last`"));
            }
        };
        // `#with` gives none of these: it passes on those of the `#each` around it.
        let mut outwards = self.frames.iter().rev().enumerate().skip(up);
        match outwards.find(|(_, frame)| frame.is_loop) {
            Some((out, _)) => Ok(Start::Local(out, local)),
            None => Err(SyntaxError::at(offset, format!("`{text}` means something only inside `#each`"))),
        }
    }

    /// Finds a name's place in the tag at hand; the tag's own when it can't be found.
    fn place_of(&self, word: &str) -> usize {
        mistake::find_word(self.text, self.at, word).unwrap_or(self.at)
    }

    fn refuse(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::at(self.at, message)
    }

    fn wrong_count(&self, helper: &HelperDoc, count: usize) -> SyntaxError {
        let needed = match helper.arity {
            (least, most) if least == most => least.to_string(),
            (least, usize::MAX) => format!("at least {least}"),
            (least, most) => format!("{least} to {most}"),
        };
        let arguments = if needed == "1" { "argument" } else { "arguments" };
        let message = format!("`{}` takes {needed} {arguments}, and has {count}", helper.name);
        let error = SyntaxError::at(self.place_of(helper.name), message);
        error.help(format!("it is written `{{{{{}}}}}`: {}", helper.signature, helper.description))
    }

    fn unknown_helper(&self, name: &str) -> SyntaxError {
        let error = SyntaxError::at(self.place_of(name), format!("there is no helper `{name}`"));
        let near = did_you_mean(name, helpers().iter().map(|helper| helper.name));
        error.help(near.unwrap_or_else(|| {
            "a name that has spaces is written in brackets, for instance `{{row.[Customer Name]}}`".to_owned()
        }))
    }
}

fn push_text(nodes: &mut Vec<Node>, text: &str) {
    match nodes.last_mut() {
        _ if text.is_empty() => {}
        Some(Node::Text(before)) => before.push_str(text),
        _ => nodes.push(Node::Text(text.to_owned())),
    }
}

fn raw(path: &handlebars::Path) -> &str {
    match path {
        handlebars::Path::Relative((_, raw)) | handlebars::Path::Local((_, _, raw)) => raw,
    }
}

//! From Handlebars' tree, as written, to a template as meant: helpers found, names resolved, every surprise refused.

use std::borrow::Cow;
use std::collections::BTreeMap;

use handlebars::template::{
    BlockParam, HelperTemplate, Parameter, Subexpression, Template as Tree, TemplateElement,
};
use serde_json::Value;

use crate::mapping::error::did_you_mean;
use crate::mapping::helpers::{Absence, Arguments, HelperDoc, find, helpers};
use crate::mapping::mistake;
use crate::mapping::names::{Frame, Names};
use crate::mapping::node::{Block, BlockKind, Body, Call, Node, Path, Term};
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
    let mut compiler = Compiler {
        text,
        at: 0,
        depth: 0,
        names: Names::default(),
        optional: false,
        references: vec![],
        variables: vec![],
    };
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
    /// How many blocks enclose us.
    depth: usize,
    names: Names,
    /// Whether absence is provided for where we are.
    optional: bool,
    references: Vec<Reference>,
    variables: Vec<Reference>,
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
            // Text that is not looked at: `{{{{raw}}}} … {{{{/raw}}}}`.
            "raw" => {
                nodes.extend(self.branch(block.template.as_ref())?.0);
                return Ok(());
            }
            _ => {
                let error = self.refuse(format!("there is no block `#{name}`"));
                return Err(error.maybe_help(did_you_mean(name, BLOCKS)));
            }
        };
        let [subject] = block.params.as_slice() else {
            let error = self.refuse(format!("`#{name}` needs one value, and has {}", block.params.len()));
            return Err(error.help("a comparison is written as a call: `{{#if (eq row.lang \"en\")}}`"));
        };
        let kind = self.block_options(name, kind, block)?;
        let names = self.block_names(name, kind, block.block_param.as_ref())?;
        let known = self.references.len();
        let subject = self.term(subject)?;
        let scoped = matches!(kind, BlockKind::Each | BlockKind::With);
        if scoped {
            // `#with row.meta`: names inside start at a path that is known.
            let is_known = kind == BlockKind::With && matches!(subject, Term::Path(_));
            let base = self.references.get(known).filter(|_| is_known).map(|known| known.path.clone());
            self.names.enter(Frame { is_loop: kind == BlockKind::Each, base, names });
        }
        let body = self.branch(block.template.as_ref())?;
        if scoped {
            self.names.leave();
        }
        let otherwise = self.branch(block.inverse.as_ref())?;
        nodes.push(Node::Block(Box::new(Block { kind, subject, body, otherwise })));
        Ok(())
    }

    fn branch(&mut self, tree: Option<&Tree>) -> Result<Body, SyntaxError> {
        let Some(tree) = tree else { return Ok(Body::default()) };
        if self.depth == mistake::DEEPEST {
            return Err(mistake::too_deep(self.at));
        }
        self.depth += 1;
        let body = self.body(tree);
        self.depth -= 1;
        body
    }

    fn block_options(
        &self,
        name: &str,
        mut kind: BlockKind,
        block: &HelperTemplate,
    ) -> Result<BlockKind, SyntaxError> {
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
            Parameter::Path(path) if tag.params.is_empty() && tag.hash.is_empty() => {
                match find(written(path)) {
                    Some(helper) => Err(self.wrong_count(helper, 0)),
                    None => self.name(written(path)).map(Term::Path),
                }
            }
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
        let mut hash: Vec<_> = tag.hash.iter().collect();
        hash.sort_by_key(|(option, _)| *option);
        for (option, value) in hash {
            if !helper.options.contains(&option.as_str()) {
                let error =
                    SyntaxError::at(self.place_of(option), format!("`{name}` has no option `{option}`"));
                return Err(error.help(how_to_write(helper)));
            }
            options.push((option.clone(), self.term(value)?));
        }
        self.try_literals(helper, &arguments, &options)?;
        if let ("env", [Term::Literal(Value::String(variable))]) = (name, arguments.as_slice()) {
            let offset = self.place_of(variable);
            self.variables.push(Reference { path: vec![variable.clone()], offset, optional: self.optional });
        }
        Ok(Term::Call(Box::new(Call { helper, arguments, options })))
    }

    /// Tries a call whose other arguments are literals: what is wrong with those would be wrong in every row.
    fn try_literals(
        &self,
        helper: &HelperDoc,
        arguments: &[Term],
        options: &[(String, Term)],
    ) -> Result<(), SyntaxError> {
        let Some(sample) = helper.sample else { return Ok(()) };
        let mut values = vec![Cow::Owned(sample.into())];
        let mut named = Vec::with_capacity(options.len());
        for argument in arguments.iter().skip(1) {
            let Term::Literal(value) = argument else { return Ok(()) };
            values.push(Cow::Borrowed(value));
        }
        for (name, option) in options {
            let Term::Literal(value) = option else { return Ok(()) };
            named.push((name.as_str(), Cow::Borrowed(value)));
        }
        let tried = helper.call(&Arguments { values: &values, options: &named, env: &BTreeMap::new() });
        tried.map(drop).map_err(|wrong| {
            let error = SyntaxError::at(self.place_of(helper.name), format!("`{}`: {wrong}", helper.name));
            error.help(how_to_write(helper))
        })
    }

    fn term(&mut self, parameter: &Parameter) -> Result<Term, SyntaxError> {
        match parameter {
            Parameter::Literal(value) if is_inexact(value) => Err(self
                .refuse(format!("{value} is larger than a number can be exactly"))
                .help("put it in quotes")),
            Parameter::Literal(value) => Ok(Term::Literal(value.clone())),
            Parameter::Subexpression(call) => self.subexpression(call),
            Parameter::Path(path) => self.name(written(path)).map(Term::Path),
            Parameter::Name(name) => self.name(name).map(Term::Path),
            _ => Err(self.refuse("an argument can't be read")),
        }
    }

    /// Resolves a name, and notes it when its path from the roots is known.
    fn name(&mut self, text: &str) -> Result<Path, SyntaxError> {
        let offset = self.place_of(text);
        let resolved = self.names.resolve(text, offset)?;
        if let Some(path) = resolved.reference {
            self.references.push(Reference { path, offset, optional: self.optional });
        }
        Ok(resolved.path)
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
        error.help(how_to_write(helper))
    }

    fn unknown_helper(&self, name: &str) -> SyntaxError {
        let error = SyntaxError::at(self.place_of(name), format!("there is no helper `{name}`"));
        let near = did_you_mean(name, helpers().iter().map(|helper| helper.name));
        error.help(near.unwrap_or_else(|| {
            "a name that has spaces is written in brackets, for instance `{{row.[Customer Name]}}`".to_owned()
        }))
    }
}

/// Says whether a whole number's last digits were lost on the way here: more than 64 bits became a float.
fn is_inexact(value: &Value) -> bool {
    value.is_f64() && value.as_f64().is_some_and(|float| float.fract() == 0.0 && float.abs() >= 1e15)
}

fn how_to_write(helper: &HelperDoc) -> String {
    format!("it is written `{{{{{}}}}}`: {}", helper.signature, helper.description)
}

fn push_text(nodes: &mut Vec<Node>, text: &str) {
    match nodes.last_mut() {
        _ if text.is_empty() => {}
        Some(Node::Text(before)) => before.push_str(text),
        _ => nodes.push(Node::Text(text.to_owned())),
    }
}

/// Gives a path as it is written.
fn written(path: &handlebars::Path) -> &str {
    match path {
        handlebars::Path::Relative((_, raw)) | handlebars::Path::Local((_, _, raw)) => raw,
    }
}

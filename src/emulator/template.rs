//! The output of a definition: any JSON shape whose strings are templates.

use serde_json::{Map, Value};

use crate::mapping::{Reference, Scope, Template};

/// An output rule.
#[derive(Clone, Debug)]
pub(super) enum OutputTemplate {
    Literal(Value),
    Text(Template),
    List(Vec<OutputTemplate>),
    Map(Vec<(String, OutputTemplate)>),
}

impl OutputTemplate {
    /// Compiles the templates of a JSON shape; `known` says whether a name that one refers to has a value.
    pub(super) fn parse(shape: &Value, known: &impl Fn(&Reference) -> bool) -> Result<Self, String> {
        Ok(match shape {
            Value::String(text) if text.contains("{{") => Self::Text(compile(text, known)?),
            Value::Array(items) => {
                Self::List(items.iter().map(|item| Self::parse(item, known)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let member = |(name, member): (&String, &Value)| {
                    let member =
                        Self::parse(member, known).map_err(|message| format!("{name}: {message}"))?;
                    Ok((name.clone(), member))
                };
                Self::Map(members.iter().map(member).collect::<Result<_, String>>()?)
            }
            literal => Self::Literal(literal.clone()),
        })
    }

    /// Renders to JSON.
    pub(super) fn render(&self, scope: &Scope) -> Result<Value, String> {
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::Text(template) => template.render(scope).map_err(|error| error.to_string())?,
            Self::List(items) => {
                Value::Array(items.iter().map(|item| item.render(scope)).collect::<Result<_, _>>()?)
            }
            Self::Map(members) => {
                let mut map = Map::with_capacity(members.len());
                for (name, member) in members {
                    map.insert(name.clone(), member.render(scope)?);
                }
                Value::Object(map)
            }
        })
    }
}

fn compile(text: &str, known: &impl Fn(&Reference) -> bool) -> Result<Template, String> {
    let template = Template::parse(text).map_err(|error| match error.help {
        Some(help) => format!("{} ({help})", error.message),
        None => error.message,
    })?;
    if let Some(variable) = template.variables().first() {
        return Err(format!("`env \"{}\"` can't be read here", variable.path.join(".")));
    }
    match template.references().iter().find(|reference| !reference.optional && !known(reference)) {
        Some(unknown) => Err(format!(
            "`{}` has no value: templates see input.*, choose.*, user_id and run.number",
            unknown.path.join(".")
        )),
        None => Ok(template),
    }
}

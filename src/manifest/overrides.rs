//! `--set key.path=value`: puts nodes into the tree before it is read, so that they are checked like the others.

use std::sync::Arc;

use crate::manifest::Diagnostic;
use crate::manifest::mask::{has_credentials, is_secret_name};
use crate::manifest::read::WORKFLOW_KEYS;
use crate::manifest::tree::{self, Key, Kind, Node, Place, Scalar, Style};

/// Keys in a path at most.
const MAX_SEGMENTS: usize = 16;

/// Puts one value into the tree.
pub(super) fn set(root: &mut Node, path: &str, value: &str) -> Result<(), Diagnostic> {
    let (node, flag) = value_node(path, value)?;
    let place = Place::Flag(flag);
    let segments: Vec<&str> = path.split('.').collect();
    if segments.iter().any(|segment| segment.is_empty()) || segments.len() > MAX_SEGMENTS {
        return Err(place.error("a key path looks like `limits.concurrency`"));
    }
    if segments[0] == "extends" {
        let help = "`--overlay NAME` puts a file of yours onto it";
        return Err(place.error("which files a manifest rests on stands in it alone").with_help(help));
    }
    let mut at = root;
    for (depth, segment) in segments.iter().enumerate() {
        at = step(at, &segments[..depth].join("."), segment, &place)?;
    }
    *at = node;
    Ok(())
}

/// Goes one key down, or into an item of a list; what is missing is added. `done` is the path so far.
fn step<'a>(at: &'a mut Node, done: &str, segment: &str, place: &Place) -> Result<&'a mut Node, Diagnostic> {
    if let Kind::Scalar(scalar) = &at.kind {
        if scalar.is_null() {
            at.kind = Kind::Map(Vec::new());
        } else if done == "dataset" {
            // `dataset: tickets.csv` is short for a map with a path.
            let key = Key { text: "path".to_owned(), place: at.place.clone() };
            at.kind = Kind::Map(vec![(key, at.clone())]);
        } else if done == "limits.concurrency" {
            // `concurrency: 8` is short for a map with a ceiling.
            let key = Key { text: "max".to_owned(), place: at.place.clone() };
            at.kind = Kind::Map(vec![(key, at.clone())]);
        }
    }
    match &mut at.kind {
        Kind::Map(entries) => {
            let found = entries.iter().position(|(key, _)| key.text == segment);
            let found = found.unwrap_or_else(|| {
                let key = Key { text: segment.to_owned(), place: place.clone() };
                entries.push((key, Node { place: place.clone(), kind: Kind::Map(Vec::new()) }));
                entries.len() - 1
            });
            Ok(&mut entries[found].1)
        }
        Kind::List(items) => {
            let count = items.len();
            let item = segment.parse::<usize>().ok().and_then(|index| items.get_mut(index));
            item.ok_or_else(|| place.error(format!("`{done}` is a list of {count}, counted from 0")))
        }
        Kind::Scalar(_) | Kind::Broken => {
            Err(place.error(format!("`{done}` is a single value and has no keys")))
        }
    }
}

/// Reads the value as YAML, and gives the option in words that may be shown.
fn value_node(path: &str, value: &str) -> Result<(Node, Arc<str>), Diagnostic> {
    // A key of `workflow` that does not exist may be a misspelt `api_key`.
    let is_unknown = path
        .strip_prefix("workflow.")
        .is_some_and(|rest| !rest.split('.').next().is_some_and(|key| WORKFLOW_KEYS.contains(&key)));
    let is_secret = is_unknown || path.split('.').any(is_secret_name) || has_credentials(value);
    if value.trim().is_empty() {
        let flag: Arc<str> = format!("--set {path}=").into();
        let null = Scalar { text: String::new(), style: Style::Plain, replaced: Vec::new() };
        return Ok((Node { place: Place::Flag(flag.clone()), kind: Kind::Scalar(null) }, flag));
    }
    let shown = |is_scalar: bool| -> Arc<str> {
        let shown = match () {
            () if is_secret => "[secret]",
            // A map may hold a secret deep inside.
            () if !is_scalar || value.len() > 60 => "…",
            () => value,
        };
        format!("--set {path}={shown}").into()
    };
    if value.starts_with("{{") {
        // YAML would read a map; nobody means one.
        let flag = shown(true);
        let text = Scalar { text: value.to_owned(), style: Style::Quoted, replaced: Vec::new() };
        return Ok((Node { place: Place::Flag(flag.clone()), kind: Kind::Scalar(text) }, flag));
    }
    let (mut node, diagnostics) = tree::parse(value)
        .map_err(|mistake| Diagnostic::error(None, format!("{}: {}", shown(false), mistake.message)))?;
    let flag = shown(matches!(node.kind, Kind::Scalar(_)));
    if let Some(mistake) = diagnostics.into_iter().next() {
        return Err(Diagnostic { span: None, message: format!("{flag}: {}", mistake.message), ..mistake });
    }
    move_to(&mut node, &Place::Flag(flag.clone()));
    Ok((node, flag))
}

fn move_to(node: &mut Node, place: &Place) {
    node.place = place.clone();
    match &mut node.kind {
        Kind::Scalar(_) | Kind::Broken => {}
        Kind::List(items) => items.iter_mut().for_each(|item| move_to(item, place)),
        Kind::Map(entries) => {
            for (key, value) in entries {
                key.place = place.clone();
                move_to(value, place);
            }
        }
    }
}

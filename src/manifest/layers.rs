//! Layers: the files that a manifest rests on (`extends`) and those that change it (overlays), read and merged into one
//! tree before anything in it is looked at. Every node keeps its place, and so its file.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::manifest::load::folder_of;
use crate::manifest::merge::merge;
use crate::manifest::names::{did_you_mean, is_overlay_name};
use crate::manifest::read::{KEPT, WORKFLOW_KEYS};
use crate::manifest::tree::{self, Key, Kind, Node, Place};
use crate::manifest::written::written;
use crate::manifest::{Diagnostic, Diagnostics, KeptFile, Overrides, Texts, files, mask};

/// Files that rest on one another at most.
const MAX_DEPTH: usize = 8;
/// Layers of one manifest at most.
const MAX_LAYERS: usize = 32;

/// A file that a manifest rests on, or that changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The file, and the name that a run keeps its copy under.
    pub file: KeptFile,
    /// Whether it changes the manifest, and lies above it.
    pub is_overlay: bool,
}

/// A manifest with all its layers.
pub(super) struct Layered {
    pub(super) root: Node,
    pub(super) texts: Texts,
    /// The same with stars where a secret was written out.
    pub(super) masked: Texts,
    /// The layers, lowest first.
    pub(super) layers: Vec<Layer>,
    /// Mistakes that leave something to go on with.
    pub(super) mistakes: Vec<Diagnostic>,
    /// Secrets that are written out in one of the files, those that the merged tree has too.
    pub(super) written: Vec<Diagnostic>,
}

/// Gives all files that a run keeps.
pub(super) fn kept(layers: &[Layer], mut files: Vec<KeptFile>) -> Vec<KeptFile> {
    files.extend(layers.iter().map(|layer| layer.file.clone()));
    files
}

/// Reads a manifest's text with all its layers, and merges them. The error is a file that can't be read as YAML.
pub(super) fn read(
    path: &Path,
    source: &str,
    folder: &Path,
    overrides: &Overrides,
) -> Result<Layered, Diagnostics> {
    let is_frozen = overrides.folder.is_some();
    let mut reading = Reading {
        copies: path.parent().filter(|_| is_frozen).map(|folder| folder.join(KEPT)),
        texts: Texts::default(),
        masked: Texts::default(),
        layers: Vec::new(),
        read: HashMap::new(),
        // A run's own copy is no base's: a base may well be called `manifest.yaml` itself.
        chain: vec![plain(path)],
        mistakes: Vec::new(),
        written: Vec::new(),
    };
    let shown = path.display().to_string();
    let merged = reading.whole(path, source, folder, &overrides.overlays);
    let Reading { texts, masked, layers, mistakes, written, .. } = reading;
    match merged {
        Ok(root) => Ok(Layered { root, texts, masked, layers, mistakes, written }),
        Err(mistake) => {
            // What has no place has no text of its own either, and names its file.
            let message = match mistake.span {
                None => format!("{shown}: {}", mistake.message),
                Some(_) => mistake.message,
            };
            Err(Diagnostics::new(shown, masked, vec![Diagnostic { message, ..mistake }]))
        }
    }
}

struct Reading {
    /// The folder with a run's copies, when it is a run's manifest that is read.
    copies: Option<PathBuf>,
    texts: Texts,
    masked: Texts,
    layers: Vec<Layer>,
    /// The trees of bases, by their paths: one that several files rest on is read once.
    read: HashMap<PathBuf, Node>,
    /// The files that are being read, each of which rests on the next.
    chain: Vec<PathBuf>,
    mistakes: Vec<Diagnostic>,
    /// Secrets that are written out in one of the files.
    written: Vec<Diagnostic>,
}

impl Reading {
    fn whole(
        &mut self,
        path: &Path,
        source: &str,
        folder: &Path,
        overlays: &[String],
    ) -> Result<Node, Diagnostic> {
        let root = self.parse(path.display().to_string(), folder, source)?;
        let mut root = self.with_bases(root, folder)?;
        for name in overlays {
            if let Some(over) = self.overlay(path, folder, name)? {
                root = merge(root, over);
            }
        }
        Ok(root)
    }

    /// Parses a file's text, and puts it behind the others.
    fn parse(&mut self, shown: String, folder: &Path, source: &str) -> Result<Node, Diagnostic> {
        let parsed = tree::parse(source);
        let masked = match &parsed {
            Ok((root, _)) => mask::mask(source, root, &WORKFLOW_KEYS),
            Err(_) => mask::mask_unparsed(source),
        };
        let is_first = self.chain.len() == 1 && self.layers.is_empty();
        let named = shown.clone();
        self.masked.push(shown.clone(), folder.to_owned(), &masked);
        let start = self.texts.push(shown, folder.to_owned(), source);
        let moved = |mistake: Diagnostic| Diagnostic {
            span: mistake.span.map(|span| span.start + start..span.end + start),
            ..mistake
        };
        let (mut root, mistakes) = parsed.map_err(|mistake| match mistake.span {
            None if !is_first => Diagnostic { message: format!("{named}: {}", mistake.message), ..mistake },
            _ => moved(mistake),
        })?;
        self.mistakes.extend(mistakes.into_iter().map(moved));
        if start > 0 {
            shift(&mut root, start);
        }
        // Each file is kept as it is, so a key that a higher layer replaces would be kept too.
        self.written.extend(written(&root));
        Ok(root)
    }

    /// Puts a file's tree onto those that it rests on.
    fn with_bases(&mut self, mut root: Node, folder: &Path) -> Result<Node, Diagnostic> {
        let mut lower: Option<Node> = None;
        for (text, place) in self.extended(&mut root) {
            let Some(base) = self.base(&text, &place, folder)? else { continue };
            lower = Some(match lower {
                Some(lower) => merge(lower, base),
                None => base,
            });
        }
        Ok(match lower {
            // A tree that is no map is told of as a whole, and hides nothing.
            Some(lower) if matches!(root.kind, Kind::Map(_)) => merge(lower, root),
            _ => root,
        })
    }

    /// Gives the paths that `extends` names, with their places.
    fn extended(&mut self, root: &mut Node) -> Vec<(String, Place)> {
        let Kind::Map(entries) = &root.kind else { return Vec::new() };
        let Some((_, node)) = entries.iter().find(|(key, _)| key.text == "extends") else {
            return Vec::new();
        };
        let items = match &node.kind {
            Kind::List(items) if !items.is_empty() => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut found = Vec::new();
        for item in items {
            let told = match &item.kind {
                Kind::Scalar(scalar) if scalar.is_null() || scalar.text.trim().is_empty() => "has no value",
                Kind::Scalar(scalar) if scalar.text.contains("${") => {
                    "may not depend on the environment: `--overlay` chooses between files"
                }
                Kind::Scalar(scalar) => {
                    found.push((scalar.text.clone(), item.place.clone()));
                    continue;
                }
                Kind::Broken => continue,
                Kind::List(_) | Kind::Map(_) => "must be a path, or a list of paths",
            };
            let help = "name a file, relative to this one: `extends: base.yaml`";
            self.mistakes.push(item.place.error(format!("`extends` {told}")).with_help(help));
        }
        found
    }

    /// Reads a base with all that it rests on; none when there is none to read, which has been reported.
    fn base(&mut self, text: &str, place: &Place, folder: &Path) -> Result<Option<Node>, Diagnostic> {
        let path = files::resolve(folder, text);
        let key = plain(&path);
        if let Some(at) = self.chain.iter().position(|open| *open == key) {
            let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let names: Vec<_> = self.chain[at..].iter().chain([&key]).map(name).collect();
            let told = format!("`extends` goes in a circle: {}", names.join(" → "));
            let help = "take one of these `extends` out";
            self.mistakes.push(place.error(told).with_help(help));
            return Ok(None);
        }
        if let Some(known) = self.read.get(&key) {
            return Ok(Some(known.clone()));
        }
        if self.chain.len() > MAX_DEPTH {
            self.mistakes.push(place.error(format!("`extends` goes deeper than {MAX_DEPTH} files")));
            return Ok(None);
        }
        let Some((index, root)) = self.layer(&path, place)? else { return Ok(None) };
        let own = folder_of(&path);
        self.chain.push(key.clone());
        let root = self.with_bases(root, &own);
        self.chain.pop();
        let mut root = root?;
        self.end(index);
        take_version(&mut root, &mut self.mistakes);
        self.read.insert(key, root.clone());
        Ok(Some(root))
    }

    /// A base lies above all that it rests on, which was read after it.
    fn end(&mut self, index: usize) {
        let layer = self.layers.remove(index);
        self.layers.push(layer);
    }

    /// Reads the overlay of this name.
    fn overlay(&mut self, path: &Path, folder: &Path, name: &str) -> Result<Option<Node>, Diagnostic> {
        let place = Place::Flag(format!("--overlay {name}").into());
        if !is_overlay_name(name) {
            let help = "letters, digits, `-` and `_`: `--overlay prod` reads manifest.prod.yaml beside manifest.yaml";
            self.mistakes.push(place.error("is no name that an overlay can have").with_help(help));
            return Ok(None);
        }
        let file = overlay_of(path, name);
        // The run's own copy is found without it.
        let beside = files::resolve(folder, &file);
        if self.copies.is_none() && !beside.exists() {
            let told = format!("there is no `{}`", beside.display());
            self.mistakes.push(place.error(told).with_help(overlays_beside(path, name)));
            return Ok(None);
        }
        let Some((index, mut root)) = self.layer(&beside, &place)? else {
            return Ok(None);
        };
        self.layers[index].is_overlay = true;
        if let Kind::Map(entries) = &mut root.kind {
            for (key, _) in entries.extract_if(.., |(key, _)| key.text == "extends") {
                let help = "let the manifest extend it, or name a second overlay";
                self.mistakes.push(key.place.error("an overlay extends nothing").with_help(help));
            }
        }
        take_version(&mut root, &mut self.mistakes);
        Ok(Some(root))
    }

    /// Reads a file that is a layer; a run's own copy, when there is one.
    fn layer(&mut self, path: &Path, place: &Place) -> Result<Option<(usize, Node)>, Diagnostic> {
        let index = self.layers.len();
        if index >= MAX_LAYERS {
            self.mistakes.push(place.error(format!("more than {MAX_LAYERS} files in all")));
            return Ok(None);
        }
        let name = format!("layer-{}.yaml", index + 1);
        let from = self.copies.as_ref().map_or_else(|| path.to_owned(), |copies| copies.join(&name));
        let read = files::read_manifest(&from);
        let decoded = read.and_then(|bytes| Ok((files::decode(&bytes)?.to_owned(), bytes)));
        let (text, bytes) = match decoded {
            Ok(read) => read,
            Err((message, help)) => {
                let told = match &place {
                    Place::File(_) => message,
                    Place::Flag(_) => format!("{}: {message}", from.display()),
                };
                self.mistakes.push(Diagnostic { help, ..place.error(told) });
                return Ok(None);
            }
        };
        self.layers.push(Layer { file: KeptFile { name, path: path.to_owned(), bytes }, is_overlay: false });
        let root = self.parse(from.display().to_string(), &folder_of(path), &text)?;
        if !matches!(root.kind, Kind::Map(_)) {
            let told = format!("a manifest is a map of keys and values, not {}", root.noun());
            self.mistakes.push(root.place.error(told));
            return Ok(None);
        }
        Ok(Some((index, root)))
    }
}

/// A layer may say the language's version too, and must then mean the same; `extends` is the business of its file.
fn take_version(root: &mut Node, mistakes: &mut Vec<Diagnostic>) {
    let Kind::Map(entries) = &mut root.kind else { return };
    entries.retain(|(key, _)| key.text != "extends");
    let Some((Key { .. }, node)) = entries.iter().find(|(key, _)| key.text == "version") else { return };
    if let Kind::Scalar(scalar) = &node.kind
        && scalar.whole().is_some_and(|version| version != 1)
    {
        let told = format!("`version` is {}, and this flowbatch knows version 1", scalar.text);
        let help = "write `version: 1`, or use a newer flowbatch";
        mistakes.push(node.place.error(told).with_help(help));
    }
}

/// Gives the name of an overlay's file: `triage.prod.yaml` of `triage.yaml`.
fn overlay_of(path: &Path, name: &str) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map_or_else(|| "yaml".into(), |text| text.to_string_lossy());
    format!("{stem}.{name}.{extension}")
}

/// Says which overlays there are.
fn overlays_beside(path: &Path, wanted: &str) -> String {
    let (begin, end) = (overlay_of(path, "\0"), '\0');
    let (begin, end) = begin.split_once(end).unwrap_or_default();
    let name = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let name = name.strip_prefix(begin)?.strip_suffix(end)?;
        is_overlay_name(name).then(|| name.to_owned())
    };
    let entries = fs::read_dir(folder_of(path)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(name).collect();
    names.sort_unstable();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names.as_slice() {
        [] => format!("the manifest has no overlays: one is a file `{begin}NAME{end}` beside it"),
        names => did_you_mean(wanted, names),
    }
}

/// Moves a tree's places, because its text stands behind others.
fn shift(node: &mut Node, by: usize) {
    let moved = |place: &mut Place| {
        if let Place::File(span) = place {
            *span = span.start + by..span.end + by;
        }
    };
    moved(&mut node.place);
    match &mut node.kind {
        Kind::Scalar(_) | Kind::Broken => {}
        Kind::List(items) => items.iter_mut().for_each(|item| shift(item, by)),
        Kind::Map(entries) => {
            for (key, value) in entries {
                moved(&mut key.place);
                shift(value, by);
            }
        }
    }
}

/// Gives a path from the root, without `.` and `..`, by its names alone: what it is must not depend on the disk, since
/// a run's layers are read again when they are gone.
fn plain(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut found = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                found.pop();
            }
            Component::CurDir => {}
            part => found.push(part),
        }
    }
    found
}

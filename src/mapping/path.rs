//! A path as Handlebars writes it: `row.n`, `row.[Customer Name]`, `../x`, `@root.row.n`, `@index`.

/// Where a path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// At all names: `@root.…`.
    Root,
    /// At what the enclosing block looks at, so many blocks further out (`../`).
    This(usize),
    /// At a name that the enclosing block sets (`@index`), so many blocks further out.
    Local(usize),
}

/// A path's parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) origin: Origin,
    /// Whether it names the context itself (`this.x`, `./x`), so that it is no name of a block's parameter.
    pub(super) explicit: bool,
    /// Literal segments without their brackets.
    pub(super) segments: Vec<String>,
}

/// Takes a path apart. The text is one that Handlebars' grammar took for a path.
pub(super) fn parse(text: &str) -> Parts {
    let mut rest = text;
    let mut explicit = false;
    let skip = |rest: &mut &str, prefixes: &[&str]| {
        let stripped = prefixes.iter().find_map(|prefix| rest.strip_prefix(prefix));
        stripped.inspect(|after| *rest = after).is_some()
    };
    if skip(&mut rest, &["this.", "this/", "./"]) {
        explicit = true;
    }
    let root = skip(&mut rest, &["@root.", "@root/"]);
    let local = !root && skip(&mut rest, &["@"]);
    let mut up = 0;
    while skip(&mut rest, &["../", "..."]) {
        up += 1;
    }
    let mut segments = segments(rest);
    // A bare `this` is the context itself; `[this]` is a name, as everywhere.
    if !root && !local && (rest == "this" || rest.starts_with("this.") || rest.starts_with("this/")) {
        segments.remove(0);
        explicit = true;
    }
    let origin = match (root, local) {
        (true, _) => Origin::Root,
        (_, true) => Origin::Local(up),
        _ => Origin::This(up),
    };
    Parts { origin, explicit, segments }
}

fn segments(text: &str) -> Vec<String> {
    let mut segments = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (segment, after) = match rest.strip_prefix('[') {
            Some(literal) => literal.split_once(']').unwrap_or((literal, "")),
            None => rest.split_at(rest.find(['.', '/']).unwrap_or(rest.len())),
        };
        segments.push(segment.to_owned());
        rest = after.strip_prefix(['.', '/']).unwrap_or(after);
    }
    segments
}

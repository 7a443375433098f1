//! How one tree is put onto another: what a layer says goes before what lies below it.

use crate::manifest::tree::{Key, Kind, Node};

/// Puts a tree onto another. Two maps are merged key by key; anything else replaces what lies below, lists included; and
/// `null` takes out what lies below. A check is one thing: one of the same name replaces it as a whole.
pub(super) fn merge(lower: Node, upper: Node) -> Node {
    at(lower, upper, &mut Vec::new())
}

fn at(mut lower: Node, upper: Node, path: &mut Vec<String>) -> Node {
    if let (Kind::Scalar(_) | Kind::List(_), Kind::Map(_)) = (&lower.kind, &upper.kind)
        && let Some(key) = short_for(path)
    {
        let key = Key { text: key.to_owned(), place: lower.place.clone() };
        lower = Node { place: lower.place.clone(), kind: Kind::Map(vec![(key, lower)]) };
    }
    match (lower.kind, upper.kind) {
        (Kind::Map(below), Kind::Map(above)) if !is_whole(path) => {
            Node { place: upper.place, kind: Kind::Map(maps(below, above, path)) }
        }
        (_, kind) => Node { place: upper.place, kind },
    }
}

fn maps(mut below: Vec<(Key, Node)>, above: Vec<(Key, Node)>, path: &mut Vec<String>) -> Vec<(Key, Node)> {
    for (key, value) in above {
        let Some(found) = below.iter().position(|(other, _)| other.text == key.text) else {
            below.push((key, value));
            continue;
        };
        let (_, lower) = below.remove(found);
        if matches!(&value.kind, Kind::Scalar(scalar) if scalar.is_null()) {
            continue;
        }
        path.push(key.text.clone());
        let merged = at(lower, value, path);
        path.pop();
        below.insert(found, (key, merged));
    }
    below
}

/// Gives the key that a single value at this path is short for.
fn short_for(path: &[String]) -> Option<&'static str> {
    match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["dataset"] => Some("path"),
        ["limits", "concurrency"] => Some("max"),
        _ => None,
    }
}

fn is_whole(path: &[String]) -> bool {
    matches!(path, [checks, _] if checks == "checks")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::scalar::to_json;
    use crate::manifest::tree;

    fn check(lower: &str, upper: &str, expected: &str) {
        let parse = |text: &str| tree::parse(text).unwrap().0;
        let merged = merge(parse(lower), parse(upper));
        // The order of keys counts too: it is that of the input.
        let (merged, expected) = (to_json(&merged).unwrap(), to_json(&parse(expected)).unwrap());
        assert_eq!(merged.to_string(), expected.to_string(), "{lower} under {upper}");
    }

    #[test]
    fn maps_are_merged_by_key_and_all_else_is_replaced() {
        check("{a: 1, b: 2}", "{b: 3, c: 4}", "{a: 1, b: 3, c: 4}");
        check("{a: {b: {c: 1, d: 2}}}", "{a: {b: {d: 3}}}", "{a: {b: {c: 1, d: 3}}}");
        check("{a: [1, 2, 3]}", "{a: [4]}", "{a: [4]}");
        check("{a: {b: 1}}", "{a: 2}", "{a: 2}");
        check("{a: 2}", "{a: {b: 1}}", "{a: {b: 1}}");
        check("{gates: [x, y]}", "{gates: [z]}", "{gates: [z]}");
    }

    #[test]
    fn null_takes_out_what_lies_below_and_is_itself_where_nothing_does() {
        check("{a: 1, b: 2}", "{a: null}", "{b: 2}");
        check("{a: {b: 1, c: 2}}", "{a: {b: ~}}", "{a: {c: 2}}");
        check("{a: [1]}", "{a: }", "{}");
        check("{a: 1}", "{b: null}", "{a: 1, b: null}");
        check("{a: 1}", "{a: 'null'}", "{a: 'null'}");
    }

    #[test]
    fn a_check_of_the_same_name_replaces_the_other_as_a_whole() {
        check(
            "{checks: {a: {equals: x, weight: 2}, b: {equals: y}}}",
            "{checks: {a: {contains: z}, c: {equals: w}}}",
            "{checks: {a: {contains: z}, b: {equals: y}, c: {equals: w}}}",
        );
        check("{checks: {a: {equals: x}}}", "{checks: {a: null}}", "{checks: {}}");
    }

    #[test]
    fn a_short_form_below_is_the_map_that_it_is_short_for() {
        check("{dataset: a.csv}", "{dataset: {key: id}}", "{dataset: {path: a.csv, key: id}}");
        check("{dataset: [a, b]}", "{dataset: {key: id}}", "{dataset: {path: [a, b], key: id}}");
        check("{dataset: {path: a.csv, key: id}}", "{dataset: b.csv}", "{dataset: b.csv}");
        check(
            "{limits: {concurrency: 8}}",
            "{limits: {concurrency: {adaptive: true}}}",
            "{limits: {concurrency: {max: 8, adaptive: true}}}",
        );
    }
}

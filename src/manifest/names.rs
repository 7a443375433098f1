//! Names: which is meant when one is misspelt, and which may name a manifest.

/// Gives the candidate that is nearest to a misspelt name, if one is near.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let wanted = folded(name);
    // A name of hundreds of letters is no typing mistake, and comparing it would take long.
    let allowed = match wanted.chars().count() {
        0 | 65.. => return None,
        1..=3 => 1,
        4..=7 => 2,
        _ => 3,
    };
    let candidates: Vec<&str> = candidates.into_iter().filter(|candidate| candidate.len() <= 256).collect();
    let begun =
        || candidates.iter().copied().find(|candidate| wanted.len() >= 3 && candidate.starts_with(&wanted));
    candidates
        .iter()
        .map(|candidate| (strsim::osa_distance(&wanted, &folded(candidate)), *candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
        .or_else(begun)
}

/// Gives the help for a misspelt name: what was meant, else what there is.
pub(super) fn did_you_mean(name: &str, candidates: &[&str]) -> String {
    match nearest(name, candidates.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("one of {}", listed(candidates)),
    }
}

/// Lists names, a dozen at most.
pub(super) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 12;
    let text =
        names.iter().take(SHOWN).map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{text} and {} more", names.len() - SHOWN) } else { text }
}

/// Gives the start of a text that may be a whole document.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Says what is wrong with a manifest's name, which becomes the name of a folder on every system.
pub(super) fn wrong_name(name: &str) -> Option<&'static str> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let stem = name.split('.').next().unwrap_or(name).to_ascii_uppercase();
    let numbered = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    if name.is_empty() {
        Some("is empty")
    } else if !name.chars().all(is_allowed) {
        Some("may have only the letters a to z and A to Z, digits, `-`, `_` and `.`")
    } else if name.len() > 80 {
        Some("has more than 80 characters")
    } else if name.ends_with('.') {
        Some("ends with a dot, which is no folder name on Windows")
    } else if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || numbered.is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit() && b != b'0'))
    {
        Some("is the name of a device on Windows")
    } else {
        None
    }
}

/// Says whether a name can name an overlay, and so be a part of a file's name.
pub(super) fn is_overlay_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Says whether a name can stand in a template's path without brackets, such as `vars.NAME`.
pub(super) fn is_plain_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && letters.all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_meant_if_it_is_near() {
        let names = ["concurrency", "timeout", "retry", "n"];
        for (name, meant) in [
            ("concurency", Some("concurrency")),
            ("Timeout", Some("timeout")),
            ("time-out", Some("timeout")),
            ("rtry", Some("retry")),
            ("conc", Some("concurrency")),
            ("x", None),
            ("budget", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, names), meant, "{name}");
        }
        assert_eq!(nearest(&"x".repeat(1_000_000), names), None);
    }

    #[test]
    fn a_manifest_has_a_name_that_every_system_takes_for_a_folder() {
        for name in ["support-triage", "a", "A_1.2", "console", "com10", "..a"] {
            assert_eq!(wrong_name(name), None, "{name}");
        }
        let long = "x".repeat(81);
        for name in
            ["", ".", "..", "a/b", "a b", "a.", "CON", "nul.txt", "com1", "LPT9.x", "é", "a\\b", &long]
        {
            assert!(wrong_name(name).is_some(), "{name}");
        }
    }
}

//! The same rows asked twice: which answers are the same, to the last digit, and where the others first differ.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::value::RawValue;

/// Rows that are listed.
const LISTED: usize = 20;

/// Characters of a value that is listed.
const SHOWN: usize = 120;

/// Fields of an output that may differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volatile(Vec<Vec<String>>);

impl Volatile {
    /// Reads paths below `output`, where `*` stands for any name and for any place in a list; or gives one that is none.
    pub fn read(paths: &[String]) -> Result<Self, String> {
        let read = |path: &String| {
            let parts: Vec<_> = path.split('.').map(str::to_owned).collect();
            let is_sound =
                parts.len() > 1 && parts[0] == "output" && parts.iter().all(|part| !part.is_empty());
            if is_sound { Ok(parts) } else { Err(path.clone()) }
        };
        paths.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    fn holds(&self, path: &[Cow<'_, str>]) -> bool {
        self.0.iter().any(|volatile| {
            volatile.len() == path.len()
                && volatile.iter().zip(path).all(|(one, part)| one == "*" || one == part)
        })
    }
}

/// What is compared of a row.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// How it ended.
    pub outcome: &'static str,
    /// Whether that is definite.
    pub is_definite: bool,
    /// Its output, in the reply's own text.
    pub output: Option<&'a RawValue>,
    /// Of its error the kind and the service's code.
    pub error: Option<(&'a str, Option<&'a str>)>,
}

/// Rows, by how their two answers compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    /// All.
    pub total: u64,
    /// The same in every field.
    pub identical: u64,
    /// The same but for volatile fields.
    pub equal: u64,
    /// Otherwise.
    pub different: u64,
    /// Without a definite answer in one of the runs.
    pub unknown: u64,
}

/// A row whose answers differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Varied {
    /// The row.
    pub row_number: u64,
    /// Its key.
    pub row_key: Option<String>,
    /// Where they first differ: `outcome`, `error`, or a path of the output.
    pub path: String,
    /// What stood there, as JSON, as far as it is shown.
    pub was: Option<String>,
    /// What stands there now.
    pub now: Option<String>,
}

/// Two runs over the same rows, row by row.
#[derive(Clone, Debug, Default)]
pub struct Repeated {
    volatile: Volatile,
    /// Whether values may be shown.
    shows_values: bool,
    /// How many rows.
    pub rows: RowCounts,
    /// The first of those that differ.
    pub differences: Vec<Varied>,
}

/// Where two values differ.
struct Place {
    path: String,
    was: Option<String>,
    now: Option<String>,
}

impl Repeated {
    /// Begins; values of the output are shown only where that is allowed.
    pub fn new(volatile: Volatile, shows_values: bool) -> Self {
        Self { volatile, shows_values, ..Self::default() }
    }

    /// Compares a row.
    pub fn add(&mut self, number: u64, key: Option<&str>, was: &Answer<'_>, now: &Answer<'_>) {
        self.rows.total += 1;
        if !(was.is_definite && now.is_definite) {
            self.rows.unknown += 1;
            return;
        }
        let word = |word: &str| Some(format!("\"{word}\""));
        let place = if was.outcome != now.outcome {
            Some(Place { path: "outcome".to_owned(), was: word(was.outcome), now: word(now.outcome) })
        } else if was.error != now.error {
            let told = |answer: &Answer<'_>| answer.error.and_then(|(kind, _)| word(kind));
            Some(Place { path: "error".to_owned(), was: told(was), now: told(now) })
        } else {
            let mut looking = Looking { volatile: &self.volatile, passed: false };
            let found = looking.difference(was.output, now.output, &mut vec![Cow::Borrowed("output")]);
            if found.is_none() && looking.passed {
                self.rows.equal += 1;
            }
            self.rows.identical += u64::from(found.is_none() && !looking.passed);
            found
        };
        let Some(Place { path, was, now }) = place else { return };
        self.rows.different += 1;
        if self.differences.len() < LISTED {
            let is_shown = self.shows_values || !path.starts_with("output");
            let shown = |text: Option<String>| text.filter(|_| is_shown).map(cut);
            let (was, now) = (shown(was), shown(now));
            self.differences.push(Varied {
                row_number: number,
                row_key: key.map(str::to_owned),
                path,
                was,
                now,
            });
        }
    }

    /// Says whether every row has the same answer, but for volatile fields.
    pub fn is_same(&self) -> bool {
        self.rows.different + self.rows.unknown == 0
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

struct Looking<'a> {
    volatile: &'a Volatile,
    /// Whether a difference was passed over.
    passed: bool,
}

impl Looking<'_> {
    /// Gives the first place, in the order of names, in which two values differ and may not.
    fn difference<'v>(
        &mut self,
        was: Option<&'v RawValue>,
        now: Option<&'v RawValue>,
        path: &mut Vec<Cow<'v, str>>,
    ) -> Option<Place> {
        let texts = (was.map(RawValue::get), now.map(RawValue::get));
        if texts.0 == texts.1 {
            return None;
        }
        if self.volatile.holds(path) {
            self.passed = true;
            return None;
        }
        if let (Some(was), Some(now)) = (was, now) {
            if let (Some(was), Some(now)) = (members(was), members(now)) {
                let names: BTreeSet<_> = was.keys().chain(now.keys()).cloned().collect();
                return names.into_iter().find_map(|name| {
                    let (was, now) = (was.get(&name).copied(), now.get(&name).copied());
                    self.below(was, now, name, path)
                });
            }
            if let (Some(was), Some(now)) = (items(was), items(now)) {
                return (0..was.len().max(now.len())).find_map(|at| {
                    self.below(was.get(at).copied(), now.get(at).copied(), at.to_string().into(), path)
                });
            }
            // The same text may be written in two ways; a number is the same only with the same digits.
            let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).ok();
            if let (Some(was), Some(now)) = (text(was), text(now))
                && was == now
            {
                return None;
            }
        }
        let told = |text: Option<&str>| text.map(str::to_owned);
        Some(Place { path: path.join("."), was: told(texts.0), now: told(texts.1) })
    }

    fn below<'v>(
        &mut self,
        was: Option<&'v RawValue>,
        now: Option<&'v RawValue>,
        name: Cow<'v, str>,
        path: &mut Vec<Cow<'v, str>>,
    ) -> Option<Place> {
        path.push(name);
        let found = self.difference(was, now, path);
        path.pop();
        found
    }
}

fn members(raw: &RawValue) -> Option<BTreeMap<Cow<'_, str>, &RawValue>> {
    if !raw.get().starts_with('{') {
        return None;
    }
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get()).ok()?;
    Some(members.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect())
}

fn items(raw: &RawValue) -> Option<Vec<&RawValue>> {
    if raw.get().starts_with('[') { serde_json::from_str(raw.get()).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(was: &str, now: &str, volatile: &[&str]) -> (RowCounts, Option<String>) {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let (was, now) = (raw(was), raw(now));
        let volatile: Vec<_> = volatile.iter().map(|path| (*path).to_owned()).collect();
        let mut repeated = Repeated::new(Volatile::read(&volatile).unwrap(), true);
        let answer = |output| Answer { outcome: "succeeded", is_definite: true, output, error: None };
        repeated.add(1, None, &answer(Some(&*was)), &answer(Some(&*now)));
        (repeated.rows, repeated.differences.pop().map(|varied| varied.path))
    }

    #[test]
    fn answers_are_the_same_to_the_last_digit_or_the_place_is_named() {
        let check = |was: &str, now: &str, volatile: &[&str], expected: &str| {
            let (rows, path) = compared(was, now, volatile);
            let said = match path {
                Some(path) => path,
                None if rows.identical == 1 => "identical".to_owned(),
                None => "equal".to_owned(),
            };
            assert_eq!(said, expected, "{was} {now}");
        };
        check(r#"{"a":1,"b":[1,2]}"#, r#"{"b":[1,2], "a":1}"#, &[], "identical");
        check(r#"{"id":12345678901234567890123}"#, r#"{"id":12345678901234567890124}"#, &[], "output.id");
        check(r#"{"a":"é"}"#, "{\"a\":\"\\u00e9\"}", &[], "identical");
        check(r#"{"a":{"at":1,"b":2}}"#, r#"{"a":{"at":3,"b":2}}"#, &["output.a.at"], "equal");
        check(r#"{"a":{"at":1,"b":2}}"#, r#"{"a":{"at":3,"b":4}}"#, &["output.a.at"], "output.a.b");
        check(r#"{"l":[{"id":1},{"id":2}]}"#, r#"{"l":[{"id":3},{"id":4}]}"#, &["output.l.*.id"], "equal");
        check("[1]", "[1,2]", &[], "output.1");
        check(r#"{"a":null}"#, "{}", &[], "output.a");
        check("1", "1.0", &[], "output");
        assert!(
            ["", "output", "row.a", "output..a"]
                .iter()
                .all(|path| Volatile::read(&[(*path).to_owned()]).is_err())
        );
    }

    #[test]
    fn a_row_without_an_answer_in_one_run_is_neither_the_same_nor_another() {
        let mut repeated = Repeated::new(Volatile::default(), true);
        let answer = |outcome, is_definite, error| Answer { outcome, is_definite, output: None, error };
        repeated.add(1, None, &answer("failed", true, Some(("a", None))), &answer("in_doubt", false, None));
        repeated.add(
            2,
            None,
            &answer("failed", true, Some(("a", None))),
            &answer("failed", true, Some(("b", None))),
        );
        repeated.add(
            3,
            None,
            &answer("failed", true, Some(("a", None))),
            &answer("failed", true, Some(("a", None))),
        );
        repeated.add(4, None, &answer("failed", true, None), &answer("succeeded", true, None));
        assert_eq!(repeated.rows, RowCounts { total: 4, identical: 1, equal: 0, different: 2, unknown: 1 });
        let paths: Vec<_> = repeated.differences.iter().map(|varied| varied.path.as_str()).collect();
        assert_eq!(paths, ["error", "outcome"]);
        assert!(!repeated.is_same());
    }
}

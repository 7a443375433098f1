//! The helpers that templates may call: one table, for the compiler, for "did you mean" and for the documents.

mod compare;
mod convert;
mod date;
mod text;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use Run::{Always, Fallible};

/// A helper: what it is called, how it is written, what it does.
#[derive(Clone, Debug)]
pub struct HelperDoc {
    /// Its name.
    pub name: &'static str,
    /// How a call is written; `[…]` may be left out, `…` may be repeated.
    pub signature: &'static str,
    /// What it does, in one line.
    pub description: &'static str,
    /// The fewest and the most arguments.
    pub(super) arity: (usize, usize),
    /// The names that `name=value` may have.
    pub(super) options: &'static [&'static str],
    pub(super) absence: Absence,
    /// A first argument that is always good, by which literal others can be tried at load.
    pub(super) sample: Option<&'static str>,
    run: Run,
}

/// What a helper does.
#[derive(Clone, Copy, Debug)]
enum Run {
    /// Something that always goes well.
    Always(fn(&Arguments<'_>) -> Value),
    /// Something that may refuse its arguments, and says why.
    Fallible(fn(&Arguments<'_>) -> Result<Value, String>),
}

impl HelperDoc {
    /// Calls it.
    pub(super) fn call(&self, arguments: &Arguments<'_>) -> Result<Value, String> {
        match self.run {
            Run::Always(run) => Ok(run(arguments)),
            Run::Fallible(run) => run(arguments),
        }
    }
}

/// What absence means to a helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// An absent argument is an error.
    Refused,
    /// The first argument may be absent: it is null then.
    Allowed,
    /// The helper looks a name up: its own error says that the name is absent.
    Found,
}

/// What a helper is called with; as many values as its arity allows.
#[derive(Debug)]
pub(super) struct Arguments<'a> {
    pub(super) values: &'a [Cow<'a, Value>],
    pub(super) options: &'a [(&'a str, Cow<'a, Value>)],
    pub(super) env: &'a BTreeMap<String, String>,
}

impl Arguments<'_> {
    /// Gives an argument; null for one that was left out.
    fn get(&self, index: usize) -> &Value {
        self.values.get(index).map_or(&Value::Null, |value| value)
    }

    /// Gives a `name=value`.
    fn option(&self, name: &str) -> Option<&Value> {
        self.options.iter().find(|(option, _)| *option == name).map(|(_, value)| &**value)
    }
}

/// Any number of arguments.
const MANY: usize = usize::MAX;

macro_rules! helper {
    ($name:literal, $arguments:literal, $arity:expr, $run:expr, $description:literal) => {
        HelperDoc {
            name: $name,
            signature: concat!($name, " ", $arguments),
            description: $description,
            arity: $arity,
            options: &[],
            absence: Absence::Refused,
            sample: None,
            run: $run,
        }
    };
}

static HELPERS: &[HelperDoc] = &[
    HelperDoc {
        absence: Absence::Allowed,
        ..helper!(
            "default",
            "VALUE FALLBACK",
            (2, 2),
            Always(convert::default),
            "VALUE, or FALLBACK when VALUE is absent, null or an empty text"
        )
    },
    helper!("json", "VALUE", (1, 1), Always(convert::json), "VALUE as compact JSON text"),
    helper!(
        "parse_json",
        "TEXT",
        (1, 1),
        Fallible(convert::parse_json),
        "the value that a JSON text stands for"
    ),
    helper!("int", "VALUE", (1, 1), Fallible(convert::int), "VALUE as a whole number of at most 64 bits"),
    helper!("float", "VALUE", (1, 1), Fallible(convert::float), "VALUE as a number with a fraction"),
    helper!("bool", "VALUE", (1, 1), Fallible(convert::bool), "VALUE as a boolean: true, false, 1 or 0"),
    helper!("trim", "TEXT", (1, 1), Always(text::trim), "TEXT without white space at its ends"),
    helper!("lower", "TEXT", (1, 1), Always(text::lower), "TEXT in lower case"),
    helper!("upper", "TEXT", (1, 1), Always(text::upper), "TEXT in upper case"),
    HelperDoc {
        sample: Some(""),
        ..helper!("truncate", "TEXT N", (2, 2), Fallible(text::truncate), "the first N characters of TEXT")
    },
    HelperDoc {
        sample: Some(""),
        ..helper!(
            "replace",
            "TEXT FROM TO",
            (3, 3),
            Fallible(text::replace),
            "TEXT with every FROM replaced by TO"
        )
    },
    HelperDoc {
        sample: Some(""),
        ..helper!(
            "split",
            "TEXT SEPARATOR",
            (2, 2),
            Fallible(text::split),
            "the list of TEXT's parts; an empty text has none"
        )
    },
    helper!("join", "LIST SEPARATOR", (2, 2), Fallible(text::join), "LIST's elements as one text"),
    helper!("concat", "VALUE …", (1, MANY), Always(text::concat), "all values as one text"),
    helper!(
        "length",
        "VALUE",
        (1, 1),
        Fallible(text::length),
        "the number of a text's characters, a list's elements or an object's members"
    ),
    HelperDoc {
        absence: Absence::Found,
        ..helper!(
            "lookup",
            "VALUE NAME",
            (2, 2),
            Fallible(convert::lookup),
            "the member of an object, or the element of a list, that NAME names"
        )
    },
    helper!(
        "eq",
        "A B",
        (2, 2),
        Fallible(compare::eq),
        "whether A equals B; numbers as numbers, all else as JSON"
    ),
    helper!("ne", "A B", (2, 2), Fallible(compare::ne), "whether A differs from B"),
    helper!("lt", "A B", (2, 2), Fallible(compare::lt), "whether A is less than B: two numbers or two texts"),
    helper!("le", "A B", (2, 2), Fallible(compare::le), "whether A is at most B"),
    helper!("gt", "A B", (2, 2), Fallible(compare::gt), "whether A is greater than B"),
    helper!("ge", "A B", (2, 2), Fallible(compare::ge), "whether A is at least B"),
    helper!("and", "A B …", (1, MANY), Always(compare::and), "whether all are true, as `#if` takes them"),
    helper!("or", "A B …", (1, MANY), Always(compare::or), "whether one is true, as `#if` takes it"),
    helper!("not", "A", (1, 1), Always(compare::not), "whether A is not true, as `#if` takes it"),
    HelperDoc {
        options: &["tz"],
        sample: Some("1970-01-01"),
        ..helper!(
            "date",
            "VALUE [FORMAT] [tz=ZONE]",
            (1, 2),
            Fallible(date::date),
            "an RFC 3339 instant, a `YYYY-MM-DD` date or an epoch in seconds or milliseconds, as strftime's FORMAT (`%Y-%m-%d`) in the IANA zone (UTC)"
        )
    },
    helper!("env", "NAME", (1, 1), Fallible(convert::env), "an environment variable that the manifest names"),
];

/// Gives every helper, for the manifest's reference.
pub fn helpers() -> &'static [HelperDoc] {
    HELPERS
}

/// Finds a helper.
pub(super) fn find(name: &str) -> Option<&'static HelperDoc> {
    HELPERS.iter().find(|helper| helper.name == name)
}

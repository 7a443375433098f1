//! What can be said of a template or an expression: the names it refers to, and its mistakes.

/// A name that a template or an expression refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The path's segments, literal segments without their brackets: `["row", "Customer Name"]`.
    pub path: Vec<String>,
    /// Where it stands in the text, in bytes; the nearest place when the parser gives no exact one.
    pub offset: usize,
    /// Whether a missing value is provided for (an argument of `default`).
    pub optional: bool,
}

/// A mistake in the text of a template or an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// Where, in bytes from the start of the text.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// How to fix it.
    pub help: Option<String>,
}

/// Why a template or an expression can't be evaluated for this row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RenderError {
    /// What is wrong, naming the expression; without any value that could be a secret.
    pub message: String,
    /// Whether all that is wrong is that a name is absent.
    pub missing: bool,
}

impl SyntaxError {
    /// Makes a mistake without a help.
    pub(crate) fn at(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into(), help: None }
    }

    /// Adds how to fix it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds how to fix it, when that is known.
    pub(super) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

impl RenderError {
    /// Makes an error.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), missing: false }
    }

    /// Makes an error about a name that is absent.
    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self { message: message.into(), missing: true }
    }
}

/// Gives `` did you mean `…`? `` for the known word nearest to a word, if one is near.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = known.into_iter().map(|name| (strsim::jaro_winkler(word, name), name));
    let (likeness, name) = near.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (likeness > 0.8).then(|| format!("did you mean `{name}`?"))
}

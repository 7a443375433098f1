//! Values that may never be written or shown.

use std::fmt;
use std::path::PathBuf;

/// A value that may never be written or shown: its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Gives the value itself, for the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Where a secret comes from. It is read when it is needed, so that `check` and `plan` need none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// `${NAME}`, already looked up; none when it is not set and was not needed.
    Variable {
        /// The variable's name.
        name: String,
        /// Its value.
        value: Option<Secret>,
    },
    /// `{file: PATH}`, read when needed; surrounding white space is trimmed.
    File(PathBuf),
    /// A value of our own: the embedded emulator's key.
    Literal(Secret),
}

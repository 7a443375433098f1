//! Values that may never be written or shown.

use std::fmt;
use std::path::PathBuf;

use crate::manifest::{Manifest, Provider, files};

/// Bytes of a secret's file at most.
const MAX_BYTES: usize = 64 * 1024;

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
}

/// Why a secret can't be read. It never holds the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set, or set to nothing.
    #[error("the environment variable {name} is not set: set {name}")]
    Unset {
        /// The variable's name.
        name: String,
    },
    /// The file can't be read.
    #[error("the secret in {path} can't be read: {why}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The file is empty.
    #[error("the secret in {path} is empty: write the secret into that file, and nothing else", path = .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl SecretSource {
    /// Reads the secret, without the white space around it.
    pub fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Variable { name, value } => {
                let value = value.clone().filter(|value| !value.expose().trim().is_empty());
                value.ok_or_else(|| SecretError::Unset { name: name.clone() })
            }
            Self::File(path) => {
                let unreadable = |why: String| SecretError::Unreadable { path: path.clone(), why };
                let bytes =
                    files::read_bounded(path, MAX_BYTES, "64 KiB").map_err(|(why, _)| unreadable(why))?;
                let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
                match text.trim_start_matches('\u{feff}').trim() {
                    "" => Err(SecretError::Empty { path: path.clone() }),
                    text => Ok(Secret::new(text)),
                }
            }
        }
    }
}

/// A text of which parts are secret, such as `Bearer ${NAME}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretText(pub(in crate::manifest) Vec<SecretPart>);

/// A part of such a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::manifest) enum SecretPart {
    /// As it is written.
    Text(String),
    /// A secret.
    Secret(SecretSource),
}

impl SecretText {
    /// Reads the whole text.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let mut whole = String::new();
        for part in &self.0 {
            match part {
                SecretPart::Text(text) => whole.push_str(text),
                SecretPart::Secret(source) => whole.push_str(source.read()?.expose()),
            }
        }
        Ok(Secret(whole))
    }

    /// Reads the secrets in it, apart from what stands around them.
    pub fn secrets(&self) -> Result<Vec<Secret>, SecretError> {
        self.sources().map(SecretSource::read).collect()
    }

    /// Gives where its secrets come from.
    pub(in crate::manifest) fn sources(&self) -> impl Iterator<Item = &SecretSource> {
        self.0.iter().filter_map(|part| match part {
            SecretPart::Text(_) => None,
            SecretPart::Secret(source) => Some(source),
        })
    }
}

impl Manifest {
    /// Gives where the secrets come from that a run of the manifest needs.
    pub fn secret_sources(&self) -> Vec<&SecretSource> {
        let api_key = match &self.workflow.provider {
            Provider::Gptbots { api_key, .. } => Some(api_key),
            Provider::Emulator { .. } => None,
        };
        let webhook = self.workflow.webhook.iter();
        let receivers = webhook.clone().filter_map(|webhook| webhook.receiver.as_ref()?.public_url.as_ref());
        let forward = webhook.flat_map(|webhook| &webhook.forward);
        let forward = forward.flat_map(|forward| {
            std::iter::once(&forward.url).chain(forward.headers.iter().map(|(_, value)| value))
        });
        api_key.into_iter().chain(receivers.chain(forward).flat_map(SecretText::sources)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Result<&str, &str>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, bytes).unwrap();
        match (SecretSource::File(path).read(), expected) {
            (Ok(secret), Ok(expected)) => assert_eq!(secret.expose(), expected),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (read, expected) => panic!("{read:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_secret_is_read_from_a_file_without_the_white_space_around_it() {
        check(b"sk-1\n", Ok("sk-1"));
        check(b"\xEF\xBB\xBF sk-1\r\n", Ok("sk-1"));
        check(b" \n", Err("is empty: write the secret into that file"));
        check(b"\xFF", Err("not UTF-8"));
        check(&vec![b'x'; MAX_BYTES + 1], Err("larger than 64 KiB"));
        let missing = SecretSource::File(PathBuf::from("no/such/key")).read().unwrap_err();
        assert!(missing.to_string().contains("no such file"), "{missing}");
    }

    #[test]
    fn an_unset_secret_names_its_variable() {
        for value in [None, Some(Secret::new(" "))] {
            let error =
                SecretSource::Variable { name: "GPTBOTS_API_KEY".to_owned(), value }.read().unwrap_err();
            assert!(error.to_string().contains("set GPTBOTS_API_KEY"), "{error}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let source = SecretSource::Variable { name: "A".to_owned(), value: Some(Secret::new("sk-1")) };
        assert_eq!(format!("{source:?}"), "Variable { name: \"A\", value: Some([secret]) }");
    }
}

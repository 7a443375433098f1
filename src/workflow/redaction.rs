//! Known secrets are cut out of what the service sends, before anything looks at it.

use std::fmt;

use bytes::Bytes;
use memchr::memmem::Finder;

use crate::manifest::Secret;
use crate::reply::Body;
use crate::workflow::webhook::marks;

/// A shorter value is no secret, and stands in too many texts by chance.
const SHORTEST_BYTES: usize = 8;

const MARK: &[u8] = b"[secret]";

/// The secrets to look for.
pub(super) struct Redactor {
    secrets: Vec<Finder<'static>>,
    /// What stands before a webhook's token.
    marks: Vec<Finder<'static>>,
}

impl Redactor {
    /// Takes the secrets; longer ones are looked for first, since one may hold another.
    pub(super) fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let mut values: Vec<Vec<u8>> = Vec::new();
        for secret in secrets {
            let value = secret.expose();
            values.push(value.as_bytes().to_vec());
            // As it stands inside of a JSON string.
            let quoted = serde_json::Value::from(value).to_string();
            values.push(quoted.as_bytes()[1..quoted.len() - 1].to_vec());
        }
        values.retain(|value| value.len() >= SHORTEST_BYTES);
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        let secrets = values.into_iter().map(|value| Finder::new(&value).into_owned()).collect();
        Self { secrets, marks: Vec::new() }
    }

    /// Cuts out the tokens of a run's webhooks too, when it has any. They are derived, one for each send, and known by
    /// what stands before them.
    pub(super) fn hiding_tokens(mut self, run_id: Option<&str>) -> Self {
        self.marks = run_id.into_iter().flat_map(marks).map(|mark| Finder::new(&mark).into_owned()).collect();
        self
    }

    /// Cuts the secrets out of a body, and says whether there was one.
    pub(super) fn clean(&self, body: Body) -> (Body, bool) {
        match body {
            Body::Whole(bytes) => {
                let (bytes, found) = self.replace(bytes);
                (Body::Whole(bytes), found)
            }
            Body::Cut(bytes) => {
                let (bytes, found) = self.replace_in_part(bytes);
                (Body::Cut(bytes), found)
            }
            Body::TooLarge(bytes) => {
                let (bytes, found) = self.replace_in_part(bytes);
                (Body::TooLarge(bytes), found)
            }
        }
    }

    /// Cuts the secrets out of a text.
    pub(super) fn clean_text(&self, text: String) -> String {
        let (bytes, found) = self.replace(Bytes::from(text.clone()));
        if found { String::from_utf8_lossy(&bytes).into_owned() } else { text }
    }

    fn replace(&self, mut bytes: Bytes) -> (Bytes, bool) {
        let mut found = false;
        for finder in &self.marks {
            let mut from = 0;
            while let Some(at) = finder.find(&bytes[from..]) {
                let start = from + at + finder.needle().len();
                let length = path_length(&bytes[start..]);
                bytes = [&bytes[..start], MARK, &bytes[start + length..]].concat().into();
                from = start + MARK.len();
                found = true;
            }
        }
        for finder in &self.secrets {
            let mut rest = &bytes[..];
            let mut clean = Vec::new();
            while let Some(at) = finder.find(rest) {
                clean.extend_from_slice(&rest[..at]);
                clean.extend_from_slice(MARK);
                rest = &rest[at + finder.needle().len()..];
            }
            if !clean.is_empty() {
                clean.extend_from_slice(rest);
                bytes = clean.into();
                found = true;
            }
        }
        if memchr::memchr(b'\\', &bytes).is_some() {
            for secret in self.secrets.iter().map(Finder::needle) {
                if let Some(clean) = without_escaped(secret, &bytes) {
                    bytes = clean;
                    found = true;
                }
            }
        }
        (bytes, found)
    }

    /// The end of what was cut short may be the start of a secret.
    fn replace_in_part(&self, bytes: Bytes) -> (Bytes, bool) {
        let (mut bytes, mut found) = self.replace(bytes);
        for needle in self.secrets.iter().map(Finder::needle) {
            let starts = (SHORTEST_BYTES / 2..needle.len()).rev();
            let tail = starts.into_iter().find(|length| bytes.ends_with(&needle[..*length]));
            if let Some(length) = tail {
                bytes = [&bytes[..bytes.len() - length], MARK].concat().into();
                found = true;
            }
        }
        (bytes, found)
    }
}

/// Cuts a secret out where a JSON text writes it with escapes; none where it does not.
fn without_escaped(secret: &[u8], bytes: &Bytes) -> Option<Bytes> {
    let mut clean = Vec::new();
    let mut done = 0;
    for at in memchr::memchr2_iter(b'\\', *secret.first()?, bytes) {
        let length = escaped_length(secret, &bytes[at..]).filter(|_| at >= done);
        if let Some(length) = length {
            clean.extend_from_slice(&bytes[done..at]);
            clean.extend_from_slice(MARK);
            done = at + length;
        }
    }
    clean.extend_from_slice(&bytes[done..]);
    (done > 0).then(|| clean.into())
}

/// Gives the bytes that a secret takes at the start of a JSON text, which may escape any of its characters.
fn escaped_length(secret: &[u8], text: &[u8]) -> Option<usize> {
    let mut at = 0;
    for byte in secret {
        at += match text.get(at..)? {
            [b'\\', b'u', b'0', b'0', high, low, ..] if hex_byte(*high, *low) == Some(*byte) => 6,
            [b'\\', escaped @ (b'/' | b'"' | b'\\'), ..] if escaped == byte => 2,
            [plain, ..] if plain == byte => 1,
            _ => return None,
        };
    }
    Some(at)
}

fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Gives how far a path goes on. A backslash belongs to it only before a slash: it may escape the quote behind it.
fn path_length(bytes: &[u8]) -> usize {
    let is_path = |at: usize| match bytes[at] {
        b'\\' => bytes.get(at + 1) == Some(&b'/'),
        byte => byte.is_ascii_alphanumeric() || b"-_/".contains(&byte),
    };
    (0..bytes.len()).take_while(|at| is_path(*at)).count()
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.secrets.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(secrets: &[&str], body: &str, expected: &str) {
        let redactor = Redactor::new(secrets.iter().map(|secret| Secret::new(*secret)));
        let (clean, found) = redactor.clean(Body::Whole(Bytes::from(body.to_owned())));
        let Body::Whole(clean) = clean else { panic!("another kind of body") };
        assert_eq!((&clean[..], found), (expected.as_bytes(), body != expected));
        assert_eq!(redactor.clean_text(body.to_owned()), expected);
    }

    #[test]
    fn every_secret_is_cut_out_wherever_it_stands() {
        check(&["app-12345678"], "Bearer app-12345678, app-12345678", "Bearer [secret], [secret]");
        check(&["app-12345678"], "app-12345678", "[secret]");
        check(&["app-12345678"], "app-1234567", "app-1234567");
        check(&["12345678", "app-12345678"], "app-12345678 12345678", "[secret] [secret]");
        check(&["short"], "short", "short");
        check(&["pass\"word\\1"], r#"{"k":"pass\"word\\1"}"#, r#"{"k":"[secret]"}"#);
        check(&["app-1234/5678="], r#"["app\u002D1234\/5678\u003d","\u"]"#, r#"["[secret]","\u"]"#);
        check(&["app-12345678"], r"\u0061pp-12345678 \n app-12345678", r"[secret] \n [secret]");
        check(&[], "anything", "anything");
    }

    #[test]
    fn the_tokens_of_a_runs_webhooks_are_cut_out_in_every_form() {
        let redactor = Redactor::new([]).hiding_tokens(Some("r-1"));
        for (body, expected) in [
            ("http://h/flowbatch/r-1/7/2/ab_-Z9 x", "http://h/flowbatch/r-1/[secret] x"),
            (r#"{"u":"h\/flowbatch\/r-1\/7\/2\/abc"}"#, r#"{"u":"h\/flowbatch\/r-1\/[secret]"}"#),
            (
                r#"{"u":"{\"v\":\"/flowbatch/r-1/7/2/abc\"}"}"#,
                r#"{"u":"{\"v\":\"/flowbatch/r-1/[secret]\"}"}"#,
            ),
            ("/flowbatch/r-1/1/1/a,/flowbatch/r-1/", "/flowbatch/r-1/[secret],/flowbatch/r-1/[secret]"),
            ("/flowbatch/r-2/1/1/abc", "/flowbatch/r-2/1/1/abc"),
        ] {
            assert_eq!(redactor.clean_text(body.to_owned()), expected);
        }
    }

    #[test]
    fn a_body_that_is_cut_inside_of_a_secret_does_not_end_with_its_start() {
        let redactor = Redactor::new([Secret::new("app-12345678")]);
        for (body, expected) in [("x app-1234567", "x [secret]"), ("x app-", "x [secret]"), ("x ap", "x ap")]
        {
            let (Body::Cut(clean), _) = redactor.clean(Body::Cut(Bytes::from(body))) else { panic!() };
            assert_eq!(clean, expected);
        }
    }
}

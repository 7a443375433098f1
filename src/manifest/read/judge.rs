//! `judge`: the workflow that a check asks.

use std::sync::Arc;

use rust_decimal::Decimal;
use sha2::{Digest as _, Sha256};

use crate::checks::JudgeRule;
use crate::manifest::read::kept;
use crate::manifest::read::reader::Reader;
use crate::manifest::read::rules::share;
use crate::manifest::read::section::Entry;
use crate::manifest::read::templates::When;
use crate::mapping::Template;

/// What is the score when a check does not say it.
const SCORE: &str = "{{output.score}}";

/// Reads the judge of the check of this name.
pub(super) fn read(reader: &mut Reader<'_>, entry: Entry, name: &str) -> Option<JudgeRule> {
    let mut section = reader.section(entry)?;
    let manifest = section.need("manifest", "manifest: judge.yaml", &mut reader.diagnostics);
    let (score, reason) = (section.take("score"), section.take("reason"));
    let at_least = section.take("at_least");
    section.finish(&mut reader.diagnostics);
    let score = match score {
        Some(entry) => reader.template(&entry, When::OfJudge),
        None => Template::parse(SCORE).ok(),
    };
    let reason = reason.map(|entry| reader.template(&entry, When::OfJudge));
    let at_least = at_least.map_or(Some(Decimal::new(5, 1)), |entry| share(reader, &entry));
    let entry = manifest?;
    let path = reader.path(&entry)?;
    reader.kept.judges += 1;
    let copy = format!("judge-{}.yaml", reader.kept.judges);
    let bytes = kept::read(reader, &entry, copy)?;
    let file = reader.kept.files.last().map_or_else(|| path.clone(), |kept| kept.path.clone());
    let sha256 = hex::encode(Sha256::digest(&bytes));
    let reason = match reason {
        Some(reason) => Some(reason?),
        None => None,
    };
    Some(JudgeRule {
        name: Arc::from(name),
        manifest: path,
        file,
        sha256,
        score: score?,
        reason,
        at_least: at_least?,
    })
}

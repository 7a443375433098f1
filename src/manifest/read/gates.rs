//! `gates` and `baseline`: conditions on the whole run's figures.

use std::path::PathBuf;

use crate::gates::{Baseline, Gate, KnownCheck, Names};
use crate::manifest::Price;
use crate::manifest::read::reader::Reader;
use crate::manifest::read::section::Entry;
use crate::manifest::read::{budget, kept};
use crate::manifest::tree::Kind;
use crate::model::Repeats;

/// The name of the copy that a run keeps.
const COPY: &str = "baseline.jsonl";

/// Reads `baseline`: where it is, and what it says if it is there.
pub(super) fn read_baseline(
    reader: &mut Reader<'_>,
    entry: Option<&Entry>,
) -> Option<(PathBuf, Option<Baseline>)> {
    let entry = entry?;
    let path = reader.path(entry)?;
    let Some(bytes) = kept::read_if_there(reader, entry, &path, COPY) else {
        let told = format!("there is no baseline `{}` yet: gates that use it fail", path.display());
        let help = "write it from a good run: `flowbatch report RUN --format baseline > FILE`";
        reader.diagnostics.push(entry.node.place.warning(told).with_help(help));
        return Some((path, None));
    };
    match Baseline::parse(&String::from_utf8_lossy(&bytes)) {
        Ok(baseline) => Some((path, Some(baseline))),
        Err(error) => {
            let help = "write it anew: `flowbatch report RUN --format baseline > FILE`";
            reader.refuse(entry, &format!("is no baseline: {error}"), Some(help))
        }
    }
}

/// Reads `gates`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    entry: Option<Entry>,
    names: (&[KnownCheck], &[String]),
    baseline: bool,
    repeats: Repeats,
    price: Option<&Price>,
) -> Vec<Gate> {
    let Some(entries) = entry.and_then(|entry| reader.list(entry)) else { return Vec::new() };
    let money = |amount, unit: &str| budget::convert(amount, Some(unit), price);
    let names = Names { checks: names.0, groups: names.1, baseline, repeats, money: &money };
    let mut gates = Vec::new();
    for entry in entries {
        let Some(scalar) = reader.scalar(&entry, "a condition like `coverage >= 99%`") else { continue };
        match Gate::parse(&scalar.text, names) {
            Ok(gate) => gates.push(gate),
            Err(error) => {
                if let Kind::Scalar(scalar) = &entry.node.kind {
                    reader.refuse_syntax::<()>(&entry, scalar, &error);
                }
            }
        }
    }
    gates
}

//! A pilot is paid once: rows are added to a run's selection, and those it has are kept.

use crate::commands::Failure;
use crate::commands::changed::require_sure_selection;
use crate::commands::prepare::Sound;
use crate::commands::resume::Widening;
use crate::commands::run::selected;
use crate::manifest::Select;
use crate::model::{RowNumber, RowSet, RunEvent, RunState};

/// Gives the events that add the rows asked for.
/// `given` holds what this process adds already.
pub(crate) fn widen(
    sound: &mut Sound,
    state: &RunState,
    given: &[RunEvent],
    asked: &Widening,
) -> Result<Vec<RunEvent>, Failure> {
    if !asked.is_asked() {
        return Ok(Vec::new());
    }
    require_sure_selection(state)?;
    let manifest = sound.manifest.dataset.select.clone();
    let select =
        Select { range: asked.range, condition: manifest.condition, limit: asked.limit, sample: None };
    sound.select(&select)?;
    let mut has = state.selected().clone();
    for range in given.iter().filter_map(ranges_of).flatten() {
        has.insert_range(range.0..=range.1);
    }
    // Selections count records, and runs count rows.
    let limit = asked.limit.map(|limit| limit.saturating_mul(sound.manifest.dataset.repeats.get()));
    let added = added(&sound.survey.selection, &has, limit);
    Ok(if added.is_empty() { Vec::new() } else { selected(&added) })
}

fn ranges_of(event: &RunEvent) -> Option<&[(RowNumber, RowNumber)]> {
    match event {
        RunEvent::Selected(selected) => Some(&selected.ranges),
        _ => None,
    }
}

/// The rows that are new, as many as bring the run to `limit` rows.
fn added(wanted: &RowSet, has: &RowSet, limit: Option<u64>) -> RowSet {
    let room = limit.map_or(u64::MAX, |limit| limit.saturating_sub(has.len()));
    wanted
        .iter()
        .filter(|row| !has.contains(*row))
        .take(usize::try_from(room).unwrap_or(usize::MAX))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_rows_are_added_up_to_the_limit() {
        let set = |rows: &[u64]| rows.iter().copied().collect::<RowSet>();
        let check = |limit, expected: &[u64]| {
            assert_eq!(added(&set(&[1, 2, 3, 4, 5]), &set(&[2, 9]), limit), set(expected), "{limit:?}");
        };
        check(None, &[1, 3, 4, 5]);
        check(Some(4), &[1, 3]);
        check(Some(1), &[]);
    }
}

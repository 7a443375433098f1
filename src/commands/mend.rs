//! `resume --repair`: says what a damaged journal has lost, asks, and puts the mended one in its place.

use crate::commands::changed::named;
use crate::commands::{Failure, Host};
use crate::journal::{Damage, RunFolder};
use crate::model::Reason;

/// Mends a run's journal, when it is damaged.
pub(crate) fn mend(folder: &RunFolder, yes: bool, host: &mut dyn Host) -> Result<(), Failure> {
    let Some(repair) = folder.plan_repair()? else {
        host.say("the journal is sound: there is nothing to mend");
        return Ok(());
    };
    host.say(&in_words(repair.damage()));
    if !yes && host.confirm("Mend the journal so, and go on?") == Some(false) {
        return Err(Failure::environment(Reason::Interrupted, "nothing was changed, and nothing was sent"));
    }
    let kept = repair.commit()?;
    host.say(&format!("the journal is mended; as it was it lies in {}", kept.display()));
    Ok(())
}

fn in_words(damage: &Damage) -> String {
    let Damage { offset, event, why, lost, kept, dropped, selection_unsure, held } = damage;
    let mut text = format!(
        "the journal is damaged at byte {offset} (event {event}): {why}\n  events that can't be read any more: {lost}\n  \
         sound events behind the damage: {kept} are kept, {dropped} fit nowhere and are dropped"
    );
    if !held.is_empty() {
        let rows: Vec<_> = held.iter().map(|row| row.to_string()).collect();
        text.push_str(&format!(
            "\n  rows that the missing events may have sent, and that are held, in doubt ({}): {}",
            held.len(),
            named(&rows)
        ));
    }
    if *selection_unsure {
        text.push_str("\n  no rows can be added to the run any more, since missing events may have added some and sent them");
    }
    text
}

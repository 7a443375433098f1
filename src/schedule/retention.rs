//! Which old runs of a schedule make room, by `keep`: pure.

use crate::manifest::KeepRuns;

/// A run that a slot of the schedule began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastRun {
    /// Its id.
    pub run_id: String,
    /// When it was begun, in a form that sorts.
    pub started_at: String,
    /// How it ended.
    pub exit: Option<u8>,
    /// Whether it must stay: it is not finished, in doubt, worked on, or what others are compared with.
    pub stays: bool,
}

/// Gives the runs that make room. Those that must stay count among those that are kept.
pub fn to_remove(mut runs: Vec<PastRun>, keep: KeepRuns) -> Vec<String> {
    runs.sort_by(|a, b| (&b.started_at, &b.run_id).cmp(&(&a.started_at, &a.run_id)));
    let (mut succeeded, mut failed) = (0, 0);
    let mut found = Vec::new();
    for run in runs {
        let (seen, most) = match run.exit {
            Some(0) => (&mut succeeded, keep.succeeded),
            Some(_) => (&mut failed, keep.failed),
            None => continue,
        };
        *seen += 1;
        if !run.stays && most.is_some_and(|most| *seen > most) {
            found.push(run.run_id);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keep: (u64, u64), runs: &[(&str, Option<u8>, bool)], expected: &[&str]) {
        let run = |(at, (id, exit, stays)): (usize, &(&str, Option<u8>, bool))| PastRun {
            run_id: (*id).to_owned(),
            started_at: format!("{at:03}"),
            exit: *exit,
            stays: *stays,
        };
        let keep = KeepRuns { succeeded: Some(keep.0), failed: Some(keep.1) };
        assert_eq!(to_remove(runs.iter().enumerate().map(run).collect(), keep), expected);
    }

    #[test]
    fn the_oldest_of_each_kind_make_room() {
        let runs =
            [("a", Some(0), false), ("b", Some(4), false), ("c", Some(0), false), ("d", Some(1), false)];
        check((1, 1), &runs, &["b", "a"]);
        check((2, 2), &runs, &[]);
        check((0, 9), &runs, &["c", "a"]);
    }

    #[test]
    fn a_run_that_must_stay_or_is_not_finished_stays() {
        check((0, 0), &[("a", Some(0), true), ("b", None, false), ("c", Some(0), false)], &["c"]);
        check((1, 0), &[("a", Some(0), false), ("b", Some(0), true)], &["a"]);
    }

    #[test]
    fn without_a_number_all_are_kept() {
        let run = PastRun { run_id: "a".into(), started_at: "1".into(), exit: Some(0), stays: false };
        assert!(to_remove(vec![run; 1], KeepRuns::default()).is_empty());
    }
}

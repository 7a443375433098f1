//! `workflow.pin`: which workflow a run is meant for, and whether an answer came from it.

/// The workflow that the manifest pins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pin {
    /// Its version, as the service reports it.
    pub version: Option<String>,
    /// Its id, as the service reports it.
    pub workflow_id: Option<String>,
    /// Whether an answer from another only warns, and does not stop the run.
    pub only_warns: bool,
}

impl Pin {
    /// Says in what an answer differs from the pin; none when it does not, as far as the service says who answered.
    pub fn drift(&self, workflow_id: Option<&str>, version: Option<&str>) -> Option<String> {
        let differs = |what: &str, pinned: &Option<String>, found: Option<&str>| {
            let pinned = pinned.as_deref()?;
            let found = found.filter(|found| *found != pinned)?;
            Some(format!("{what} {found} answered, and `workflow.pin` is {pinned}"))
        };
        differs("version", &self.version, version)
            .or_else(|| differs("workflow", &self.workflow_id, workflow_id))
    }

    /// Says whether an answer tells all that is pinned.
    pub fn is_told(&self, workflow_id: Option<&str>, version: Option<&str>) -> bool {
        (self.version.is_none() || version.is_some()) && (self.workflow_id.is_none() || workflow_id.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_held_to_what_it_says_of_itself() {
        let check = |pin: (Option<&str>, Option<&str>), told: (Option<&str>, Option<&str>), drift: &str| {
            let text = |text: Option<&str>| text.map(str::to_owned);
            let pin = Pin { version: text(pin.0), workflow_id: text(pin.1), only_warns: false };
            assert_eq!(pin.drift(told.1, told.0).unwrap_or_default(), drift, "{pin:?} {told:?}");
        };
        check((Some("1.0"), None), (Some("1.0"), Some("w")), "");
        check((Some("1.0"), None), (None, None), "");
        check((Some("1.0"), None), (Some("1.1"), None), "version 1.1 answered, and `workflow.pin` is 1.0");
        check((None, Some("w")), (Some("9"), Some("x")), "workflow x answered, and `workflow.pin` is w");
        check((Some("1.0"), Some("w")), (Some("1.0"), Some("w")), "");
        let pin = Pin { version: Some("1".into()), ..Pin::default() };
        assert!(pin.is_told(None, Some("2")) && !pin.is_told(Some("w"), None));
    }
}

//! The pace of a run: the manifest's rates, and where they are shared with other processes of this machine.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::allowance::Allowance;
use crate::commands::Host;
use crate::manifest::{Limits, Secret};
use crate::model::RunState;
use crate::pace::{Pace, Rates};
use crate::workflow::{Ask, Asks, Settings};

/// What keeps the rates of a process.
pub(crate) struct Kept {
    pub(crate) pace: Pace,
    /// What other processes leave of them; none when that is not known.
    pub(crate) allowance: Option<Allowance>,
    /// Free requests that ask for a permit.
    pub(crate) asks: Option<mpsc::Receiver<Ask>>,
}

/// Makes what keeps the rates of a process, and has the client ask for permits. A service of our own, which ends with the
/// run, is nobody else's to reach: nothing is shared then.
pub(crate) fn keep(
    limits: &Limits,
    settings: &mut Settings,
    is_ours: bool,
    state: &RunState,
    host: &mut dyn Host,
) -> Kept {
    let Some(spec) = &limits.rate else {
        let pace = Pace::new(Rates::default(), limits.longest_throttle);
        return Kept { pace, allowance: None, asks: None };
    };
    let rates = spec.rates();
    let allowance = if is_ours { None } else { shared(&settings.base_url, &settings.api_key, &rates, host) };
    let mut pace = Pace::new(rates, limits.longest_throttle);
    if state.processes() > 1 && allowance.as_ref().is_none_or(Allowance::is_fresh) {
        // The process before may have sent a moment ago.
        pace.begin_used_up(Duration::ZERO);
    }
    let (asks, asked) = Asks::channel();
    settings.asks = asks;
    Kept { pace, allowance, asks: Some(asked) }
}

fn shared(base_url: &str, key: &Secret, rates: &Rates, host: &mut dyn Host) -> Option<Allowance> {
    let told = |why: &str| {
        format!(
            "warning: `limits.rate` is kept by this run alone, and not shared with others of its key: {why}"
        )
    };
    let Some(folder) = state_folder(host) else {
        host.say(&told("there is no folder for it (XDG_STATE_HOME, or a home folder)"));
        return None;
    };
    match Allowance::open(&folder, &authority(base_url), key.expose(), rates) {
        Ok(allowance) => Some(allowance),
        Err(error) => {
            host.say(&told(&format!("{}: {error}", folder.display())));
            None
        }
    }
}

/// The host that a URL names, with its port.
fn authority(base_url: &str) -> String {
    let rest = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default().to_ascii_lowercase()
}

/// Where a user's programs keep what outlives them and is nobody's document.
fn state_folder(host: &dyn Host) -> Option<PathBuf> {
    // A relative path there means nothing, says the XDG base directory specification.
    let folder = |name: &str| host.variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let own = if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library").join("Application Support"))
    } else {
        folder("HOME").map(|home| home.join(".local").join("state"))
    };
    Some(folder("XDG_STATE_HOME").or(own)?.join("flowbatch").join("rates"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_named_with_its_port_and_nothing_else() {
        for (url, host) in [
            ("https://api-sg.gptbots.ai", "api-sg.gptbots.ai"),
            ("https://API-sg.gptbots.ai/", "api-sg.gptbots.ai"),
            ("http://127.0.0.1:8080/base", "127.0.0.1:8080"),
        ] {
            assert_eq!(authority(url), host);
        }
    }
}

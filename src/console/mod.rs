//! The terminal: the only place that prints. Standard output carries the result, standard error everything else.

mod progress;

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;

use crate::commands::{Done, Failure, Host, Watched};
use crate::console::progress::{Bar, Lines};
use crate::report::Style;
use crate::runner::{Observer, Signal};

/// Does what the command line asks for, and gives the exit code.
pub fn run(
    options: Options,
    command: impl FnOnce(&mut Terminal, Style) -> Result<Done, Failure>,
) -> ExitCode {
    log(options);
    let json = options.json;
    let mut terminal = Terminal { no_progress: options.no_progress };
    let style = Style { colour: colour(&io::stdout()), width: width() };
    match command(&mut terminal, style) {
        Ok(Done { exit_code, output }) => {
            print(&output);
            ExitCode::from(exit_code)
        }
        Err(failure) => {
            fail(&failure, json);
            ExitCode::from(failure.exit.code())
        }
    }
}

/// What the command line says of the terminal.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The number of `-v`.
    pub verbosity: u8,
    /// Log lines are JSON.
    pub log_json: bool,
    /// The result is one JSON object.
    pub json: bool,
    /// No progress is shown.
    pub no_progress: bool,
}

/// Writes the result. A reader that has seen enough is no error.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    // `head` and `less` close the pipe early; any other failure to print must not hide the exit code either.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn eprint(text: &str) {
    // A terminal or a log that can't be written to is no reason to stop.
    let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
}

fn colour(stream: &impl IsTerminal) -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && stream.is_terminal()
}

fn width() -> usize {
    let (_, columns) = ::console::Term::stdout().size_checked().unwrap_or((24, 80));
    usize::from(columns).clamp(56, 120)
}

fn log(options: Options) {
    let level = match options.verbosity {
        0 => "off",
        1 => "flowbatch=info",
        2 => "flowbatch=debug,reqwest=debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colour(&io::stderr()));
    // A subscriber that is there already (a test's) is as good.
    let _ = if options.log_json { builder.json().try_init() } else { builder.try_init() };
}

/// Says why a command could not do its work.
fn fail(failure: &Failure, json: bool) {
    if json {
        let verdict = failure.verdict();
        let (run_id, run_dir) = failure.run.as_ref().map(|(id, dir)| (id, dir.display().to_string())).unzip();
        let object = serde_json::json!({
            "run_id": run_id, "run_dir": run_dir, "exit_code": failure.exit.code(), "verdict": verdict,
        });
        print(&format!("{object}\n"));
    }
    let message = failure.message.trim_end();
    // Diagnostics bring their own `error:`.
    if message.starts_with("error") || message.contains("\u{1b}[") || message.contains("\nerror") {
        eprint(message);
    } else {
        eprint(&format!("error: {message}"));
    }
    if !failure.next.is_empty() {
        eprint("to go on:");
    }
    for next in &failure.next {
        eprint(&format!("  {next}"));
    }
}

/// The process's terminal, or what stands in its place.
#[derive(Debug)]
pub struct Terminal {
    no_progress: bool,
}

impl Host for Terminal {
    fn say(&mut self, text: &str) {
        eprint(text);
    }

    fn confirm(&mut self, question: &str) -> Option<bool> {
        if !self.is_interactive() || !io::stdin().is_terminal() {
            return None;
        }
        let mut err = io::stderr().lock();
        let _ = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).ok()?;
        Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn is_interactive(&self) -> bool {
        io::stderr().is_terminal() && std::env::var_os("CI").is_none()
    }

    fn in_colour(&self) -> bool {
        colour(&io::stderr())
    }

    fn observer(&mut self, watched: &Watched) -> Box<dyn Observer> {
        if self.no_progress {
            Box::new(())
        } else if self.is_interactive() {
            Box::new(Bar::new(watched, self.in_colour()))
        } else {
            Box::new(Lines::new(watched))
        }
    }

    fn watch_signals(&self, signals: mpsc::Sender<Signal>) {
        #[cfg(unix)]
        for kind in [
            tokio::signal::unix::SignalKind::interrupt(),
            tokio::signal::unix::SignalKind::terminate(),
            tokio::signal::unix::SignalKind::hangup(),
        ] {
            let signals = signals.clone();
            if let Ok(mut stream) = tokio::signal::unix::signal(kind) {
                tokio::spawn(async move {
                    while stream.recv().await.is_some() && signals.send(Signal::Stop).await.is_ok() {}
                });
            }
        }
        #[cfg(not(unix))]
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() && signals.send(Signal::Stop).await.is_ok() {}
        });
    }
}

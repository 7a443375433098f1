//! What the tests of the program share: a folder to work in, the program, an emulator in a process of its own, and a
//! server that misbehaves on purpose.

pub(crate) mod books;
pub(crate) mod hostile;
pub(crate) mod money;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The longest that any single invocation of the program may take: far beyond what one needs, so that a hang is a
/// failure and not a stuck build.
const PATIENCE: Duration = Duration::from_secs(40);

/// A key that nothing may show.
pub(crate) const CANARY: &str = "app-CANARY-5f1c2e77d0aa";

/// A folder to work in.
pub(crate) struct Bench {
    dir: TempDir,
}

/// What an invocation of the program came to.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Expects an exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(self.code, Some(code), "\n--- standard output\n{stdout}\n--- standard error\n{stderr}");
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// Expects texts on standard error.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "standard error lacks `{text}`:\n{}", self.stderr);
        }
        self
    }

    /// Reads standard output as exactly one JSON object.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}\n{}", self.stdout, self.stderr))
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file, with the folders above it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn read(&self, name: impl AsRef<Path>) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// A dataset `rows.csv` of so many rows with the columns `id` and `text`.
    pub(crate) fn dataset(&self, rows: usize) {
        let lines: Vec<_> = (1..=rows).map(|row| format!("k{row},text {row}\n")).collect();
        self.write("rows.csv", format!("id,text\n{}", lines.concat()));
    }

    /// A manifest `job.yaml` over `rows.csv` for a service that speaks the API at `base_url`; `rest` is YAML that is
    /// put after it.
    pub(crate) fn job(&self, base_url: &str, mode: &str, rest: &str) {
        self.write(
            "job.yaml",
            format!(
                "version: 1\nname: job\nworkflow:\n  provider: gptbots\n  base_url: {base_url}\n  mode: {mode}\n  \
                 poll: {{first: 20ms, interval: 100ms..200ms}}\ndataset: {{path: rows.csv, key: id}}\n\
                 input: {{text: \"{{{{row.text}}}}\"}}\n{rest}"
            ),
        );
    }

    /// The program in this folder, with nothing of the caller's environment that could sway it, and a key.
    pub(crate) fn command(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowbatch"));
        let sways = |name: &str| {
            let lower = name.to_ascii_lowercase();
            name.starts_with("FLOWBATCH_")
                || name.starts_with("GPTBOTS_")
                || lower.ends_with("_proxy")
                || ["RUST_LOG", "NO_COLOR", "CI", "COLUMNS", "GITHUB_STEP_SUMMARY"].contains(&name)
        };
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(sways) {
                command.env_remove(name);
            }
        }
        command.env("GPTBOTS_API_KEY", "app-test-key-0001");
        command.env("XDG_STATE_HOME", self.path("state"));
        command.current_dir(self.root()).args(args).stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        finish(self.command(args))
    }

    /// Runs the program with environment variables.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Ended {
        let mut command = self.command(args);
        command.envs(variables.iter().copied());
        finish(command)
    }

    /// Runs what the program printed as the way to go on, in the same folder, through a shell as a user would.
    #[cfg(unix)]
    pub(crate) fn run_next(&self, next: &str) -> Ended {
        let program = Path::new(env!("CARGO_BIN_EXE_flowbatch"));
        let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        command.arg("-c").arg(next).env("PATH", path).current_dir(self.root()).stdin(Stdio::null());
        command.env("GPTBOTS_API_KEY", "app-test-key-0001").env("XDG_STATE_HOME", self.path("state"));
        finish(command)
    }

    /// The folder of the only run of `job`, or of the newest.
    pub(crate) fn run_dir(&self) -> PathBuf {
        let mut all: Vec<_> = fs::read_dir(self.path("runs/job"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_name() != Some(OsStr::new("latest")))
            .collect();
        all.sort();
        all.pop().unwrap()
    }

    /// The rows of the newest run's results.jsonl.
    pub(crate) fn results(&self) -> Vec<Value> {
        rows_of(&self.run_dir().join("results.jsonl"))
    }

    /// The outcomes of the newest run's rows, in their order.
    pub(crate) fn outcomes(&self) -> Vec<String> {
        self.results().iter().map(|row| row["outcome"].as_str().unwrap().to_owned()).collect()
    }

    /// report.json of the newest run.
    pub(crate) fn report(&self) -> Value {
        serde_json::from_slice(&fs::read(self.run_dir().join("report.json")).unwrap()).unwrap()
    }
}

/// Reads a file of one JSON object a line.
pub(crate) fn rows_of(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// Runs a command to its end, and ends it when it does not come.
pub(crate) fn finish(mut command: Command) -> Ended {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    Running::of(child).end()
}

/// A command under way.
pub(crate) struct Running {
    child: Child,
    stdout: Option<thread::JoinHandle<String>>,
    stderr: Option<thread::JoinHandle<String>>,
}

fn collect(stream: Option<impl Read + Send + 'static>) -> Option<thread::JoinHandle<String>> {
    let mut stream = stream?;
    Some(thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }))
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        Self::of(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn of(mut child: Child) -> Self {
        let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
        Self { child, stdout, stderr }
    }

    /// Sends a signal by its name.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(mut self) -> Ended {
        let _ = self.child.kill();
        self.end_within(PATIENCE)
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        self.end_within(PATIENCE)
    }

    /// Waits for its end, at most so long: a program that goes on is a failure.
    pub(crate) fn end_within(&mut self, patience: Duration) -> Ended {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > patience {
                let _ = self.child.kill();
                let _ = self.child.wait();
                let [stdout, stderr] = self.streams();
                panic!("it did not end within {patience:?}\n{stdout}\n{stderr}");
            }
            thread::sleep(Duration::from_millis(2));
        };
        let [stdout, stderr] = self.streams();
        Ended { code: status.code(), stdout, stderr }
    }

    fn streams(&mut self) -> [String; 2] {
        [self.stdout.take(), self.stderr.take()]
            .map(|stream| stream.map(|s| s.join().unwrap()).unwrap_or_default())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so, at most for a while.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "it never came to this: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// `flowbatch emulate` in a process of its own, with a ledger.
pub(crate) struct Emulator {
    process: Running,
    pub(crate) url: String,
    pub(crate) ledger: PathBuf,
}

impl Emulator {
    /// Serves a definition; any key is taken.
    pub(crate) fn serve(bench: &Bench, definition: &str) -> Self {
        Self::serve_with(bench, definition, &[])
    }

    pub(crate) fn serve_with(bench: &Bench, definition: &str, more: &[&str]) -> Self {
        bench.write("service.yaml", definition);
        let ledger = bench.path("ledger.jsonl");
        let mut command = bench.command(["emulate", "service.yaml", "--ledger"]);
        command.arg(&ledger).args(more);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut first).unwrap();
        let process = Running { stdout: None, stderr: collect(child.stderr.take()), child };
        let url = first.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{first}")).to_owned();
        Self { process, url, ledger }
    }

    /// What the service executed: one entry for each `executed` line.
    pub(crate) fn executed(&self) -> Vec<Value> {
        self.lines("executed")
    }

    /// What the service took on, executed or not yet.
    pub(crate) fn accepted(&self) -> Vec<Value> {
        self.lines("accepted")
    }

    pub(crate) fn charged(&self) -> Vec<Value> {
        self.lines("charged")
    }

    fn lines(&self, event: &str) -> Vec<Value> {
        let text = fs::read_to_string(&self.ledger).unwrap_or_default();
        // A line that is being written as we read has no end yet.
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        whole
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|line| line["e"] == event)
            .collect()
    }

    /// Kills it and starts another one at the same port, with the same ledger.
    pub(crate) fn die_and_come_back(self, bench: &Bench, definition: &str) -> Self {
        let port = self.url.rsplit(':').next().unwrap().to_owned();
        self.process.kill();
        Self::serve_with(bench, definition, &["--port", &port])
    }

    /// Ends it as Ctrl-C does, and gives what it said on standard error.
    #[cfg(unix)]
    pub(crate) fn stop(self) -> Ended {
        self.process.signal("INT");
        self.process.end()
    }
}

/// Gives each user's count among lines of a ledger.
pub(crate) fn by_user(lines: &[Value]) -> std::collections::BTreeMap<String, usize> {
    let mut counts = std::collections::BTreeMap::new();
    for line in lines {
        *counts.entry(line["user_id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

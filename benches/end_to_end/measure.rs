//! Runs the program and the service it talks to, and takes their measures.

use std::error::Error;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use wait4::Wait4;

use crate::server::{Behaviour, COST, Stats, TOKENS};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Files that each process may have open: the widest run has 5,000 connections.
const FILES: u32 = 16_384;

/// Appends that the time of an fsync is the median of.
const APPENDS: usize = 200;

/// A command that may open as many files as the widest run needs, if the system lets it.
fn command(program: &Path) -> Command {
    if cfg!(unix) {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("ulimit -n {FILES} 2>/dev/null; exec \"$0\" \"$@\"")).arg(program);
        shell
    } else {
        Command::new(program)
    }
}

/// The service, in a process of its own, which ends with this.
#[derive(Debug)]
pub(crate) struct Service {
    child: Child,
    address: String,
}

impl Service {
    pub(crate) fn start(behaviour: Behaviour) -> Result<Self> {
        let mut child = command(&std::env::current_exe()?)
            .arg("--serve")
            .arg(serde_json::to_string(&behaviour)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut address)?;
        }
        if address.is_empty() {
            return Err("the service did not start".into());
        }
        Ok(Self { child, address: address.trim_end().to_owned() })
    }

    /// Tells what it saw since this was asked last.
    fn stats(&self) -> Result<Stats> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.write_all(b"GET /stats HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("no statistics")?;
        Ok(serde_json::from_str(body)?)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A job to run, in a folder of its own.
#[derive(Debug)]
pub(crate) struct Job {
    folder: tempfile::TempDir,
    service: Service,
    program: PathBuf,
    asked: Asked,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_bytes: u64,
    /// From the start of the process to the arrival of its first invoke at the service.
    pub(crate) to_first_send: Duration,
    pub(crate) service: Stats,
    /// The time of an fsync just before; none where the journal is not fsynced.
    pub(crate) fsync: Option<Duration>,
    /// CPU time of the whole machine in the meantime, where it can be told.
    pub(crate) machine: Option<Duration>,
}

impl Measured {
    /// The share of the machine's CPUs that others took: much of it, and the figures say little.
    pub(crate) fn share_of_others(&self) -> Option<f64> {
        let ours = self.cpu + Duration::from_millis(self.service.cpu_ms?);
        let others = self.machine?.saturating_sub(ours).as_secs_f64();
        let cores = std::thread::available_parallelism().ok()?.get() as f64;
        Some(others / (cores * self.wall.as_secs_f64()))
    }

    /// The service's share of the CPU time of both.
    pub(crate) fn share_of_service(&self) -> Option<f64> {
        let service = Duration::from_millis(self.service.cpu_ms?).as_secs_f64();
        Some(service / (service + self.cpu.as_secs_f64()))
    }

    pub(crate) fn latency(&self) -> Duration {
        Duration::from_secs_f64(self.service.mean_us / 1e6)
    }
}

/// What is asked of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) rows: u64,
    pub(crate) behaviour: Behaviour,
    /// Whether the journal is fsynced.
    pub(crate) power: bool,
}

impl Job {
    /// Writes dataset and manifest below a folder, and starts the service.
    pub(crate) fn new(program: &Path, below: &Path, asked: Asked) -> Result<Self> {
        let folder = tempfile::tempdir_in(below)?;
        let service = Service::start(asked.behaviour)?;
        let mut rows = BufWriter::new(File::create(folder.path().join("rows.csv"))?);
        writeln!(rows, "id,lang,subject,text")?;
        for row in 1..=asked.rows {
            writeln!(
                rows,
                "T-{row},en,A question about invoice {row},\"Hello, where do I find invoice {row}?\""
            )?;
        }
        rows.into_inner()?.sync_all()?;
        let manifest = format!(
            "version: 1\nname: bench\n\
             workflow:\n  provider: gptbots\n  base_url: http://{address}\n  mode: {mode}\n{poll}\
             dataset: rows.csv\n\
             input: {{subject: \"{{{{row.subject}}}}\", text: \"{{{{row.text}}}}\"}}\n\
             limits: {{concurrency: {places}}}\n\
             output: {{durability: {durability}}}\n",
            address = service.address,
            mode = if asked.behaviour.acknowledges { "async" } else { "sync" },
            poll = if asked.behaviour.acknowledges { "  poll: {interval: 100ms..15s}\n" } else { "" },
            places = asked.behaviour.places,
            durability = if asked.power { "power" } else { "process" },
        );
        fs::write(folder.path().join("bench.yaml"), manifest)?;
        Ok(Self { folder, service, program: program.to_owned(), asked })
    }

    /// Runs the manifest; see [`Job::measure`].
    pub(crate) fn run(&self, more: &[&str], sent: u64, rows: u64) -> Result<Measured> {
        let run = ["run", "bench.yaml", "--new", "--yes", "--no-progress", "--json"];
        self.measure(&[&run, more].concat(), sent, rows)
    }

    /// Runs the program. It must have sent so many rows, and so many must have succeeded in all, each once, at the
    /// service's price, with never more open than allowed: a figure of anything else says nothing.
    pub(crate) fn measure(&self, args: &[&str], sent: u64, rows: u64) -> Result<Measured> {
        let fsync = if self.asked.power { Some(fsync_time(self.folder.path())?) } else { None };
        self.service.stats()?;
        let told = File::create(self.folder.path().join("told.txt"))?;
        let busy_before = machine_busy();
        let begin = SystemTime::now();
        let start = Instant::now();
        let mut child = command(&self.program)
            .args(args.iter().map(OsStr::new))
            .current_dir(self.folder.path())
            .env("GPTBOTS_API_KEY", "bench")
            .env("XDG_STATE_HOME", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(told)
            .spawn()?;
        let mut summary = String::new();
        if let Some(mut out) = child.stdout.take() {
            out.read_to_string(&mut summary)?;
        }
        let ended = child.wait4()?;
        let wall = start.elapsed();
        let machine = machine_busy().zip(busy_before).map(|(now, before)| now.saturating_sub(before));
        let service = self.service.stats()?;
        if !ended.status.success() {
            let told = fs::read_to_string(self.folder.path().join("told.txt"))?;
            return Err(format!("{} ended with {}: {told}{summary}", args.join(" "), ended.status).into());
        }
        let places = self.asked.behaviour.places;
        if service.busiest > places {
            return Err(format!("{} in flight where {places} are allowed", service.busiest).into());
        }
        verify(&serde_json::from_str(&summary)?, &service, sent, rows)?;
        let since_1970 = begin.duration_since(UNIX_EPOCH)?;
        let first = service.first_us.map_or(since_1970, Duration::from_micros);
        Ok(Measured {
            wall,
            cpu: ended.rusage.utime + ended.rusage.stime,
            peak_bytes: ended.rusage.maxrss,
            to_first_send: first.saturating_sub(since_1970),
            service,
            fsync,
            machine,
        })
    }
}

fn verify(summary: &Value, service: &Stats, sent: u64, rows: u64) -> Result<()> {
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok());
    let found = [
        ("rows that succeeded", summary["rows"]["succeeded"].as_u64(), rows),
        ("rows in all", summary["rows"]["total"].as_u64(), rows),
        ("rows sent", Some(service.invokes), sent),
        ("invokes", summary["invokes"].as_u64(), rows),
        ("cost", number(&summary["cost"]["total"]).map(|cost| cost as u64), rows * COST),
        ("tokens", summary["tokens"]["total"].as_u64(), rows * TOKENS),
    ];
    for (what, found, expected) in found {
        if found != Some(expected) {
            return Err(format!("{what}: {found:?} instead of {expected}\n{summary}").into());
        }
    }
    Ok(())
}

/// The median time that a small append and its fsync take.
fn fsync_time(folder: &Path) -> Result<Duration> {
    let mut file = tempfile::tempfile_in(folder)?;
    let mut took = Vec::with_capacity(APPENDS);
    for _ in 0..APPENDS {
        let start = Instant::now();
        file.write_all(&[b'x'; 512])?;
        file.sync_data()?;
        took.push(start.elapsed());
    }
    took.sort_unstable();
    Ok(took[APPENDS / 2])
}

/// The CPU time that the machine has spent, on Linux, whose clock ticks are 10 ms in /proc.
fn machine_busy() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> = stat.lines().next()?.split_whitespace().skip(1).flat_map(str::parse).collect();
    // user, nice, system; then idle and waiting; then interrupts, and what other guests took.
    let busy = ticks.iter().take(8).sum::<u64>() - ticks.iter().skip(3).take(2).sum::<u64>();
    Some(Duration::from_millis(10 * busy))
}

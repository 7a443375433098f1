//! `flowbatch serve`: the runs below a folder as pages, until it is stopped.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use crate::commands::{Done, Failure, Host};
use crate::journal::RunFolder;
use crate::model::Reason;
use crate::serve::{Options, Server};

/// `serve`'s arguments.
#[derive(Clone, Debug)]
pub struct ServeArgs {
    /// The folder that runs are kept in.
    pub dir: PathBuf,
    /// `--listen`.
    pub listen: SocketAddr,
    /// `--name`: names that the server goes by.
    pub names: Vec<String>,
}

/// A server beside a run, in a thread of its own. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Beside {
    url: String,
    /// The thread ends when this is dropped.
    _stop: oneshot::Sender<()>,
}

impl Beside {
    /// Starts to serve the runs below a folder.
    pub(crate) fn start(address: SocketAddr, dir: PathBuf) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::environment(Reason::Network, format!("cannot serve on {address} (--serve): {error}"))
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let options = Options { dir, address, names: Vec::new() };
        let server = runtime.block_on(Server::start(options)).map_err(failed)?;
        let url = server.url();
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = move || {
            // It comes to an end with an error, since nothing is ever sent.
            let _ = runtime.block_on(stopped);
            drop(server);
        };
        std::thread::Builder::new().name("serve".to_owned()).spawn(serve).map_err(failed)?;
        Ok(Self { url, _stop: stop })
    }

    /// Starts to serve the runs beside a run that is there, and gives the address of its page.
    pub(crate) fn of_run(address: SocketAddr, folder: &RunFolder) -> Result<(Self, String), Failure> {
        let path = folder.path();
        // `latest` is a link, and not the name that a server lists the run by.
        let path = path.canonicalize().map_err(Failure::disk(path))?;
        let mut above = path.ancestors().skip(1);
        let manifest = above.next().and_then(Path::file_name).unwrap_or_default();
        let beside = Self::start(address, above.next().unwrap_or(Path::new("/")).to_owned())?;
        let run_id = path.file_name().unwrap_or_default();
        let page = beside.page_of(&manifest.to_string_lossy(), &run_id.to_string_lossy());
        Ok((beside, page))
    }

    /// Gives the address of a run's page.
    pub(crate) fn page_of(&self, manifest: &str, run_id: &str) -> String {
        format!("{}runs/{manifest}/{run_id}/", self.url)
    }
}

/// Serves until a signal comes. `ready` is called with the address once it answers.
pub fn serve(args: &ServeArgs, host: &mut dyn Host, ready: impl FnOnce(&str)) -> Result<Done, Failure> {
    if !args.dir.is_dir() {
        return Err(Failure::mistake(format!("{}: there is no such folder", args.dir.display())));
    }
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::environment(Reason::Disk, error.to_string()))?;
    runtime.block_on(async {
        let (signal, mut signals) = mpsc::channel(1);
        host.watch_signals(signal);
        let options = Options { dir: args.dir.clone(), address: args.listen, names: args.names.clone() };
        let server = Server::start(options).await.map_err(|error| {
            Failure::environment(Reason::Network, format!("cannot listen on {}: {error}", args.listen))
        })?;
        if !args.listen.ip().is_loopback() {
            host.say(
                "whoever reaches this address can read every run: put a proxy that asks who it is before it",
            );
        }
        ready(server.url().trim_end_matches('/'));
        let _ = signals.recv().await;
        Ok(Done::with(String::new()))
    })
}

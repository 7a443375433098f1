//! `flowbatch init`: a folder that runs at once, to be changed from there.

use std::path::PathBuf;

use crate::artifact::Artifact;
use crate::commands::run::quoted;
use crate::commands::{Done, Failure, Host};

/// `init`'s arguments.
#[derive(Clone, Debug, Default)]
pub struct InitArgs {
    /// The folder; the present one by default.
    pub folder: PathBuf,
}

const FILES: [(&str, &str); 3] = [
    ("flowbatch.yaml", include_str!("init/flowbatch.yaml")),
    ("dataset.csv", include_str!("init/dataset.csv")),
    ("workflow.yaml", include_str!("init/workflow.yaml")),
];

/// Writes a manifest, a small dataset and an emulated workflow. Overwrites nothing.
pub fn init(args: &InitArgs, _host: &mut dyn Host) -> Result<Done, Failure> {
    for (name, _) in FILES {
        let path = args.folder.join(name);
        if path.exists() {
            return Err(Failure::mistake(format!(
                "{} is there already; nothing was written",
                path.display()
            )));
        }
    }
    std::fs::create_dir_all(&args.folder).map_err(Failure::disk(&args.folder))?;
    for (name, text) in FILES {
        let path = args.folder.join(name);
        Artifact::write(&path, text.as_bytes()).map_err(Failure::disk(&path))?;
    }
    let manifest = args.folder.join("flowbatch.yaml");
    let listed: Vec<_> =
        FILES.iter().map(|(name, _)| format!("  {}", args.folder.join(name).display())).collect();
    Ok(Done::with(format!("{}\nNext: flowbatch run {}\n", listed.join("\n"), quoted(&manifest))))
}

//! What is generated from the command line: completion scripts, and docs/cli.md.

use std::fmt::Write;

use clap::CommandFactory;

use crate::cli::Cli;

/// Writes the completion script of a shell.
pub(super) fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "flowbatch", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes the reference of all commands, as docs/cli.md holds it.
pub fn reference() -> String {
    let mut text = String::from(
        "# Command line\n\nGenerated from the program; `UPDATE_GENERATED=1 cargo test --test generated` writes it anew.\n",
    );
    let mut root = Cli::command().term_width(100);
    root.build();
    describe(&mut text, &mut root, "flowbatch");
    text
}

fn describe(text: &mut String, command: &mut clap::Command, name: &str) {
    let help = command.render_long_help().to_string();
    let help: Vec<_> = help.lines().map(str::trim_end).collect();
    let _ = write!(text, "\n## `{name}`\n\n```text\n{}\n```\n", help.join("\n").trim_end());
    let subcommands: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for sub in subcommands.iter().filter(|sub| *sub != "help") {
        if let Some(command) = command.find_subcommand_mut(sub) {
            describe(text, command, &format!("{name} {sub}"));
        }
    }
}

//! What the command line says about itself: completions and the man page.

use std::io;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use super::args::{self, Args};
use super::facts;

/// What a command prints that checks nothing, if this is one.
pub fn text(args: &Args) -> Option<Vec<u8>> {
    match &args.command {
        Some(args::Command::Completions { shell }) => Some(completions(args::command(&[]), *shell)),
        // Nothing but memory is written to.
        Some(args::Command::Man) => Some(man(args::command(&[])).unwrap_or_default()),
        _ => None,
    }
}

/// The completions for a shell.
fn completions(mut command: Command, shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "smtpcheck", &mut script);
    script
}

/// The man page: the main command, then each other one with its own options.
fn man(command: Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let commands: Vec<Command> = command.get_subcommands().cloned().collect();
    let after = long_help(&command);
    // What whatis(1) and apropos(1) show has to be short.
    let short = command.clone().about("check whether mail gets through to a domain's servers");
    let title = Man::new(short).manual("User Commands");
    let title = title.source(format!("smtpcheck {}", facts::VERSION));
    title.render_title(&mut page)?;
    title.render_name_section(&mut page)?;
    let main = Man::new(command);
    main.render_synopsis_section(&mut page)?;
    main.render_description_section(&mut page)?;
    main.render_options_section(&mut page)?;
    for command in commands {
        let heading = format!(".SH COMMAND {}\n", command.get_name().to_uppercase());
        page.extend(heading.into_bytes());
        let after_command = long_help(&command);
        let man = Man::new(command);
        let mut section = Vec::new();
        man.render_description_section(&mut section)?;
        man.render_options_section(&mut section)?;
        page.extend(below(&section));
        page.extend(below(shown_as_typed(&after_command).as_bytes()));
    }
    page.extend(shown_as_typed(&after).into_bytes());
    Ok(page)
}

/// What stands below the options in the long help, with its lines kept: a paragraph that begins with
/// a heading becomes a section, any other one is about the environment.
fn shown_as_typed(help: &str) -> String {
    let mut page = String::new();
    for paragraph in help.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        let (heading, lines) = match paragraph.split_once(":\n") {
            Some((heading, lines)) if !heading.contains('\n') => (heading, lines),
            _ => ("Environment", paragraph),
        };
        page.push_str(&format!(".SH {}\n.nf\n", heading.to_uppercase()));
        for line in lines.lines() {
            // A hyphen that is typed is a minus sign in roff; nothing may look like a request.
            let line = line.replace('\\', "\\e").replace('-', "\\-");
            page.push_str(&format!("\\&{line}\n"));
        }
        page.push_str(".fi\n");
    }
    page
}

fn long_help(command: &Command) -> String {
    command.get_after_long_help().map(ToString::to_string).unwrap_or_default()
}

/// A part of a page one level further down: its sections become subsections.
fn below(section: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(section);
    text.replace("\n.SH ", "\n.SS ").replacen(".SH ", ".SS ", 1).into_bytes()
}

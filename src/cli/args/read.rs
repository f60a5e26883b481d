//! From words to [`Args`]: command line over environment over configuration over defaults.
//!
//! Knows which of them counts, and what is said about a mistake. Must not know what any option
//! means.

use std::ffi::{OsStr, OsString};
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, ValueEnum};

use super::{
    Args, Command, FOR_EXPLAIN, FormatArg, NOTHING_FOR_NETWORK, NOTHING_TO_TRACE, ReportArg,
    ServerArg, Stop, nearest, parse_report,
};
use crate::cli::config::{Config, Given};
use crate::cli::facts;
use crate::names::{Host, Server};

impl Args {
    /// Reads the command line, the `SMTPCHECK_*` environment and the configuration that they name;
    /// the program's name comes first.
    ///
    /// # Errors
    ///
    /// A mistake, told in one line that names the value and says what is allowed; or the text
    /// that `--help` and `--version` ask for.
    pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, Stop> {
        let words: Vec<OsString> = words.into_iter().collect();
        let command = command(&[]);
        let names: Vec<String> =
            command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        let matches = command.try_get_matches_from(&words).map_err(|error| stop(&error, &words))?;
        let path = matches.get_one::<PathBuf>("config").cloned();
        let config = match &path {
            None => Config::default(),
            Some(path) => Config::read(path).map_err(Stop::Usage)?,
        };
        // What the file says stands where the defaults stood, so whatever else is said counts more.
        let matches = match config.given.is_empty() {
            true => matches,
            false => self::command(&config.given)
                .try_get_matches_from(&words)
                .map_err(|error| stop(&error, &words))?,
        };
        let mut args = Self::from_arg_matches(&matches).map_err(|error| stop(&error, &words))?;
        args.configured = config.targets;
        args.complete(&matches, &config.given)?;
        args.look_for_commands(&words, &names)?;
        args.look_for_ports_in_addresses();
        args.look_for_idle_options(&matches);
        Ok(args)
    }

    /// The format that a command line asks for, though it cannot be used as it stands: a mistake
    /// is told in it. clap gives up at the mistake, wherever the format stands.
    pub fn format_asked(words: &[OsString]) -> Option<FormatArg> {
        let mut words = words.iter().skip(1).filter_map(|word| word.to_str());
        let mut asked = std::env::var("SMTPCHECK_FORMAT").ok();
        while let Some(word) = words.next().filter(|word| *word != "--") {
            let short = || {
                let word = word.strip_prefix('-').filter(|word| !word.starts_with('-'))?;
                word.trim_start_matches(['4', '6', 'q', 'v', 'h', 'V']).strip_prefix('f')
            };
            match (word.strip_prefix("--format"), short()) {
                (Some(""), _) | (_, Some("")) => asked = words.next().map(str::to_owned),
                (Some(value), _) | (_, Some(value)) => {
                    asked = Some(value.strip_prefix('=').unwrap_or(value).to_owned());
                }
                _ => {}
            }
        }
        FormatArg::from_str(asked?.trim(), false).ok()
    }

    /// Settles what depends on where a value comes from.
    fn complete(&mut self, matches: &ArgMatches, given: &[Given]) -> Result<(), Stop> {
        if self.ipv4 && self.ipv6 {
            // The command line counts more than the environment, and that more than the file.
            let rank = |id| match matches.value_source(id) {
                Some(ValueSource::CommandLine) => 2,
                Some(ValueSource::EnvVariable) => 1,
                _ => 0,
            };
            let (v4, v6) = (rank("ipv4"), rank("ipv6"));
            if v4 == v6 {
                return Err(Stop::Usage("--ipv4 and --ipv6 exclude each other".to_owned()));
            }
            (self.ipv4, self.ipv6) = (v4 > v6, v6 > v4);
        }
        let in_file = |id: &str| given.iter().any(|given| given.id == id);
        let is_default = |id| matches.value_source(id) == Some(ValueSource::DefaultValue);
        self.ports_given = !is_default("ports") || in_file("ports");
        // A path may have a comma in it, so only the environment's list is cut at commas.
        if matches.value_source("ca_file") == Some(ValueSource::EnvVariable) {
            self.ca_file = self.ca_file.iter().flat_map(|list| split_at_commas(list)).collect();
        }
        if matches.value_source("report") == Some(ValueSource::EnvVariable) {
            self.report = split_reports(&self.report)?;
        }
        // What the file says of one target counts less than the command line and the environment.
        let by_hand = |id| matches.value_source(id).is_some() && !is_default(id);
        for table in &mut self.configured {
            if by_hand("submission") {
                table.submission = None;
            }
            if by_hand("fail_on") {
                table.fail_on = None;
            }
        }
        let nothing = self.targets.is_empty() && self.submission.is_empty() && self.input.is_none();
        if self.command.is_none() && nothing && self.configured.is_empty() {
            return Err(Stop::Usage(
                "name a TARGET to check, as in `smtpcheck example.com`, or a server with -s (--help \
                 lists every option)"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Finds commands, and what may have been meant as one, among the targets.
    fn look_for_commands(&mut self, words: &[OsString], names: &[String]) -> Result<(), Stop> {
        if words.iter().any(|word| word == "--") {
            return Ok(());
        }
        // Behind a target clap takes a command's name for another target.
        if let Some(name) = self.targets.iter().find(|target| names.contains(target)) {
            return Err(Stop::Usage(format!(
                "`{name}` is a command and stands before everything but options; a target of that \
                 name stands behind `--`"
            )));
        }
        // A name without a dot may well be a domain, so this is a word and no refusal.
        let first = self.targets.first().filter(|first| !first.contains(['.', ':', '@']));
        self.hints.extend(first.and_then(|first| {
            if first == "help" {
                return Some("`help` is taken for a domain; `smtpcheck --help` helps".to_owned());
            }
            let near = nearest(first, names.iter().map(String::as_str))?;
            Some(format!("`{first}` is taken for a domain; did you mean the command `{near}`?"))
        }));
        Ok(())
    }

    /// Remarks on addresses that look like an address and a port, and are another address.
    fn look_for_ports_in_addresses(&mut self) {
        let hosts = match &self.command {
            Some(Command::Trace { hosts }) => hosts.as_slice(),
            _ => &[],
        };
        let servers = self.submission.iter().chain(&self.control).filter_map(|given| match given {
            ServerArg::Server(Server { host: Host::Address(address), port: None }) => {
                Some(address.to_string())
            }
            _ => None,
        });
        let named = self.targets.iter().chain(hosts).cloned().chain(servers);
        let hints = named.filter_map(|text| {
            text.parse::<Ipv6Addr>().ok()?;
            let (address, port) = text.rsplit_once(':')?;
            address.parse::<Ipv6Addr>().ok()?;
            // Any number of up to four digits may be an address's; these are hardly ever.
            let is_port = self.ports.iter().any(|asked| asked.port.to_string() == port);
            is_port.then(|| {
                format!("`{text}` is taken for an address; did you mean `[{address}]:{port}`?")
            })
        });
        let hints: Vec<String> = hints.collect();
        self.hints.extend(hints);
    }

    /// Remarks on options that decide what counts, and that a command has no use for. About others
    /// there is no word: whoever gives them to every command does no harm.
    fn look_for_idle_options(&mut self, matches: &ArgMatches) {
        let (name, why) = match &self.command {
            Some(Command::Network) => {
                ("network", "`network` judges no target; -p says which ports it asks about")
            }
            Some(Command::Trace { .. }) => ("trace", "`trace` finds no fault"),
            _ => return,
        };
        for (id, long) in
            [("ignore", "--ignore"), ("blocked_here", "--blocked-here"), ("fail_on", "--fail-on")]
        {
            let typed = matches.value_source(id) == Some(ValueSource::CommandLine);
            if typed && is_idle(name, id) {
                self.hints.push(format!("{long} changes nothing here: {why}"));
            }
        }
    }
}

/// The command line, with what the configuration gives in the place of the defaults.
pub(in crate::cli) fn command(given: &[Given]) -> clap::Command {
    // Each variable beside its option would make the help twice as long; it tells the rule.
    // An empty variable is as good as none: pipelines set them so.
    let mut command = Args::command().mut_args(|option| {
        let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|v| v.is_empty());
        let option = match given.iter().find(|given| option.get_id() == given.id.as_str()) {
            Some(given) => option.default_values(&given.values),
            None => option,
        };
        match option.get_env().is_some_and(is_empty) {
            true => option.env(Resettable::Reset),
            false => option.hide_env(true),
        }
    });
    // Only then do the commands have the options that stand before or after them.
    command.build();
    let version = "Print the version; -V says also what the program is built from";
    command = command.mut_arg("version", |option| option.help(version));
    let names: Vec<String> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for name in names {
        command = command.mut_subcommand(&name, |command| {
            command.mut_args(|option| {
                let idle = is_idle(&name, option.get_id().as_str());
                option.hide(idle)
            })
        });
    }
    command
}

/// Whether an option changes nothing for a command. It is taken all the same, since it may stand in
/// front of the command, in the environment or in the configuration.
fn is_idle(command: &str, option: &str) -> bool {
    match command {
        "trace" => NOTHING_TO_TRACE.contains(&option),
        "network" => NOTHING_FOR_NETWORK.contains(&option),
        "explain" => option != "code" && !FOR_EXPLAIN.contains(&option),
        "completions" => !["help", "shell"].contains(&option),
        "man" => option != "help",
        _ => false,
    }
}

/// The environment's list: each part behind a comma is a value of its own.
fn split_reports(reports: &[ReportArg]) -> Result<Vec<ReportArg>, Stop> {
    let mut split = Vec::new();
    for ReportArg { format, file } in reports {
        let files = split_at_commas(file);
        for (i, part) in files.into_iter().enumerate() {
            let part = match (i, part.to_str()) {
                (0, _) | (_, None) => ReportArg { format: *format, file: part },
                (_, Some(text)) => parse_report(text)
                    .map_err(|why| Stop::Usage(format!("SMTPCHECK_REPORT: `{text}`: {why}")))?,
            };
            split.push(part);
        }
    }
    Ok(split)
}

pub(super) fn split_at_commas(list: &Path) -> Vec<PathBuf> {
    match list.to_str() {
        Some(list) => list.split(',').filter(|p| !p.is_empty()).map(PathBuf::from).collect(),
        None => vec![list.to_owned()],
    }
}

/// Makes one line of clap's several, without the usage that nobody reads there.
pub(super) fn stop(error: &clap::Error, words: &[OsString]) -> Stop {
    let text = error.render().to_string();
    if error.kind() == ErrorKind::DisplayVersion {
        // As in other tools, `--version --verbose` says more.
        let more = words.iter().any(|word| word == "-v" || word == "--verbose");
        let version = if more { facts::BUILD } else { return Stop::Show(text) };
        return Stop::Show(format!("smtpcheck {version}\n"));
    }
    if !error.use_stderr() {
        return Stop::Show(text);
    }
    if error.kind() == ErrorKind::MissingRequiredArgument {
        let nothing = match text.lines().find(|line| line.trim_start().starts_with('<')) {
            Some(line) if line.contains("<SHELL>") => {
                "name a shell, as in `smtpcheck completions bash`"
            }
            _ => "name a HOST to trace, as in `smtpcheck trace mail.example.com`",
        };
        return Stop::Usage(format!("{nothing} (--help lists every option)"));
    }
    let line = match variable_at_fault(error, words) {
        Some((option, variable)) => one_line(&text).replace(&format!("'{option}'"), &variable),
        None => one_line(&text),
    };
    Stop::Usage(format!("{line} (--help lists every option)"))
}

/// The option as clap names it and its variable, where a value is wrong that nobody typed: the
/// command line alone would then do.
fn variable_at_fault(error: &clap::Error, words: &[OsString]) -> Option<(String, String)> {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let long = option.strip_prefix("--")?.split([' ', '.']).next()?;
    let mut command = Args::command().mut_args(|option| option.env(Resettable::Reset));
    command.build();
    let is_typed = |other: clap::Error| other.to_string() == error.to_string();
    if command.try_get_matches_from(words).is_err_and(is_typed) {
        return None;
    }
    let command = Args::command();
    let known = command.get_arguments().find(|known| known.get_long() == Some(long))?;
    Some((option.clone(), known.get_env()?.to_str()?.to_owned()))
}

/// The lines of an error that say something, as one.
pub(in crate::cli) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for part in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        // The usage may have several lines; nothing but a pointer to --help follows it.
        if part.starts_with("Usage:") || part.starts_with("For more information") {
            break;
        }
        let part = part.strip_prefix("error: ").unwrap_or(part);
        if !line.is_empty() {
            line.push_str(if line.ends_with(':') { " " } else { "; " });
        }
        line.push_str(part);
    }
    line
}

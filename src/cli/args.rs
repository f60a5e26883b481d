//! The command line. The doc comments are the help that users read.
//!
//! Knows how options are spelt. Must not know what is done with them: [`plan`](crate::plan)
//! refuses nonsense between options, this file only within one.

mod examples;
mod read;
mod values;

pub(super) use self::read::{command, one_line};
pub(super) use self::values::{nearest, parse_code, parse_server_or_none};

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use self::examples::{
    COMPLETIONS_EXAMPLES, EXAMPLES, EXPLAIN_EXAMPLES, NETWORK_EXAMPLES, TRACE_EXAMPLES, USAGE,
};
use self::values::{
    parse_address, parse_connect_to, parse_helo, parse_port_mode, parse_rate, parse_report,
    parse_resolver, parse_seconds,
};
use super::config::TargetTable;
use super::facts;
use crate::diagnosis::demands::BlockedHere;
use crate::names::{Host, Server};
use crate::plan::TraceWhen;
use crate::port::PortMode;

/// Checks whether mail gets through: finds a domain's mail exchangers and its submission server,
/// tries ports 25, 465, 587 and 2525 on all of them, and says which are open, blocked or
/// misconfigured, and what to do.
#[derive(Debug, Parser)]
#[command(name = "smtpcheck", version = facts::BUILD, long_version = facts::VERSION, max_term_width = 100, after_long_help = EXAMPLES)]
// A target may be called `help`; only the commands of the contract are taken from targets.
#[command(disable_help_subcommand = true, override_usage = USAGE)]
pub struct Args {
    /// What to check: a domain, me@example.com, host:port, an IP address, or - for a list on
    /// standard input
    ///
    /// A domain may be internationalised (bücher.example). A server is written host:port,
    /// `[2001:db8::1]:25` or as a bare IP address; MX is then not looked up, and with a port only
    /// that port is probed. `-` reads targets from standard input, one a line; blank lines and
    /// lines that begin with # are ignored.
    #[arg(value_name = "TARGET", value_hint = ValueHint::Hostname)]
    pub targets: Vec<String>,

    /// Read targets, options and expectations from this TOML file
    ///
    /// Each option by its long name (`timeout = 10`), then each target with what must be true of it:
    /// `[[target]]` with `name`, `submission`, `expect`, `ignore` and `fail-on`. The command line
    /// counts more than the environment, and that more than the file. Targets on the command line
    /// are checked in place of those in the file.
    #[arg(long, env = "SMTPCHECK_CONFIG", value_name = "FILE", value_hint = ValueHint::FilePath,
          help_heading = WHAT, global = true)]
    pub config: Option<PathBuf>,

    /// Read targets from this file, one a line
    ///
    /// As `-` reads them from standard input. With --format jsonl they are read as they are needed,
    /// each result leaves as soon as it is there, and memory does not grow with the list: that is the
    /// format for long lists.
    #[arg(long, env = "SMTPCHECK_INPUT", value_name = "FILE", value_hint = ValueHint::FilePath,
          help_heading = WHAT, global = true)]
    pub input: Option<PathBuf>,

    /// Skip the targets that this JSONL file of an interrupted run already holds
    ///
    /// It may be the file of --output, and it may be missing. A last line that was cut off does not
    /// count, nor does a target that was interrupted or could not be looked up or dialled: it is
    /// checked once more. What the file says counts for the exit code.
    #[arg(long, env = "SMTPCHECK_RESUME", value_name = "FILE", value_hint = ValueHint::FilePath,
          help_heading = WHAT, global = true)]
    pub resume: Option<PathBuf>,

    /// The submission server, or `none`; repeatable [default: found through SRV records]
    ///
    /// HOST is probed on the ports of --ports, HOST:PORT on that port only. `none` checks none.
    /// SRV records (RFC 6186, RFC 8314) are then not asked for.
    #[arg(short, long, env = "SMTPCHECK_SUBMISSION", value_name = "HOST[:PORT]",
          value_delimiter = ',', value_parser = parse_server_or_none, help_heading = WHAT, global = true)]
    pub submission: Vec<ServerArg>,

    /// Ports to probe, each PORT, PORT=starttls or PORT=implicit
    ///
    /// 465 is implicit TLS by default, every other port STARTTLS.
    #[arg(short, long, env = "SMTPCHECK_PORTS", value_name = "LIST", value_delimiter = ',',
          value_parser = parse_port_mode, default_value = "25,465,587,2525", help_heading = WHAT, global = true)]
    pub ports: Vec<PortMode>,

    /// Use IPv4 only
    #[arg(short = '4', long, env = "SMTPCHECK_IPV4", action = ArgAction::SetTrue,
          value_parser = FalseyValueParser::new(), help_heading = WHAT, global = true)]
    pub ipv4: bool,

    /// Use IPv6 only
    #[arg(short = '6', long, env = "SMTPCHECK_IPV6", action = ArgAction::SetTrue,
          value_parser = FalseyValueParser::new(), help_heading = WHAT, global = true)]
    pub ipv6: bool,

    /// Longest wait for one TCP connection, in seconds
    #[arg(long, env = "SMTPCHECK_CONNECT_TIMEOUT", value_name = "SECS", default_value = "8",
          value_parser = parse_seconds, allow_negative_numbers = true, help_heading = HOW, global = true)]
    pub connect_timeout: Duration,

    /// Longest time for one endpoint's conversation, in seconds, connection included
    ///
    /// A greeting is waited for as long as this lasts. Where it ends in silence, one further look
    /// of at most 5 seconds may follow on a new connection.
    #[arg(long, env = "SMTPCHECK_TIMEOUT", value_name = "SECS", default_value = "30",
          value_parser = parse_seconds, allow_negative_numbers = true, help_heading = HOW, global = true)]
    pub timeout: Duration,

    /// Probes under way at once
    #[arg(short, long, env = "SMTPCHECK_JOBS", value_name = "N", default_value = "256",
          value_parser = clap::value_parser!(u16).range(1..), help_heading = HOW, global = true)]
    pub jobs: u16,

    /// Connections that are begun a second, at most [default: as many as --jobs allows]
    #[arg(long, env = "SMTPCHECK_RATE", value_name = "N", value_parser = parse_rate,
          allow_negative_numbers = true, help_heading = HOW, global = true)]
    pub rate: Option<f64>,

    /// Ask this name server instead of the system's; repeatable
    ///
    /// /etc/hosts is then not looked at.
    #[arg(long, env = "SMTPCHECK_RESOLVER", value_name = "ADDR[:PORT]", value_delimiter = ',',
          value_parser = parse_resolver, help_heading = HOW, global = true)]
    pub resolver: Vec<SocketAddr>,

    /// Dial ADDR:PORT when HOST:PORT is meant; repeatable
    ///
    /// As in curl: HOST or PORT may be empty, which stands for any. HOST is then not looked up.
    #[arg(long, env = "SMTPCHECK_CONNECT_TO", value_name = "HOST:PORT:ADDR:PORT",
          value_delimiter = ',', value_parser = parse_connect_to, help_heading = HOW, global = true)]
    pub connect_to: Vec<ConnectTo>,

    /// Trust the certificates in this PEM file as well as the built-in roots; repeatable
    #[arg(long, env = "SMTPCHECK_CA_FILE", value_name = "PEM", value_hint = ValueHint::FilePath,
          help_heading = HOW, global = true)]
    pub ca_file: Vec<PathBuf>,

    /// Name to give in EHLO [default: this host's full name, else an address literal]
    #[arg(long, env = "SMTPCHECK_HELO", value_name = "NAME", value_parser = parse_helo,
          help_heading = HOW, global = true)]
    pub helo: Option<String>,

    /// A mail server known to be good, to ask where a port fails; repeatable, or `none`
    ///
    /// Where a port that has to work fails, two unrelated mail servers are asked for their greeting
    /// on the same port, to tell a block on this side from a fault on the other. HOST replaces the
    /// built-in ones; `none` asks nobody.
    #[arg(long, env = "SMTPCHECK_CONTROL", value_name = "HOST", value_delimiter = ',',
          value_parser = parse_server_or_none, help_heading = HOW, global = true)]
    pub control: Vec<ServerArg>,

    /// Trace the path of ports that do not answer
    #[arg(long, env = "SMTPCHECK_TRACE", value_name = "WHEN", default_value = "auto",
          help_heading = HOW, global = true)]
    pub trace: TraceArg,

    /// Local address to connect from; one a family
    #[arg(long, env = "SMTPCHECK_BIND", value_name = "ADDR", value_delimiter = ',',
          value_parser = parse_address, help_heading = HOW, global = true)]
    pub bind: Vec<IpAddr>,

    /// Never connect to an address that is not public
    ///
    /// For services that check what others type: private, shared, loopback, link-local, unspecified
    /// and multicast addresses are then skipped, whether DNS, /etc/hosts, the command line or
    /// --connect-to gave them. Name servers are asked wherever they are.
    #[arg(long, env = "SMTPCHECK_PUBLIC_ONLY", action = ArgAction::SetTrue,
          value_parser = FalseyValueParser::new(), help_heading = HOW, global = true)]
    pub public_only: bool,

    /// What the report looks like
    #[arg(short, long, env = "SMTPCHECK_FORMAT", value_name = "FORMAT", default_value = "text",
          help_heading = REPORT, global = true)]
    pub format: FormatArg,

    /// Write a report in this format there too, atomically; repeatable
    ///
    /// As in --report junit=mail.xml --report json=mail.json. What goes to standard output or to
    /// --output is not changed by it.
    #[arg(long, env = "SMTPCHECK_REPORT", value_name = "FORMAT=FILE", value_parser = parse_report,
          help_heading = REPORT, global = true)]
    pub report: Vec<ReportArg>,

    /// Write the report to this file instead of standard output, atomically
    ///
    /// jsonl is appended to what the file has already.
    #[arg(short, long, env = "SMTPCHECK_OUTPUT", value_name = "FILE", value_hint = ValueHint::FilePath,
          help_heading = REPORT, global = true)]
    pub output: Option<PathBuf>,

    /// Which findings make the exit code 1
    #[arg(long, env = "SMTPCHECK_FAIL_ON", value_name = "SEVERITY", default_value = "error",
          help_heading = REPORT, global = true)]
    pub fail_on: FailOn,

    /// Behave as if this finding had not been found; repeatable
    #[arg(long, env = "SMTPCHECK_IGNORE", value_name = "CODE", value_delimiter = ',',
          value_parser = parse_code, help_heading = REPORT, global = true)]
    pub ignore: Vec<&'static str>,

    /// What a port that is blocked on this side means for a target
    ///
    /// On this side is this machine, its network and its provider; many CI services and clouds block
    /// port 25. What was seen is in the report in any case.
    #[arg(long, env = "SMTPCHECK_BLOCKED_HERE", value_name = "MEANING", default_value = "fail",
          help_heading = REPORT, global = true)]
    pub blocked_here: BlockedHereArg,

    /// Show the facts of good ports too; -vv shows every conversation, line by line
    #[arg(short, long, env = "SMTPCHECK_VERBOSE", action = ArgAction::Count,
          help_heading = REPORT, global = true)]
    pub verbose: u8,

    /// No report on standard output, only the exit code
    #[arg(short, long, env = "SMTPCHECK_QUIET", action = ArgAction::SetTrue,
          value_parser = FalseyValueParser::new(), help_heading = REPORT, global = true)]
    pub quiet: bool,

    /// When to colour the report; NO_COLOR and CLICOLOR_FORCE are honoured in auto
    #[arg(long, env = "SMTPCHECK_COLOR", value_name = "WHEN", default_value = "auto",
          help_heading = REPORT, global = true)]
    pub color: ColorArg,

    /// What to do instead of checking targets.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The user chose the ports: they are named, not merely looked at.
    #[arg(skip)]
    pub ports_given: bool,

    /// The targets of the configuration, with what is said of each.
    #[arg(skip)]
    pub configured: Vec<TargetTable>,

    /// Words to the user about the command line, which is no mistake.
    #[arg(skip)]
    pub hints: Vec<String>,
}

/// What to do instead of checking targets.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Show which mail ports can leave this network
    ///
    /// Asks two unrelated mail servers on every port of --ports, over IPv4 and IPv6, and says of
    /// each port whether it gets out, and if not, who stops it and where. Needs no target.
    #[command(after_long_help = NETWORK_EXAMPLES)]
    Network,

    /// Show where on the path to a host each port stops
    ///
    /// Sends connection attempts whose packets live for 1, 2, 3 … hops, so that each router on the
    /// way names itself, to every port of --ports, and shows the paths side by side. Needs Linux;
    /// needs no root. Ports that answer see at most two connections, closed at once.
    #[command(after_long_help = TRACE_EXAMPLES)]
    Trace {
        /// The host: a name or an IP address, with a port where only that one is to be traced
        #[arg(value_name = "HOST", required = true)]
        hosts: Vec<String>,
    },
    /// Explain one finding: what it checks, why it matters, how to fix it; without CODE, list them all
    ///
    /// Says what is checked, why it matters, how to fix it in general and by server software, when the
    /// finding may be wrong, and which standards it goes by. Nothing is probed.
    #[command(after_long_help = EXPLAIN_EXAMPLES)]
    Explain {
        /// The code of a finding, such as certificate-expired
        #[arg(value_name = "CODE", value_parser = parse_code)]
        code: Option<&'static str>,
    },
    /// Print completions for a shell
    ///
    /// The script goes to standard output: put it where the shell looks for completions, or have
    /// the shell read it when it starts.
    #[command(after_long_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Print the man page
    ///
    /// In roff, on standard output: `smtpcheck man | man -l -` shows it.
    Man,
}

/// Options that every command takes, since they may stand in the environment or in front of it,
/// and that change nothing for `trace`.
const NOTHING_TO_TRACE: [&str; 12] = [
    "input",
    "resume",
    "rate",
    "submission",
    "connect_timeout",
    "timeout",
    "jobs",
    "ca_file",
    "helo",
    "fail_on",
    "ignore",
    "blocked_here",
];

/// Options that change nothing for `network`, which judges no target.
const NOTHING_FOR_NETWORK: [&str; 5] = ["input", "resume", "submission", "ignore", "blocked_here"];

/// The options that change something for `explain`.
const FOR_EXPLAIN: [&str; 6] = ["help", "format", "report", "output", "quiet", "color"];

const WHAT: &str = "What to check";
const HOW: &str = "How to check it";
const REPORT: &str = "What comes out";

/// What the report looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// For people
    Text,
    /// For programs: the whole report
    Json,
    /// For programs: a target a line
    Jsonl,
    /// JUnit XML, for the test pages of CI servers
    Junit,
    /// A plug-in's output for Nagios or Icinga, with a plug-in's exit codes
    Nagios,
    /// Annotations for GitHub Actions; a summary goes where GITHUB_STEP_SUMMARY says
    Github,
    /// To paste into an issue or a ticket
    Markdown,
    /// For Prometheus, through node_exporter's textfile collector
    Prometheus,
}

/// One value of `--report`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportArg {
    /// What it looks like.
    pub format: FormatArg,
    /// Where it goes.
    pub file: PathBuf,
}

/// Which findings make the exit code 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Errors.
    Error,
    /// Errors and warnings.
    Warning,
    /// None.
    Never,
}

/// What a port that is blocked on this side means for a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BlockedHereArg {
    /// An error: exit code 1.
    Fail,
    /// No verdict is given: exit code 3.
    Undetermined,
    /// It is skipped, and the rest decides; where nothing required is left, no verdict is given.
    Skip,
}

impl From<BlockedHereArg> for BlockedHere {
    fn from(given: BlockedHereArg) -> Self {
        match given {
            BlockedHereArg::Fail => Self::Fail,
            BlockedHereArg::Undetermined => Self::Undetermined,
            BlockedHereArg::Skip => Self::Skip,
        }
    }
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorArg {
    /// On a terminal.
    Auto,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

/// One value of `--submission` or `--control`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerArg {
    /// No server at all.
    None,
    /// This one.
    Server(Server),
}

/// When the path of a port is traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceArg {
    /// Where a port that has to work does not answer.
    Auto,
    /// Of every port that has to work, and of every other that does not answer.
    Always,
    /// In no case.
    Never,
}

impl From<TraceArg> for TraceWhen {
    fn from(arg: TraceArg) -> Self {
        match arg {
            TraceArg::Auto => Self::Auto,
            TraceArg::Always => Self::Always,
            TraceArg::Never => Self::Never,
        }
    }
}

/// One value of `--connect-to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectTo {
    /// The server that is meant; absent for any.
    pub host: Option<Host>,
    /// The port that is meant; absent for any.
    pub port: Option<u16>,
    /// What is dialled instead.
    pub to: SocketAddr,
}

/// Why the command line cannot be used, or what it asked to be shown instead of a check.
#[derive(Debug)]
pub enum Stop {
    /// `--help`, `--version` or `-V`: this text goes to standard output, and that is success.
    Show(String),
    /// A mistake, as one line.
    Usage(String),
}

#[cfg(test)]
mod tests;

//! What stands around the options in the help: the ways to call the program, examples, exit codes.
//!
//! Knows the words alone. What an option is told of stands beside it, in [`args`](super).

pub const USAGE: &str = "\
smtpcheck [OPTIONS] <TARGET>...
       smtpcheck [OPTIONS] --submission <HOST[:PORT]>
       smtpcheck network [OPTIONS]
       smtpcheck trace [OPTIONS] <HOST>...
       smtpcheck explain [CODE]
       smtpcheck completions <SHELL>
       smtpcheck man";

pub const EXAMPLES: &str = "\
Examples:
  smtpcheck example.com                      a domain: MX hosts and submission server
  smtpcheck -s smtp.example.com              a submission server alone
  smtpcheck mail.example.com:587             one port of one server
  smtpcheck example.com --format json -o report.json
  smtpcheck --fail-on warning - < domains.txt
  smtpcheck --input domains.txt -p 25 -f jsonl -o results.jsonl
  smtpcheck --config mail.toml               targets, and what must be true of them

Every option has an environment variable: SMTPCHECK_ and its name in capitals, such as
SMTPCHECK_CONNECT_TIMEOUT=3 or SMTPCHECK_PORTS=25,587. The command line counts more than it, and it
more than the file of --config.

Exit codes:
  0  everything was checked, and nothing at or above --fail-on was found
  1  something at or above --fail-on was found
  2  the command line or a file is wrong; nothing was probed
  3  a target could not be checked, so no verdict is given for it";

pub const NETWORK_EXAMPLES: &str = "\
Examples:
  smtpcheck network                          ports 25, 465, 587 and 2525
  smtpcheck network -p 25 -f json            one port, for a machine
  smtpcheck network --control mx.example.com --control mx.example.net

Exit codes:
  0  every port leaves this network
  1  a port is blocked on this side
  2  the command line is wrong; nothing was sent
  3  of some port nothing is known, or the run was interrupted";

pub const TRACE_EXAMPLES: &str = "\
Examples:
  smtpcheck trace smtp.example.com           ports 25, 465, 587 and 2525 side by side
  smtpcheck trace -p 25,443 mx.example.com   with a port that is sure to be open
  smtpcheck trace -4 -f json 192.0.2.25

Exit codes:
  0  every host was traced, wherever its paths end
  2  the command line is wrong; nothing was sent
  3  a host could not be traced, or the trace was interrupted";

pub const EXPLAIN_EXAMPLES: &str = "\
Examples:
  smtpcheck explain                          every finding that there is
  smtpcheck explain certificate-expired
  smtpcheck explain certificate-expired -f json

Exit codes:
  0  it was explained
  2  there is no such finding, or the command line is wrong";

pub const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  smtpcheck completions bash > ~/.local/share/bash-completion/completions/smtpcheck
  smtpcheck completions zsh > \"${fpath[1]}/_smtpcheck\"
  smtpcheck completions fish > ~/.config/fish/completions/smtpcheck.fish";

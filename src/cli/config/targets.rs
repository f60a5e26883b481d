//! The `[[target]]` tables: what is checked, and what must be true of it.

use std::collections::HashSet;

use clap::ValueEnum;
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Entry, Source, TargetTable};
use crate::cli::args::{FailOn, ServerArg, nearest, parse_code, parse_server_or_none};
use crate::diagnosis::demands::Expectation;
use crate::diagnosis::finding::Status;
use crate::names::{self, Target};
use crate::port::Role;

const KEYS: [&str; 5] = ["name", "submission", "expect", "ignore", "fail-on"];

const ROLES: [Role; 3] = [Role::Mx, Role::Submission, Role::Host];

/// Reads every target.
///
/// # Errors
///
/// One line that names the place and what is wrong there.
pub fn read(source: &Source<'_>, value: &Spanned<DeValue<'_>>) -> Result<Vec<TargetTable>, String> {
    let form = "a target is written as a table: [[target]], and below it `name = \"example.com\"`";
    let Some(items) = value.get_ref().as_array() else {
        return Err(source.at(value.span(), form));
    };
    let mut targets = Vec::new();
    let mut known = HashSet::new();
    for item in items {
        let Some(table) = item.get_ref().as_table() else {
            return Err(source.at(item.span(), form));
        };
        let target = one(source, item, table)?;
        if !known.insert(target.target.clone()) {
            let twice = format!("the target `{}` is given twice", target.target);
            return Err(source.at(item.span(), &twice));
        }
        targets.push(target);
    }
    Ok(targets)
}

fn one(
    source: &Source<'_>,
    item: &Spanned<DeValue<'_>>,
    table: &DeTable<'_>,
) -> Result<TargetTable, String> {
    let mut name = None;
    let (mut submission, mut fail_on) = (None, None);
    let (mut ignore, mut expectations) = (Vec::new(), Vec::new());
    for entry in source.entries(table)? {
        match entry.key.as_str() {
            "name" => name = Some(parsed_name(source, &entry)?),
            "submission" => submission = Some(servers(source, &entry)?),
            "ignore" => {
                for (text, span) in source.texts(&entry)? {
                    let code = parse_code(text);
                    ignore.push(code.map_err(|why| source.at(span, &format!("`{text}`: {why}")))?);
                }
            }
            "fail-on" => fail_on = Some(severity(source, &entry)?),
            "expect" => expectations = expected(source, &entry)?,
            _ => return Err(source.unknown(&entry, &KEYS)),
        }
    }
    let (input, target) = match (name, submission.as_deref()) {
        (Some(named), _) => named,
        // As with `-s` and no target: the submission server alone.
        (None, Some([ServerArg::Server(server)])) => {
            (server.to_string(), Target::Submission(server.clone()))
        }
        (None, _) => {
            let what = "a target needs a `name`, or one submission server to be checked alone";
            return Err(source.at(item.span(), what));
        }
    };
    if let Some((_, span, why)) = expectations.iter().find_map(|(expected, span)| {
        Some((expected, span, cannot_be(&target, expected.role, submission.as_deref())?))
    }) {
        return Err(source.at(span.clone(), &format!("`{target}` {why}")));
    }
    let expectations = expectations.into_iter().map(|(expected, _)| expected).collect();
    Ok(TargetTable { input, target, submission, ignore, fail_on, expectations })
}

fn parsed_name(source: &Source<'_>, entry: &Entry<'_>) -> Result<(String, Target), String> {
    let text = source.text(entry)?;
    match Target::parse(text) {
        Ok(target) => Ok((text.to_owned(), target)),
        Err(why) => {
            Err(source.at(entry.value.span(), &format!("`{text}` cannot be a target: {why}")))
        }
    }
}

fn servers(source: &Source<'_>, entry: &Entry<'_>) -> Result<Vec<ServerArg>, String> {
    let texts = source.texts(entry)?;
    let read = texts.into_iter().map(|(text, span)| {
        parse_server_or_none(text).map_err(|why| source.at(span, &format!("`{text}`: {why}")))
    });
    let servers: Vec<ServerArg> = read.collect::<Result<_, _>>()?;
    if servers.len() > 1 && servers.contains(&ServerArg::None) {
        let what = "`none` contradicts the other submission servers";
        return Err(source.at(entry.value.span(), what));
    }
    Ok(servers)
}

fn severity(source: &Source<'_>, entry: &Entry<'_>) -> Result<FailOn, String> {
    let text = source.text(entry)?;
    FailOn::from_str(text, false).map_err(|_| {
        let what = format!("`{text}` is not one of error, warning and never");
        source.at(entry.value.span(), &what)
    })
}

type Placed = (Expectation, std::ops::Range<usize>);

/// The table `expect`: `"mx:25" = "open"`, or a list of what is right.
fn expected(source: &Source<'_>, entry: &Entry<'_>) -> Result<Vec<Placed>, String> {
    let form = "`expect` has to be a table, as in { \"mx:25\" = \"open\" }";
    let Some(table) = entry.value.get_ref().as_table() else {
        return Err(source.at(entry.value.span(), form));
    };
    let mut expectations: Vec<Placed> = Vec::new();
    for entry in source.entries(table)? {
        let (role, port) = place(&entry.key).map_err(|why| source.at(entry.span.clone(), &why))?;
        let mut statuses = Vec::new();
        for (text, span) in source.texts(&entry)? {
            statuses.push(status(text).map_err(|why| source.at(span, &why))?);
        }
        if statuses.is_empty() {
            let what = format!("`{}` has to name what is right", entry.key);
            return Err(source.at(entry.value.span(), &what));
        }
        expectations.push((Expectation { role, port, statuses }, entry.span));
    }
    Ok(expectations)
}

fn place(text: &str) -> Result<(Role, u16), String> {
    let form = "an expectation is about a role and a port, as in \"mx:25\" or \"submission:587\"";
    let Some((role, port)) = text.split_once(':') else {
        return Err(format!("`{text}`: {form}"));
    };
    let names: Vec<String> = ROLES.iter().map(ToString::to_string).collect();
    let known = ROLES.into_iter().find(|known| known.to_string() == role);
    let role = known.ok_or_else(|| match nearest(role, names.iter().map(String::as_str)) {
        Some(near) => format!("there is no role `{role}`; did you mean `{near}`?"),
        None => format!("there is no role `{role}`; there are {}", names.join(", ")),
    })?;
    let port = names::parse_port(port).map_err(|why| format!("`{text}`: {why}"))?;
    Ok((role, port))
}

fn status(text: &str) -> Result<Status, String> {
    if text == Status::Skipped.to_string() {
        return Err("`skipped` cannot be expected: what is not tested shows nothing".to_owned());
    }
    let statuses = || Status::ALL.into_iter().filter(|status| *status != Status::Skipped);
    let names: Vec<String> = statuses().map(|status| status.to_string()).collect();
    let known = statuses().find(|known| known.to_string() == text);
    known.ok_or_else(|| match nearest(text, names.iter().map(String::as_str)) {
        Some(near) => format!("there is no status `{text}`; did you mean `{near}`?"),
        None => format!("there is no status `{text}`; there are {}", names.join(", ")),
    })
}

/// Why no endpoint of the target can have this role, if none can.
fn cannot_be(
    target: &Target,
    role: Role,
    submission: Option<&[ServerArg]>,
) -> Option<&'static str> {
    match (target, role) {
        (Target::Domain(_), Role::Host) => {
            Some("is a domain: its endpoints are of the roles mx and submission")
        }
        (Target::Server(_), Role::Mx) => Some(
            "is a server: its endpoints are of the role host, and submission where one is named",
        ),
        (Target::Submission(_), Role::Mx | Role::Host) => {
            Some("is a submission server: its endpoints are of the role submission")
        }
        (_, Role::Submission) if submission == Some(&[ServerArg::None]) => {
            Some("has no submission server: `submission` is \"none\"")
        }
        _ => None,
    }
}

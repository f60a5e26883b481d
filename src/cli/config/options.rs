//! An option in the file: its value, read by the command line's own parser.

use std::ops::Range;

use clap::{Arg, ArgAction, CommandFactory};
use serde_spanned::Spanned;
use toml::de::DeValue;

use super::{Entry, Given, Source};
use crate::cli::args::{Args, one_line};

/// Options that make no sense in a file, or that cannot be found there.
const NOT_IN_A_FILE: [&str; 3] = ["help", "version", "config"];

/// Reads one option. `others` are the keys that may stand beside options.
///
/// # Errors
///
/// One line that names the place and what is wrong there.
pub fn read(
    source: &Source<'_>,
    entry: &Entry<'_>,
    given: &mut Vec<Given>,
    others: &[&str],
) -> Result<(), String> {
    let command = Args::command();
    let known: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| arg.get_long().is_some_and(|long| !NOT_IN_A_FILE.contains(&long)))
        .collect();
    let Some(arg) = known.iter().find(|arg| arg.get_long() == Some(entry.key.as_str())) else {
        let names = known.iter().filter_map(|arg| arg.get_long());
        let names: Vec<&str> = names.chain(others.iter().copied()).collect();
        return Err(source.unknown(entry, &names));
    };
    let id = arg.get_id().to_string();
    if given.iter().any(|earlier| earlier.id == id) {
        let twice = format!("`{}` is given twice", entry.key);
        return Err(source.at(entry.span.clone(), &twice));
    }
    let values = values(source, entry, arg)?;
    for (value, span) in &values {
        check(arg, value).map_err(|why| source.at(span.clone(), &why))?;
    }
    let values: Vec<String> = values.into_iter().map(|(value, _)| value).collect();
    // An empty list is as good as none, as an empty variable is.
    if !values.is_empty() {
        given.push(Given { id, values });
    }
    Ok(())
}

type Placed = (String, Range<usize>);

/// The values as they would be typed, each with its place.
fn values(source: &Source<'_>, entry: &Entry<'_>, arg: &Arg) -> Result<Vec<Placed>, String> {
    let value = entry.value;
    let wanted = match arg.get_action() {
        ArgAction::SetTrue => "true or false",
        ArgAction::Count => "true, false or a number",
        ArgAction::Append => "one value or a list of values",
        _ => "one value",
    };
    let wrong = |value: &Spanned<DeValue<'_>>| source.not(value, &entry.key, wanted);
    let typed = match (arg.get_action(), value.get_ref()) {
        (ArgAction::SetTrue, DeValue::Boolean(yes)) => yes.to_string(),
        (ArgAction::Count, DeValue::Boolean(yes)) => u8::from(*yes).to_string(),
        (ArgAction::Count, DeValue::Integer(number)) => number.to_string(),
        (ArgAction::SetTrue | ArgAction::Count, _) => return Err(wrong(value)),
        (ArgAction::Append, DeValue::Array(items)) => {
            let item = |item: &Spanned<DeValue<'_>>| {
                Ok((scalar(item).ok_or_else(|| wrong(item))?, item.span()))
            };
            return items.iter().map(item).collect();
        }
        _ => scalar(value).ok_or_else(|| wrong(value))?,
    };
    Ok(vec![(typed, value.span())])
}

fn scalar(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Has the command line's parser look at a value.
fn check(arg: &Arg, value: &str) -> Result<(), String> {
    let Some(long) = arg.get_long() else { return Ok(()) };
    // Only this one option, so that neither the environment nor another one has a say.
    let alone = match arg.get_action() {
        ArgAction::SetTrue => return Ok(()),
        // How often it is said; a number that is too large is no number of times.
        ArgAction::Count => {
            let number = value.parse::<u8>();
            let wrong = || format!("`{long}` has to be a number from 0 to 255");
            return number.map(drop).map_err(|_| wrong());
        }
        _ => arg.clone().env(clap::builder::Resettable::Reset),
    };
    let command = clap::Command::new("smtpcheck").arg(alone);
    let words = ["smtpcheck".to_owned(), format!("--{long}={value}")];
    command.try_get_matches_from(words).map(drop).map_err(|error| {
        let line = one_line(&error.render().to_string());
        line.replace(&format!("--{long} "), &format!("{long} "))
    })
}

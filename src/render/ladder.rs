//! A block as a small picture: the path of the port that stops beside one that does not.
//!
//! Knows how a path becomes a line with its hops and its end, and what is left out where the page is
//! narrow. Must not know who is to blame: which path belongs to a problem is in the report.

use unicode_width::UnicodeWidthStr;

use super::layout::{Glyphs, Line, Page};
use super::style::Tone;
use crate::diagnosis::finding::{Block, BlockedHow};
use crate::report::{ConnectWord, EndpointReport, HopReport, Network, PathEnd, PathReport};

/// How far the picture is set in.
const INDENT: usize = 3;
/// The widest label, `port 65535`, and the gap behind it.
const LABEL: usize = 12;
/// No answer, as every traceroute writes it.
const SILENT: &str = "*";

/// Whether the paths show anything about a block: of a connection that was made and goes wrong later
/// they show the way, and not the place.
pub(super) fn shows(block: &Block, endpoint: &EndpointReport) -> bool {
    let connected = ConnectWord::Connected;
    let is_connected =
        endpoint.connect.as_ref().is_some_and(|connect| connect.outcome == connected);
    !is_connected || block.how == BlockedHow::Intercepted
}

/// Draws the path to an endpoint that is blocked, and the path that shows where it stops. Nothing
/// where no ladder was walked for it.
pub(super) fn show(page: &mut Page<'_>, network: &Network, endpoint: &EndpointReport) {
    let to = |path: &&PathReport| path.address == endpoint.address && path.port == endpoint.port;
    // What stops one server's port on this side stops all of them, and one ladder stands for all.
    let like = |path: &&PathReport| {
        path.port == endpoint.port && path.address.is_ipv4() == endpoint.address.is_ipv4()
    };
    let paths = &network.paths;
    let Some(own) = paths.iter().find(to).or_else(|| paths.iter().find(like)) else { return };
    draw(page, network, own);
}

/// Draws the path to a port, given that port's own path.
pub(super) fn draw(page: &mut Page<'_>, network: &Network, own: &PathReport) {
    let of_family = |path: &&PathReport| {
        path.port != own.port && path.address.is_ipv4() == own.address.is_ipv4()
    };
    let same_address = |path: &&PathReport| of_family(path) && path.address == own.address;
    let far = |path: &&PathReport| path.hops.iter().filter(|hop| hop.address.is_some()).count();
    let reference = network
        .paths
        .iter()
        .filter(same_address)
        .max_by_key(far)
        .or_else(|| network.paths.iter().filter(of_family).max_by_key(far));
    page.gap();
    let last = hops(own).len();
    row(page, own, last.saturating_sub(1));
    if let Some(reference) = reference {
        // The hop that the other does not reach any more.
        row(page, reference, last);
    }
    page.gap();
}

/// Draws one path; the hops around `mark` are what it is about.
fn row(page: &mut Page<'_>, path: &PathReport, mark: usize) {
    let mut line = Line::default();
    line.pad_to(INDENT);
    line.push(Tone::Plain, &format!("port {:>5}", path.port));
    line.pad_to(INDENT + LABEL);
    let (end, tone) = end(page, path);
    let room = page.width.saturating_sub(line.width());
    let glyphs = page.glyphs;
    let hops = hops(path);
    let room = room.saturating_sub("you".len() + glyphs.link.width() + end.width());
    let steps = fit(&hops, mark, room, glyphs);
    let wanted = steps.iter().map(|s| s.unwrap_or(glyphs.omitted).width() + glyphs.link.width());
    // Where even the least is too much, everybody knows where a path begins.
    let steps = match steps.first() {
        Some(None) if wanted.sum::<usize>() > room => {
            line.push(Tone::Quiet, glyphs.omitted);
            &steps[1..]
        }
        _ => {
            line.push(Tone::Plain, "you");
            &steps[..]
        }
    };
    for step in steps {
        line.push(Tone::Quiet, glyphs.link);
        match step {
            Some(name) => line.push(Tone::Plain, name),
            None => line.push(Tone::Quiet, glyphs.omitted),
        }
    }
    if path.end == PathEnd::Silence {
        line.push(Tone::Quiet, glyphs.link.trim_end());
    } else {
        line.push(Tone::Plain, "  ");
    }
    line.push(tone, &end);
    page.line(line);
}

/// The hops up to the last that answered; what is silent behind it is the cut.
fn hops(path: &PathReport) -> Vec<String> {
    let last = path.hops.iter().rposition(|hop| hop.address.is_some());
    let heard = &path.hops[..last.map_or(0, |last| last + 1)];
    let name = |hop: &HopReport| match hop.address {
        Some(address) => address.to_string(),
        None => SILENT.to_owned(),
    };
    heard.iter().map(name).collect()
}

fn end(page: &Page<'_>, path: &PathReport) -> (String, Tone) {
    match path.end {
        PathEnd::Connected => ("open".to_owned(), Tone::Good),
        PathEnd::Refused => ("refused".to_owned(), Tone::Warn),
        PathEnd::IcmpUnreachable => ("turned away".to_owned(), Tone::Bad),
        PathEnd::Silence => (page.glyphs.cut.to_owned(), Tone::Bad),
    }
}

/// The steps for which there is room, without a name where hops are left out. The marked hop and the
/// last are never left out, then the one before the mark and the first, then what is nearest to the
/// mark.
fn fit<'h>(hops: &'h [String], mark: usize, room: usize, glyphs: &Glyphs) -> Vec<Option<&'h str>> {
    let last = hops.len().saturating_sub(1);
    let mark = mark.min(last);
    let mut by_worth: Vec<usize> = (0..hops.len()).collect();
    by_worth.sort_by_key(|at| match *at {
        at if at == mark || at == last => 0,
        at if at + 1 == mark => 1,
        0 => 2,
        at => 3 + at.abs_diff(mark),
    });
    let mut kept = vec![false; hops.len()];
    let mut steps = Vec::new();
    for (nth, at) in by_worth.into_iter().enumerate() {
        kept[at] = true;
        let now = with_gaps(hops, &kept);
        let width: usize =
            now.iter().map(|s| s.unwrap_or(glyphs.omitted).width() + glyphs.link.width()).sum();
        let needed = if mark == last { 1 } else { 2 };
        if width > room && nth >= needed {
            kept[at] = false;
        } else {
            steps = now;
        }
    }
    steps
}

/// The hops that are kept, with one gap wherever others are left out.
fn with_gaps<'h>(hops: &'h [String], kept: &[bool]) -> Vec<Option<&'h str>> {
    let mut steps: Vec<Option<&str>> = Vec::new();
    for (hop, kept) in hops.iter().zip(kept) {
        match kept {
            true => steps.push(Some(hop)),
            false if steps.last() != Some(&None) => steps.push(None),
            false => {}
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::super::layout::ASCII;
    use super::*;

    fn fitted(mark: usize, room: usize) -> String {
        let hops: Vec<String> = (1..=6).map(|n| format!("10.0.0.{n}")).collect();
        let steps = fit(&hops, mark, room, &ASCII);
        let words: Vec<&str> = steps.into_iter().map(|step| step.unwrap_or("...")).collect();
        words.join(" ").replace("10.0.0.", "")
    }

    #[test]
    fn what_is_far_from_the_mark_is_left_out_first() {
        // A hop takes 12 columns with its link, a gap 7.
        assert_eq!(fitted(5, 72), "1 2 3 4 5 6");
        assert_eq!(fitted(5, 71), "1 ... 3 4 5 6");
        assert_eq!(fitted(5, 50), "1 ... 5 6");
        assert_eq!(fitted(5, 31), "... 5 6");
        assert_eq!(fitted(5, 5), "... 6", "the last hop is never left out");
        assert_eq!(fitted(2, 60), "1 2 3 ... 6");
        assert_eq!(fitted(2, 50), "... 2 3 ... 6");
        assert_eq!(fitted(2, 38), "... 3 ... 6");
        assert_eq!(fitted(2, 5), "... 3 ... 6");
        assert_eq!(fit(&[], 0, 9, &ASCII), Vec::<Option<&str>>::new());
    }
}

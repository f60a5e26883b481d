//! How much of what was read stays in the facts, and so in memory and in the report.
//!
//! Knows budgets. Must not know what a text means, beyond the keywords that decide what is found.
//! What is read of a conversation is bounded elsewhere; of a thousand servers that each talk as much
//! as they may, what is kept of them together has to fit into memory, several times over.

use crate::observation::{Capabilities, Keyword, Reply};

/// What is kept of a conversation's replies, and of one list of keywords, in octets of text with
/// [`LINE_COST`] for each line. Long EHLO replies of real servers take 2 KiB.
const KEPT: usize = 12 * 1024;

/// What a line costs besides its text.
const LINE_COST: usize = 64;

/// What is kept of one line, or of a keyword's parameters: twice what RFC 5321 §4.5.3.1.5 allows.
const LINE: usize = 1024;

/// Without these, the cut would decide what is found.
const DECISIVE: [&str; 2] = ["STARTTLS", "AUTH"];

/// The room that is left for replies.
#[derive(Debug)]
pub(super) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(KEPT)
    }
}

impl Room {
    /// The reply as it is kept: all of it, or as many lines as fit, but at least the first.
    pub(super) fn reply(&mut self, mut reply: Reply) -> Reply {
        let mut first = true;
        reply.lines.retain_mut(|line| {
            cut(line, LINE);
            let fits = self.take(line.len());
            std::mem::take(&mut first) || fits
        });
        reply
    }

    fn take(&mut self, octets: usize) -> bool {
        match self.0.checked_sub(octets + LINE_COST) {
            Some(left) => self.0 = left,
            // What follows is not kept either: a list with holes in it would mislead.
            None => self.0 = 0,
        }
        self.0 > 0
    }
}

/// The keywords as they are kept: all of them, or as many as fit and the decisive ones.
pub(super) fn keywords(mut capabilities: Capabilities) -> Capabilities {
    let mut room = Room::default();
    let mut missing = DECISIVE.to_vec();
    cut(&mut capabilities.domain, LINE);
    capabilities.keywords.retain_mut(|keyword| {
        let Keyword { keyword: name, parameters } = &mut *keyword;
        cut(name, LINE);
        cut(parameters, LINE);
        let fits = room.take(name.len() + parameters.len());
        let decides = missing.iter().position(|decisive| keyword.is(decisive));
        decides.map(|at| missing.remove(at)).is_some() || fits
    });
    capabilities
}

fn cut(text: &mut String, octets: usize) {
    if text.len() > octets {
        let end = (0..=octets).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        text.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(lines: usize, length: usize) -> Reply {
        Reply { code: 250, lines: vec!["x".repeat(length); lines], ..Reply::default() }
    }

    fn offered(keywords: &[String]) -> Capabilities {
        let keyword = |text: &String| Keyword { keyword: text.clone(), parameters: String::new() };
        Capabilities { keywords: keywords.iter().map(keyword).collect(), ..Default::default() }
    }

    #[test]
    fn ordinary_replies_are_kept_whole() {
        let mut room = Room::default();
        for _ in 0..4 {
            assert_eq!(room.reply(reply(20, 60)), reply(20, 60));
        }
    }

    #[test]
    fn of_too_many_lines_the_first_are_kept_and_of_each_reply_at_least_one() {
        let mut room = Room::default();
        let kept = room.reply(reply(128, 500)).lines.len();
        assert!((20..=24).contains(&kept), "{kept}");
        for _ in 0..4 {
            assert_eq!(room.reply(reply(128, 500)).lines.len(), 1);
        }
        assert_eq!(Room::default().reply(reply(1, 8000)).lines[0].len(), LINE);
    }

    #[test]
    fn a_cut_ends_between_characters() {
        let mut text = "ü".repeat(LINE);
        cut(&mut text, LINE - 1);
        assert_eq!(text, "ü".repeat(LINE / 2 - 1));
    }

    #[test]
    fn what_decides_is_kept_wherever_it_stands() {
        let mut list: Vec<String> = (0..10_000).map(|n| format!("X-{n}")).collect();
        list.extend(["STARTTLS", "auth", "AUTH", "SIZE"].map(str::to_owned));
        let kept = keywords(offered(&list));
        assert!(kept.keywords.len() < 200, "{}", kept.keywords.len());
        assert!(kept.offers("STARTTLS") && kept.offers("AUTH") && !kept.offers("SIZE"));
        let last: Vec<&str> =
            kept.keywords.iter().rev().take(2).map(|k| k.keyword.as_str()).collect();
        assert_eq!(last, ["auth", "STARTTLS"], "each once");
    }
}

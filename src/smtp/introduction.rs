//! Under which names and with which verbs a client introduces itself, one after the other.
//!
//! Knows that servers refuse names that they dislike (RFC 5321 §4.1.4 forbids it, they do it
//! all the same) and that old ones know only HELO. Must not know what a server offers: see
//! [`ehlo`](super::ehlo).

use std::collections::VecDeque;

use super::command::{Argument, Command, Verb};
use crate::observation::pushback::is_pushback;
use crate::observation::{EhloAttempt, Phase, Reply};

/// What this client is called in EHLO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeloNames {
    /// The fully qualified name of this host; the literal again where it has none.
    pub name: String,
    /// The local address as a literal (RFC 5321 §4.1.3): `[192.0.2.1]`, `[IPv6:2001:db8::1]`.
    pub literal: String,
}

/// One way of introducing oneself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) verb: Verb,
    name: Argument,
}

impl Form {
    pub(super) fn command(&self) -> Command {
        Command::Hello(self.verb, self.name.clone())
    }

    pub(super) fn attempt(&self, reply: Reply) -> EhloAttempt {
        let name = self.name.as_str().to_owned();
        EhloAttempt { verb: self.verb.as_str().to_owned(), name, reply }
    }
}

/// The forms that have not been tried yet, best first: EHLO with the name, EHLO with the
/// literal, then HELO likewise.
#[derive(Clone, Debug)]
pub(super) struct Introduction {
    left: VecDeque<Form>,
}

impl Introduction {
    pub(super) fn new(names: &HeloNames) -> Self {
        let mut arguments: Vec<Argument> =
            [&names.name, &names.literal].into_iter().filter_map(|n| Argument::new(n)).collect();
        arguments.dedup();
        if arguments.is_empty() {
            arguments.push(Argument::loopback());
        }
        let left = [Verb::Ehlo, Verb::Helo]
            .into_iter()
            .flat_map(|verb| arguments.iter().map(move |name| Form { verb, name: name.clone() }))
            .collect();
        Self { left }
    }

    /// The same forms, beginning with the one that this server has already accepted.
    pub(super) fn beginning_with(mut self, accepted: Option<&Form>) -> Self {
        if let Some(form) = accepted
            && let Some(at) = self.left.iter().position(|f| f == form)
            && let Some(form) = self.left.remove(at)
        {
            self.left.push_front(form);
        }
        self
    }

    /// The form to try first.
    pub(super) fn first(&mut self) -> Option<Form> {
        self.left.pop_front()
    }

    /// The form to try after `refused` was answered with `reply`; `None` where there is no use
    /// in another try.
    pub(super) fn after(&mut self, refused: &Form, reply: &Reply) -> Option<Form> {
        match reply.code {
            // The server is closing the channel (RFC 5321 §3.8): to go on would be rude.
            421 => return None,
            // So would it be to a server that has had too much of us.
            _ if is_pushback(Phase::Ehlo, reply) => return None,
            // The command is what it does not know; another name would not help.
            500 | 502 => self.left.retain(|form| form.verb != refused.verb),
            _ => {}
        }
        self.left.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(names: (&str, &str), code: u16) -> Vec<String> {
        let names = HeloNames { name: names.0.to_owned(), literal: names.1.to_owned() };
        let mut introduction = Introduction::new(&names);
        let mut said = Vec::new();
        let mut next = introduction.first();
        while let Some(form) = next {
            said.push(form.command().to_string());
            next = introduction.after(&form, &Reply { code, ..Reply::default() });
        }
        said
    }

    #[test]
    fn each_refusal_leads_to_the_next_honest_form() {
        let both = ("a.example", "[192.0.2.1]");
        let all = ["EHLO a.example", "EHLO [192.0.2.1]", "HELO a.example", "HELO [192.0.2.1]"];
        assert_eq!(order(both, 550), all);
        assert_eq!(order(both, 450), all);
        assert_eq!(order(both, 502), ["EHLO a.example", "HELO a.example"]);
        assert_eq!(order(both, 421), ["EHLO a.example"]);
        let same = ("[192.0.2.1]", "[192.0.2.1]");
        assert_eq!(order(same, 501), ["EHLO [192.0.2.1]", "HELO [192.0.2.1]"]);
        assert_eq!(order(("a\r\nb", "[192.0.2.1]"), 421), ["EHLO [192.0.2.1]"]);
        assert_eq!(order(("", "\n"), 421), ["EHLO [127.0.0.1]"]);
    }
}

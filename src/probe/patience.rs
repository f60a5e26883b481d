//! How long an optional port is waited for.
//!
//! A port that drops packets costs the whole connect timeout, and most MX hosts drop 465, 587 and
//! 2525. So an optional port that is silent when every required endpoint has its result, and has
//! had three SYNs, is not waited for any longer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::observation::{Conversation, Ending};
use crate::port::{RELAY, Requirement};

/// Opens when every required endpoint of a target has its result.
#[derive(Clone)]
pub struct Gate(Arc<watch::Sender<()>>);

/// Keeps the gate shut while it lives.
#[derive(Clone)]
pub struct Token {
    _keeps_open: watch::Receiver<()>,
}

/// The endpoints of one server of which one has to work.
#[derive(Clone)]
pub struct Group(Arc<watch::Sender<Members>>);

/// What is known of a group's members.
#[derive(Clone, Copy, Debug, Default)]
struct Members {
    /// One of them works.
    one_works: bool,
    /// So many have no result yet.
    awaited: usize,
}

impl Gate {
    /// A gate, and the first token that keeps it shut.
    pub fn new() -> (Self, Token) {
        let (sender, receiver) = watch::channel(());
        (Self(Arc::new(sender)), Token { _keeps_open: receiver })
    }

    async fn opened(&self) {
        self.0.closed().await;
    }

    fn is_open(&self) -> bool {
        self.0.is_closed()
    }
}

impl Group {
    /// A group of so many members, of which none works yet.
    pub fn of(members: usize) -> Self {
        Self(Arc::new(watch::channel(Members { one_works: false, awaited: members }).0))
    }

    /// A member has its result, whatever it is.
    pub fn one_is_done(&self) {
        self.0.send_modify(|members| members.awaited = members.awaited.saturating_sub(1));
    }

    /// Returns when a member works or all have their results; tells which.
    pub async fn settled(&self) -> bool {
        let mut members = self.0.subscribe();
        // The error means that no sender is left, and this is one.
        let settled = members.wait_for(|members| members.one_works || members.awaited == 0).await;
        settled.is_ok_and(|members| members.one_works)
    }

    /// Tells the other members what came of one. Only what nobody could find fault with makes the
    /// others optional: the diagnosis must not miss later what was not waited for here.
    pub fn learn(&self, port: u16, conversation: &Conversation) {
        let accepted = conversation.smtp.greeting.as_ref().is_some_and(|g| g.is_positive());
        let completed = accepted && conversation.ending == Some(Ending::Completed);
        if completed && (port == RELAY || is_flawless(conversation)) {
            self.0.send_modify(|members| members.one_works = true);
        }
    }

    fn has_one_that_works(&self) -> bool {
        self.0.borrow().one_works
    }

    async fn works(&self) {
        // The error means that no sender is left, and this is one.
        let _ = self.0.subscribe().wait_for(|members| members.one_works).await;
    }
}

/// TLS without a flaw, and AUTH inside.
fn is_flawless(conversation: &Conversation) -> bool {
    let auth = conversation.smtp.capabilities_after_tls.as_ref().is_some_and(|c| c.offers_login());
    let before = conversation.smtp.capabilities.as_ref().is_some_and(|c| c.offers_login());
    let tls = conversation.tls.as_ref().is_some_and(|tls| {
        tls.error.is_none()
            && tls.path.as_ref().is_some_and(|path| path.trusted)
            && tls.name_matches != Some(false)
            && tls.signature.as_ref().is_none_or(|signature| signature.error.is_none())
    });
    auth && !before && tls
}

/// How long one endpoint waits for its connection.
pub struct Patience {
    gate: Gate,
    wanted: Wanted,
    three_syns: Duration,
}

/// How much an endpoint is wanted.
enum Wanted {
    /// In any case.
    Required { token: Option<Token> },
    /// Until another member works: then it is optional and holds up nobody, even while it waits
    /// for somebody else who dials the same.
    OneOf { group: Group, token_until_one_works: JoinSet<()> },
    /// Only as long as others are waited for.
    Optional,
}

impl Patience {
    /// The patience with an endpoint of this requirement. `token` is kept as long as the endpoint
    /// holds up the others.
    pub fn new(
        requirement: Requirement,
        gate: Gate,
        token: Token,
        group: Group,
        three_syns: Duration,
    ) -> Self {
        let wanted = match requirement {
            Requirement::Required => Wanted::Required { token: Some(token) },
            Requirement::OneOf => {
                let others = group.clone();
                let mut keeper = JoinSet::new();
                keeper.spawn(async move {
                    others.works().await;
                    drop(token);
                });
                Wanted::OneOf { group, token_until_one_works: keeper }
            }
            Requirement::Optional => Wanted::Optional,
        };
        Self { gate, wanted, three_syns }
    }

    /// Lets the optional endpoints go: what follows may take longer than they are worth.
    pub fn hold_up_nobody(&mut self) {
        match &mut self.wanted {
            Wanted::Required { token } => *token = None,
            Wanted::OneOf { token_until_one_works, .. } => token_until_one_works.abort_all(),
            Wanted::Optional => {}
        }
    }

    /// Whether the endpoint has to work, for all that is known now.
    pub fn is_wanted(&self) -> bool {
        match &self.wanted {
            Wanted::Required { .. } => true,
            Wanted::OneOf { group, .. } => !group.has_one_that_works(),
            Wanted::Optional => false,
        }
    }

    /// Returns when the endpoint is not to be waited for any longer; never for a required one.
    pub async fn runs_out(&self, dialled: Instant) {
        match &self.wanted {
            Wanted::Required { .. } => std::future::pending().await,
            Wanted::OneOf { group, .. } => group.works().await,
            Wanted::Optional => {}
        }
        self.gate.opened().await;
        sleep_until(dialled + self.three_syns).await;
    }

    /// Whether only the three SYNs are still waited for.
    pub fn has_run_out(&self) -> bool {
        let optional = match &self.wanted {
            Wanted::Required { .. } => false,
            Wanted::OneOf { group, .. } => group.has_one_that_works(),
            Wanted::Optional => true,
        };
        optional && self.gate.is_open()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE_SYNS: Duration = Duration::from_millis(2500);

    #[tokio::test(start_paused = true)]
    async fn an_optional_port_waits_for_the_required_ones_and_three_syns() {
        let (gate, first) = Gate::new();
        let begun = Instant::now();
        let optional = Patience::new(
            Requirement::Optional,
            gate.clone(),
            first.clone(),
            Group::of(0),
            THREE_SYNS,
        );
        let required = Patience::new(Requirement::Required, gate, first, Group::of(0), THREE_SYNS);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(5)).await;
            drop(required);
        });
        optional.runs_out(begun).await;
        assert_eq!(begun.elapsed().as_secs(), 5);
        optional.runs_out(Instant::now()).await;
        assert_eq!(begun.elapsed().as_millis() / 10, 750);
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_a_group_gives_up_only_once_another_works() {
        let (gate, first) = Gate::new();
        let group = Group::of(2);
        let silent = Patience::new(Requirement::OneOf, gate, first, group.clone(), THREE_SYNS);
        let begun = Instant::now();
        let waited = tokio::time::timeout(Duration::from_secs(60), silent.runs_out(begun)).await;
        assert!(waited.is_err(), "it gave up although nothing works");
        let mut works = Conversation { ending: Some(Ending::Completed), ..Default::default() };
        works.smtp.greeting = Some(crate::observation::Reply { code: 220, ..Default::default() });
        group.learn(RELAY, &works);
        let waited = tokio::time::timeout(Duration::from_secs(1), silent.runs_out(begun)).await;
        assert!(waited.is_ok(), "it waited although another works");
    }

    #[test]
    fn a_way_to_send_that_has_a_flaw_makes_no_other_optional() {
        let mut seen = Conversation { ending: Some(Ending::Completed), ..Default::default() };
        seen.smtp.greeting = Some(crate::observation::Reply { code: 220, ..Default::default() });
        let group = Group::of(2);
        group.learn(587, &seen);
        assert!(!group.has_one_that_works(), "no TLS, no AUTH");
        seen.tls = Some(crate::observation::TlsFacts {
            path: Some(crate::observation::PathVerdict {
                trusted: true,
                untrusted_because: None,
                error: None,
            }),
            ..Default::default()
        });
        let auth =
            crate::observation::Keyword { keyword: "AUTH".into(), parameters: "PLAIN".into() };
        seen.smtp.capabilities_after_tls =
            Some(crate::observation::Capabilities { keywords: vec![auth], ..Default::default() });
        group.learn(587, &seen);
        assert!(group.has_one_that_works());
    }
}

//! What is under way, told to whoever wants to show it.
//!
//! Knows that something began, which step it is at and that it ended. Must not know how that looks,
//! nor whether anybody looks at all: without an onlooker nothing here costs anything.

use std::sync::Arc;

use crate::observation::Phase;

/// A step of what is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A name server is being asked.
    LookingUp,
    /// It is not its turn yet: somebody else talks to that server, or `--jobs` are under way.
    Waiting,
    /// The connection is being made.
    Connecting,
    /// The conversation is at this phase.
    Talking(Phase),
    /// The server put us off; it is left alone for a moment.
    PutOff,
    /// A further look on a new connection.
    LookingAgain,
    /// Ladders of rising TTLs are being walked.
    Tracing,
}

/// Somebody who wants to know what is under way. It is told from many tasks at once, and often.
pub trait Onlooker: Send + Sync {
    /// Something begins. Returns the number by which it is known from now on.
    fn begins(&self, what: String, step: Step) -> u64;
    /// It is at another step.
    fn goes_on(&self, number: u64, step: Step);
    /// It is over, or was given up.
    fn ends(&self, number: u64);
    /// A target is finished.
    fn target_done(&self);
}

/// Where progress is told; the default tells nobody.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<dyn Onlooker>>);

impl Progress {
    /// Tells this onlooker.
    pub fn to(onlooker: Arc<dyn Onlooker>) -> Self {
        Self(Some(onlooker))
    }

    /// Says that something begins. It ends when what is returned is dropped.
    pub(super) fn begin(&self, step: Step, what: impl FnOnce() -> String) -> UnderWay {
        let begun =
            |onlooker: &Arc<dyn Onlooker>| (Arc::clone(onlooker), onlooker.begins(what(), step));
        UnderWay(self.0.as_ref().map(begun))
    }

    /// Says that a target is finished.
    pub(super) fn target_done(&self) {
        if let Some(onlooker) = &self.0 {
            onlooker.target_done();
        }
    }
}

/// Something that is under way; dropping it says that it ended, however it did.
pub struct UnderWay(Option<(Arc<dyn Onlooker>, u64)>);

impl UnderWay {
    /// Says which step it is at.
    pub(super) fn at(&self, step: Step) {
        if let Some((onlooker, number)) = &self.0 {
            onlooker.goes_on(*number, step);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some((onlooker, number)) = &self.0 {
            onlooker.ends(*number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Notes {
        fn get(&self) -> MutexGuard<'_, Vec<String>> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Onlooker for Notes {
        fn begins(&self, what: String, step: Step) -> u64 {
            self.get().push(format!("{what}: {step:?}"));
            7
        }
        fn goes_on(&self, number: u64, step: Step) {
            self.get().push(format!("{number}: {step:?}"));
        }
        fn ends(&self, number: u64) {
            self.get().push(format!("{number} ends"));
        }
        fn target_done(&self) {
            self.get().push("a target".to_owned());
        }
    }

    #[test]
    fn what_is_dropped_has_ended() {
        let notes = Arc::new(Notes::default());
        let progress = Progress::to(notes.clone());
        let under_way = progress.begin(Step::Waiting, || "mx.example:25".to_owned());
        under_way.at(Step::Talking(Phase::Greeting));
        drop(under_way);
        progress.target_done();
        let told = ["mx.example:25: Waiting", "7: Talking(Greeting)", "7 ends", "a target"];
        assert_eq!(*notes.get(), told);
    }

    #[test]
    fn without_an_onlooker_not_even_the_words_are_made() {
        let under_way = Progress::default().begin(Step::Waiting, || panic!("nobody looks"));
        under_way.at(Step::Connecting);
    }
}

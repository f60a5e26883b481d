//! How many descriptors this process may have, and what that means for how much it does at once.

/// Descriptors for everything but the conversations: name servers are asked through up to 128
/// sockets, ladders take a few dozen, files and the runtime a handful.
const RESERVE: u64 = 512;

/// Descriptors that a conversation takes at most: while it connects, its error queue is a second one.
const EACH: u64 = 2;

/// Raises the limit as far as this many conversations at once need it and the system allows it, and
/// returns how many conversations the limit allows.
#[cfg(unix)]
pub fn allow(jobs: usize) -> usize {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return jobs };
    let needed = RESERVE + EACH * jobs as u64;
    let wanted = needed.min(hard);
    let limit = match soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() {
        true => wanted,
        false => soft,
    };
    allowed(jobs, limit)
}

/// Without such a limit.
#[cfg(not(unix))]
pub fn allow(jobs: usize) -> usize {
    jobs
}

/// How many conversations so many descriptors allow.
#[cfg_attr(not(unix), expect(dead_code, reason = "there is no such limit"))]
fn allowed(jobs: usize, descriptors: u64) -> usize {
    let left = descriptors - RESERVE.min(descriptors / 2);
    let most = usize::try_from(left / EACH).unwrap_or(usize::MAX);
    jobs.min(most).max(1)
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn a_small_limit_makes_it_slow_and_not_wrong() {
        assert_eq!(allowed(256, 1024), 256, "the default goes with the usual limit");
        assert_eq!(allowed(1000, 1024), 256);
        assert_eq!(allowed(1000, 1_048_576), 1000);
        assert_eq!(allowed(256, 64), 16);
        assert_eq!(allowed(256, 0), 1);
    }
}

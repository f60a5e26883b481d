//! How many servers and addresses of one target are dialled at most.
//!
//! Whoever writes a zone decides where those who check it connect to. Without bounds, one domain
//! with a hundred mail exchangers of sixty-four addresses each makes 25,600 connections begin at
//! strangers' machines, and holds the run up for an hour where they are tarpits. What is left out is
//! told, and what was not looked at is never taken for good.

use crate::observation::{AddressLookup, LeftOut};

/// Servers of one MX or SRV set that are checked, the most preferred. The largest real sets have
/// about twenty.
pub const SERVERS: usize = 32;

/// Addresses of one family that are dialled, of all servers of one set together. Real sets have a
/// few dozen.
const ADDRESSES: usize = 64;

/// Addresses of one family of one server that are dialled in any case, so that one that works can
/// stand in for one that does not.
const FEWEST: usize = 2;

/// Addresses of one family of one server that are dialled at most. More than fit a plain UDP answer
/// serve nobody.
const MOST: usize = 32;

/// How many addresses of one family are dialled at each of so many servers.
pub fn addresses_each(servers: usize) -> usize {
    (ADDRESSES / servers.max(1)).clamp(FEWEST, MOST)
}

/// Keeps the first of a list, and says what was left out.
pub fn keep<T>(list: &mut Vec<T>, most: usize, name: &str, record_type: &str) -> Option<LeftOut> {
    let seen = list.len();
    list.truncate(most);
    (seen > most).then(|| LeftOut {
        name: name.to_owned(),
        record_type: record_type.to_owned(),
        seen,
        kept: most,
    })
}

/// As [`keep`], for the addresses of a look-up.
pub fn keep_addresses(found: &mut AddressLookup, most: usize) -> Option<LeftOut> {
    keep(&mut found.addresses, most, &found.lookup.name, &found.lookup.record_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_servers_the_fewer_addresses_of_each() {
        let each: Vec<usize> = [0, 1, 4, 5, 20, 32, 100].map(addresses_each).to_vec();
        assert_eq!(each, [32, 32, 16, 12, 3, 2, 2]);
    }

    #[test]
    fn what_is_left_out_is_told() {
        let mut list: Vec<u8> = (0..10).collect();
        assert_eq!(keep(&mut list, 10, "a.example", "MX"), None);
        let left_out = keep(&mut list, 3, "a.example", "MX").expect("seven are left out");
        assert_eq!((list, left_out.seen, left_out.kept), (vec![0, 1, 2], 10, 3));
    }
}

//! What first bytes look like, wherever they were seen. Pure.

/// A TLS record that a server sends first: an alert (21) or a handshake message (22) of any
/// version since SSL 3 (RFC 8446 §5.1).
pub fn is_tls_record(bytes: &[u8]) -> bool {
    matches!(bytes, [0x15 | 0x16, 0x03, 0..=4, ..] | [0x15 | 0x16, 0x03])
}

/// The reply code that plaintext begins with, where it looks like an SMTP reply.
pub fn reply_code(bytes: &[u8]) -> Option<u16> {
    let [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] = bytes else {
        return None;
    };
    let digit = |d: &u8| u16::from(d - b'0');
    matches!(rest.first(), None | Some(b' ' | b'-' | b'\r' | b'\n'))
        .then(|| digit(a) * 100 + digit(b) * 10 + digit(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_a_server_sends_first() {
        for record in [&b"\x15\x03\x01\x00\x02\x02\x28"[..], b"\x16\x03\x03\x00", b"\x16\x03"] {
            assert!(is_tls_record(record), "{record:?}");
        }
        for other in [&b""[..], b"\x16", b"\x17\x03\x03", b"\x16\x05\x00", b"220 mx"] {
            assert!(!is_tls_record(other), "{other:?}");
        }
    }

    #[test]
    fn the_code_that_plaintext_begins_with() {
        assert_eq!(reply_code(b"421 4.7.0 busy"), Some(421));
        assert_eq!(reply_code(b"220-mx"), Some(220));
        assert_eq!(reply_code(b"554\r\n"), Some(554));
        for other in [&b"4210"[..], b"99 x", b"HTTP/1.1", b"\x16\x03\x01", b""] {
            assert_eq!(reply_code(other), None, "{other:?}");
        }
    }
}

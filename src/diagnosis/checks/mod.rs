//! The registry of checks: every one that there is, in the order in which findings are told.
//!
//! One check, one file, one entry here. `explain`, the table in README.md and the tests go by this
//! list; a file that is not in it, or an entry without documentation, fails a test.

mod dialogue;
mod names;
mod policy;
mod reach;
#[cfg(test)]
mod registry_tests;
mod tls;

use super::check::Check;

/// Every check, in the order in which findings are told: causes before their consequences.
pub static ALL: &[&Check] = &[
    // Names: first what keeps us from knowing, then the domain, its MX set, its submission.
    &names::dnssec_invalid::DNSSEC_INVALID,
    &names::dns_server_failure::DNS_SERVER_FAILURE,
    &names::domain_not_found::DOMAIN_NOT_FOUND,
    &names::domain_without_mail_host::DOMAIN_WITHOUT_MAIL_HOST,
    &names::null_mx_mixed::NULL_MX_MIXED,
    &names::null_mx::NULL_MX,
    &names::mx_name_malformed::MX_NAME_MALFORMED,
    &names::mx_is_address::MX_IS_ADDRESS,
    &names::mx_without_address::MX_WITHOUT_ADDRESS,
    &names::mx_address_private::MX_ADDRESS_PRIVATE,
    &names::server_without_address::SERVER_WITHOUT_ADDRESS,
    &names::mx_partly_unreachable::MX_PARTLY_UNREACHABLE,
    &names::mx_is_alias::MX_IS_ALIAS,
    &names::implicit_mx::IMPLICIT_MX,
    &names::submission_disabled::SUBMISSION_DISABLED,
    &names::submission_not_announced::SUBMISSION_NOT_ANNOUNCED,
    // Reach: who stops the port, from the surest to the least sure.
    &reach::outbound_port_blocked::OUTBOUND_PORT_BLOCKED,
    &reach::connection_intercepted::CONNECTION_INTERCEPTED,
    &reach::path_mtu_blackhole::PATH_MTU_BLACKHOLE,
    &reach::tls_blocked::TLS_BLOCKED,
    &reach::port_filtered::PORT_FILTERED,
    &reach::host_unreachable::HOST_UNREACHABLE,
    &reach::port_silent::PORT_SILENT,
    &reach::port_closed::PORT_CLOSED,
    &reach::ipv6_broken::IPV6_BROKEN,
    &reach::connection_dropped::CONNECTION_DROPPED,
    &reach::ipv6_unavailable_here::IPV6_UNAVAILABLE_HERE,
    // Dialogue: in the order of the conversation.
    &dialogue::tls_on_plaintext_port::TLS_ON_PLAINTEXT_PORT,
    &dialogue::plaintext_on_tls_port::PLAINTEXT_ON_TLS_PORT,
    &dialogue::wrong_protocol::WRONG_PROTOCOL,
    &dialogue::greeting_missing::GREETING_MISSING,
    &dialogue::greeting_rejected::GREETING_REJECTED,
    &dialogue::greeting_throttled::GREETING_THROTTLED,
    &dialogue::greeting_rewritten::GREETING_REWRITTEN,
    &dialogue::greeting_slow::GREETING_SLOW,
    &dialogue::ehlo_rejected::EHLO_REJECTED,
    &dialogue::ehlo_unsupported::EHLO_UNSUPPORTED,
    &dialogue::starttls_not_supported::STARTTLS_NOT_SUPPORTED,
    &dialogue::starttls_refused::STARTTLS_REFUSED,
    &dialogue::plaintext_after_starttls::PLAINTEXT_AFTER_STARTTLS,
    &dialogue::auth_before_tls::AUTH_BEFORE_TLS,
    &dialogue::auth_not_offered::AUTH_NOT_OFFERED,
    &dialogue::reply_malformed::REPLY_MALFORMED,
    // TLS: the handshake, then the certificate, from what everybody refuses to what few do.
    &tls::tls_version_too_old::TLS_VERSION_TOO_OLD,
    &tls::tls_no_common_cipher::TLS_NO_COMMON_CIPHER,
    &tls::client_certificate_required::CLIENT_CERTIFICATE_REQUIRED,
    &tls::tls_handshake_failed::TLS_HANDSHAKE_FAILED,
    &tls::clock_wrong_here::CLOCK_WRONG_HERE,
    &tls::certificate_expired::CERTIFICATE_EXPIRED,
    &tls::certificate_not_yet_valid::CERTIFICATE_NOT_YET_VALID,
    &tls::certificate_host_mismatch::CERTIFICATE_HOST_MISMATCH,
    &tls::certificate_self_signed::CERTIFICATE_SELF_SIGNED,
    &tls::certificate_chain_incomplete::CERTIFICATE_CHAIN_INCOMPLETE,
    &tls::certificate_not_trusted::CERTIFICATE_NOT_TRUSTED,
    &tls::certificate_expires_soon::CERTIFICATE_EXPIRES_SOON,
    &tls::certificate_weak::CERTIFICATE_WEAK,
    // Policy: what follows from the configuration.
    &policy::expectation_not_met::EXPECTATION_NOT_MET,
];

/// Finds a check by its code.
pub fn find(code: &str) -> Option<&'static Check> {
    ALL.iter().find(|check| check.code == code).copied()
}

//! x
/// x
pub fn is_this_host(a: std::net::IpAddr) -> bool {
    a.is_loopback() || a.is_unspecified()
}

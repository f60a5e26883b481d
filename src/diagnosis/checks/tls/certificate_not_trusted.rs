use super::{chain_evidence, distrusted};
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::shorten;
use crate::observation::UntrustedBecause;

declare_check! {
    /// ## What it checks
    ///
    /// That the server's chain leads to an authority that is trusted: one of the public ones that
    /// this program brings along, or one given with `--ca-file`. Dates, self-signed certificates
    /// and chains with a gap have findings of their own.
    ///
    /// ## Why it matters
    ///
    /// Clients that do not know the authority cannot tell the server from an impostor. Mail
    /// programs refuse it or warn; senders that an MTA-STS policy binds put the mail off.
    ///
    /// ## How to fix it
    ///
    /// Get a certificate for servers from a public authority and install it with its whole chain.
    /// If the authority is your company's own, install its root on the clients, and give it here
    /// with `--ca-file`.
    ///
    /// ## When it may be wrong
    ///
    /// If certificates of unrelated servers come from the same unknown issuer, something on this
    /// side inspects TLS: a company's proxy or security software. An authority that was founded
    /// after this program was built may be trusted elsewhere.
    ///
    /// ## References
    ///
    /// RFC 5280 §6.1, RFC 8314 §5.3, RFC 8460 §4.3.1
    pub static CERTIFICATE_NOT_TRUSTED = {
        code: "certificate-not-trusted",
        group: Tls,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Error),
        summary: "the chain ends in no trust anchor",
        settings: super::CERTIFICATE,
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let own = |because| {
        !matches!(
            because,
            Some(
                UntrustedBecause::Expired
                    | UntrustedBecause::NotYetValid
                    | UntrustedBecause::SelfSigned
                    | UntrustedBecause::ChainIncomplete
            )
        )
    };
    let (tls, path) = match distrusted(facts, own) {
        Ok(found) => found,
        Err(outcome) => return outcome,
    };
    let label = facts.endpoint.label();
    let why = match path.untrusted_because {
        Some(UntrustedBecause::BadSignature) => "a signature in its chain does not verify".into(),
        Some(UntrustedBecause::WrongPurpose) => "it was not issued for servers".into(),
        Some(UntrustedBecause::UnknownIssuer) => {
            let issuer = tls.chain.last().map(|last| last.issuer.as_str()).unwrap_or_default();
            format!("its chain ends at {}, which is no known authority", shorten(issuer))
        }
        _ => match path.error.as_deref() {
            Some(error) => shorten(error),
            None => "its chain leads to no known authority".to_owned(),
        },
    };
    Outcome::found(Found {
        message: format!("the certificate of {label} is not trusted: {why}"),
        fix: "Get a certificate for servers from a public authority and install it with its whole \
              chain. If the authority is your own, give its root with --ca-file. If unrelated \
              servers show the same issuer from here, something on this side inspects TLS."
            .to_owned(),
        evidence: chain_evidence(tls, path),
        reference: "RFC 5280 §6.1",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{Talk, talk};

    fn distrusted_for(because: UntrustedBecause) -> Talk {
        talk(587).tls(|tls| tls.distrust(because, "the validator's words"))
    }

    #[test]
    fn each_reason_has_its_words() {
        for (because, part) in [
            (UntrustedBecause::UnknownIssuer, "ends at CN=Example Root"),
            (UntrustedBecause::BadSignature, "does not verify"),
            (UntrustedBecause::WrongPurpose, "not issued for servers"),
            (UntrustedBecause::Other, "the validator's words"),
        ] {
            let talk = distrusted_for(because);
            assert_eq!(talk.codes(), ["certificate-not-trusted"]);
            let found = talk.found(&CERTIFICATE_NOT_TRUSTED);
            assert!(found.message.contains(part), "{found:?}");
        }
    }

    #[test]
    fn faults_with_findings_of_their_own_are_not_told_twice() {
        for because in [
            UntrustedBecause::Expired,
            UntrustedBecause::NotYetValid,
            UntrustedBecause::SelfSigned,
            UntrustedBecause::ChainIncomplete,
        ] {
            let outcome = distrusted_for(because).outcome(&CERTIFICATE_NOT_TRUSTED);
            assert_eq!(outcome, Outcome::Pass, "{because:?}");
        }
        let failed = talk(587).starttls("454 no").outcome(&CERTIFICATE_NOT_TRUSTED);
        assert!(matches!(failed, Outcome::CannotTell(_)));
        let without_tls = talk(587).offers(&["SIZE"]).outcome(&CERTIFICATE_NOT_TRUSTED);
        assert!(matches!(without_tls, Outcome::NotApplicable(_)));
    }
}

//! Judges what a server showed, once the handshake is over. The operating system's verifier blocks,
//! and may ask the network (for a list of revoked certificates, or a missing one): it works in a
//! thread of its own, and is waited for so long and no longer.

use super::chain::{self, Chain};
use super::trust::Trust;
use crate::net::certificate;
use crate::observation::CertificateFault as Fault;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// How long the operating system may take for one chain.
const PATIENCE: Duration = Duration::from_secs(3);

/// Threads at a time, of the whole program: one that was given up goes on until the system comes to
/// its end.
static THREADS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(64)));

/// What a server showed in its handshake.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    pub leaf: Option<CertificateDer<'static>>,
    pub intermediates: Vec<CertificateDer<'static>>,
    /// The OCSP response that it stapled (RFC 6066 section 8); empty where there is none.
    pub ocsp: Vec<u8>,
    /// When it was shown.
    pub now: Option<UnixTime>,
    /// Why the signature of the handshake could not be verified.
    pub not_checked: Option<String>,
}

/// What was found of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Finding {
    /// What is wrong, with the verifier's words.
    pub problem: Option<(Fault, String)>,
    /// Whether the chain ends in a public root; `None` where something else is wrong, so that it
    /// was not found out.
    pub public: Option<bool>,
    pub leaf: Option<CertificateDer<'static>>,
    pub intermediates: Vec<CertificateDer<'static>>,
    /// Why the signature of the handshake could not be verified.
    pub not_checked: Option<String>,
}

/// Judges it. `name` is the one that was asked for.
pub(super) async fn judge(trust: &Trust, shown: Shown, name: &str) -> Finding {
    judge_within(trust, shown, name, PATIENCE).await
}

async fn judge_within(trust: &Trust, shown: Shown, name: &str, patience: Duration) -> Finding {
    let Shown { leaf: Some(leaf), mut intermediates, ocsp, now, not_checked } = shown else {
        return Finding::default();
    };
    let now = now.unwrap_or_else(UnixTime::now);
    let own = ask(trust, &leaf, &intermediates, name, &ocsp, now, patience).await;
    let public = verify(&*trust.public, &leaf, &intermediates, name, &ocsp, now);
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let is_wrong = !matches!(own, Some(Ok(())));
    let roots = if is_wrong { trust.root_names() } else { None };
    let chain = Chain::read(&leaf, &intermediates, name, seconds, roots);
    let public = chain::is_public(&public, &chain, !is_wrong, trust.fetches());
    let problem = match own {
        Some(Ok(())) => None,
        Some(Err(error)) => Some((chain::fault(&error, &chain), short(&error))),
        None => Some((chain::fault_unasked(&chain), late(patience))),
    };
    intermediates.truncate(certificate::MAX_CHAIN);
    Finding { problem, public, leaf: Some(leaf), intermediates, not_checked }
}

fn late(patience: Duration) -> String {
    format!("this machine did not judge it within {} s", patience.as_secs_f64())
}

/// What the machine's own verifier says; `None` where it does not say it in time.
async fn ask(
    trust: &Trust,
    leaf: &CertificateDer<'static>,
    intermediates: &[CertificateDer<'static>],
    name: &str,
    ocsp: &[u8],
    now: UnixTime,
    patience: Duration,
) -> Option<Result<(), rustls::Error>> {
    if !trust.may_block() {
        return Some(verify(&*trust.verifier, leaf, intermediates, name, ocsp, now));
    }
    let work = async {
        let turn = THREADS.clone().acquire_owned().await.ok()?;
        let (tell, answer) = oneshot::channel();
        let (verifier, leaf) = (trust.verifier.clone(), leaf.clone());
        let (intermediates, name) = (intermediates.to_vec(), name.to_owned());
        let ocsp = ocsp.to_vec();
        std::thread::Builder::new()
            .name("certificate".to_owned())
            .spawn(move || {
                let said = verify(&*verifier, &leaf, &intermediates, &name, &ocsp, now);
                drop(turn);
                // Nobody may be waiting any more.
                let _ = tell.send(said);
            })
            .ok()?;
        answer.await.ok()
    };
    tokio::time::timeout(patience, work).await.ok().flatten()
}

fn verify(
    verifier: &dyn ServerCertVerifier,
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    name: &str,
    ocsp: &[u8],
    now: UnixTime,
) -> Result<(), rustls::Error> {
    let name = ServerName::try_from(name).map_err(|e| rustls::Error::General(e.to_string()))?;
    verifier.verify_server_cert(leaf, intermediates, &name, ocsp, now).map(|_| ())
}

/// The words of a verifier, without its lists of what it supports.
fn short(error: &rustls::Error) -> String {
    let words = error.to_string();
    let words =
        words.split_once(" { signature_algorithm_id").map_or(words.as_str(), |(words, _)| words);
    words.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::SignatureScheme;
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified};
    use std::time::Instant;

    /// Waits for a network that does not answer, and then takes everything.
    #[derive(Debug)]
    struct Waits(Duration);

    impl ServerCertVerifier for Waits {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            std::thread::sleep(self.0);
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &rustls::DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            Vec::new()
        }
    }

    fn shown(name: &str, is_over: bool) -> Shown {
        let mut asked = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let now = std::time::SystemTime::now();
        let day = Duration::from_secs(86_400);
        asked.not_before = (now - 30 * day).into();
        asked.not_after = if is_over { now - day } else { now + 90 * day }.into();
        let key = rcgen::KeyPair::generate().expect("a key");
        let leaf = asked.self_signed(&key).expect("signed").der().clone();
        Shown { leaf: Some(leaf), now: Some(UnixTime::now()), ..Shown::default() }
    }

    #[tokio::test]
    async fn a_verifier_that_waits_makes_nobody_wait_and_nothing_green() {
        let trust = Trust::waiting(Arc::new(Waits(Duration::from_secs(5))));
        let patience = Duration::from_millis(300);
        let begun = Instant::now();
        let mut ticks = 0;
        let beside = async {
            loop {
                tokio::time::sleep(Duration::from_millis(10)).await;
                ticks += 1;
            }
        };
        // Six at once, on one thread, with others at work beside them.
        let six = futures_util::future::join_all(
            (0..6).map(|_| judge_within(&trust, shown("a.test", false), "a.test", patience)),
        );
        let found = tokio::select! {
            found = six => found,
            () = beside => unreachable!("it has no end"),
        };
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        assert!(ticks >= 5, "{ticks}");
        for finding in found {
            let (fault, words) = finding.problem.expect("it is not known to be right");
            // Where the roots of the machine are a list, it is seen that it leads to none.
            let wanted = if cfg!(unix) { Fault::SelfSigned } else { Fault::NotInTime };
            assert_eq!(fault, wanted);
            assert!(words.contains("0.3 s"), "{words}");
        }
    }

    #[tokio::test]
    async fn what_needs_no_verifier_is_seen_all_the_same() {
        let trust = Trust::waiting(Arc::new(Waits(Duration::from_secs(5))));
        let patience = Duration::from_millis(50);
        for (shown, name, wanted) in [
            (shown("a.test", true), "a.test", Fault::Expired),
            (shown("a.test", false), "b.test", Fault::OtherName),
        ] {
            let found = judge_within(&trust, shown, name, patience).await;
            assert_eq!(found.problem.map(|(fault, _)| fault), Some(wanted));
        }
    }

    #[tokio::test]
    async fn one_that_is_quick_is_believed() {
        let trust = Trust::waiting(Arc::new(Waits(Duration::ZERO)));
        let patience = Duration::from_secs(10);
        let found = judge_within(&trust, shown("a.test", false), "a.test", patience).await;
        assert_eq!(found.problem, None);
    }
}

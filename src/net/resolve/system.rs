//! The system's own resolver, asked in a thread of its own: it blocks, and nothing can break it
//! off.

use super::dns::{Dns, Said};
use super::found::{Found, Patience};
use crate::net::clock;
use crate::net::os::names::{self, NameError, NameFault, Named};
use crate::observation::Initiator;
use crate::observation::failure::Failure;
use crate::reason::Reason;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// Threads at a time, of the whole program: one that was given up goes on until the system's
/// resolver comes to its end.
static THREADS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(64)));

/// Name service modules keep buffers on the stack.
const STACK: usize = 512 * 1024;

/// Time after which DNS is asked beside the system, to see whether there is anybody who answers.
/// Less than the shortest that a resolver may wait for a server, so that what is given up for
/// silence is never taken for a quick refusal.
const ALONE: Duration = Duration::from_millis(800);

/// How long DNS is asked why the system found nothing.
const WHY: Duration = Duration::from_secs(2);

/// How long DNS is asked for the chain of names of which the system tells the end.
const CHAIN: Duration = Duration::from_millis(500);

/// An answer that took so long may have come too late for the system's resolver.
const LATE_MS: f64 = 900.0;

/// Asks the system, and where DNS is only slow, once more with patience.
pub(super) async fn look_up(name: &str, dns: &Dns, patience: Patience) -> Result<Found, Failure> {
    match ask(name, dns, patience, false).await {
        Err(failure) if names::CAN_WAIT && failure.facts.resolve.answered_after_ms.is_some() => {
            match ask(name, dns, patience, true).await {
                Ok(found) => Ok(Found { impatient: true, ..found }),
                Err(_) => Err(failure),
            }
        }
        outcome => outcome,
    }
}

async fn ask(name: &str, dns: &Dns, patience: Patience, patient: bool) -> Result<Found, Failure> {
    let Ok(Ok(turn)) = tokio::time::timeout(patience.whole, THREADS.clone().acquire_owned()).await
    else {
        return Err(Failure::local(Reason::LocalResources)
            .saying("too many names are being looked up that the system does not find"));
    };
    let begun = clock::instant();
    let (tell, answer) = oneshot::channel();
    let asked = name.to_owned();
    let thread =
        std::thread::Builder::new().name("name".to_owned()).stack_size(STACK).spawn(move || {
            let answer = names::addresses_of(&asked, patient);
            drop(turn);
            // Nobody may be waiting any more.
            let _ = tell.send(answer);
        });
    if let Err(error) = thread {
        return Err(Failure::local(Reason::LocalResources).saying(error.to_string()));
    }
    tokio::pin!(answer);
    let mut said = None;
    if let Ok(answer) = tokio::time::timeout(ALONE, &mut answer).await {
        return settle(name, answer, said, dns).await;
    }
    let beside = dns.answers(name, patience.whole);
    tokio::pin!(beside);
    let mut given: Option<Answer> = None;
    loop {
        // The system's answer is enough, unless it only says that it may be asked again: then a
        // server may still be heard.
        given = match given {
            Some(answer) if said.is_some() || !is_try_again(&answer) => {
                return settle(name, answer, said, dns).await;
            }
            other => other,
        };
        let answered = said.as_ref().is_some_and(Said::is_answer);
        let until = begun + if answered { patience.whole } else { patience.silent };
        tokio::select! {
            biased;
            answer = &mut answer, if given.is_none() => given = Some(answer),
            heard = &mut beside, if said.is_none() => said = Some(heard),
            () = tokio::time::sleep_until(until.into()) => {
                let failure = Failure::unknown(Reason::DnsTimedOut).with("waited_ms", clock::ms_since(begun).round());
                return Err(if answered {
                    failure.saying( "a DNS server answers, but this machine's own resolver \
                        does not come to its end")
                } else {
                    failure
                });
            }
        }
    }
}

type Answer = Result<Result<Named, NameError>, oneshot::error::RecvError>;

fn is_try_again(answer: &Answer) -> bool {
    matches!(answer, Ok(Err(error)) if error.fault == NameFault::TryAgain)
}

/// What came of it, with the reason where there is no address.
async fn settle(
    name: &str,
    answer: Answer,
    said: Option<Said>,
    dns: &Dns,
) -> Result<Found, Failure> {
    let Ok(answer) = answer else {
        return Err(Failure::local(Reason::OsError).saying("the system's resolver broke off"));
    };
    match answer {
        Ok(Named { addresses, canonical }) => {
            let end = canonical.filter(|end| !is_same(end, name));
            // Where it is an alias and DNS is quick, the names between are told as well.
            let aliases = match end {
                Some(end) if said.is_none() => {
                    let chain = dns.aliases(name, CHAIN).await;
                    if chain.last().is_some_and(|last| is_same(last, &end)) {
                        chain
                    } else {
                        vec![end]
                    }
                }
                end => end.into_iter().collect(),
            };
            Ok(Found::new(addresses, aliases))
        }
        Err(error) => {
            // The system cannot always tell a name that is not there from one without addresses,
            // nor why it may be asked again.
            let said = match (error.fault, said) {
                (NameFault::NotFound | NameFault::TryAgain, None) => {
                    Some(dns.says(name, WHY).await)
                }
                (_, said) => said,
            };
            Err(failure(&error, said.as_ref(), cfg!(windows)))
        }
    }
}

fn is_same(one: &str, other: &str) -> bool {
    one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}

/// Why the system gave no address. DNS only makes the reason sharper; an address that it has and
/// the system has not is none.
fn failure(error: &NameError, said: Option<&Said>, windows: bool) -> Failure {
    let of_dns = match said {
        Some(Said::Not(failure)) => Some(failure.reason),
        _ => None,
    };
    let told = |failure: Failure| {
        let failure = failure.with("code", error.code);
        match failure.facts.ended.error.is_some() {
            true => failure.with("resolver", error.words.clone()),
            false => failure.saying(error.words.clone()),
        }
    };
    let has = "DNS has addresses for it, this machine's own resolver has none (look at its name \
        service settings)";
    told(match (error.fault, of_dns) {
        (NameFault::NotFound, Some(Reason::NameNoAddress)) | (NameFault::NoAddress, _) => {
            Failure::peer(Reason::NameNoAddress)
        }
        // Windows says so too where no server answered.
        (NameFault::NotFound, Some(Reason::DnsTimedOut)) if windows => {
            Failure::unknown(Reason::DnsTimedOut)
        }
        (NameFault::NotFound, _) if matches!(said, Some(Said::Addresses(_))) => {
            Failure::peer(Reason::NameNotFound).saying(has)
        }
        (NameFault::NotFound, _) => Failure::peer(Reason::NameNotFound),
        (NameFault::TryAgain, _) => match said {
            Some(Said::Addresses(ms)) if *ms >= LATE_MS => {
                let words = "a DNS server answers, and this machine's own resolver gave up before: \
                    it waits no longer than it is told to";
                Failure::unknown(Reason::DnsTimedOut)
                    .saying(words)
                    .noting(|facts| facts.resolve.answered_after_ms = Some(ms.round()))
            }
            Some(Said::Addresses(_)) => Failure::peer(Reason::DnsFailed).saying(has),
            Some(Said::Not(failure)) => failure.clone(),
            None => Failure::unknown(Reason::DnsFailed),
        },
        (NameFault::Failed, _) => Failure::peer(Reason::DnsFailed),
        (NameFault::Local(reason), _) => {
            Failure { initiator: Initiator::Local, ..Failure::local(reason) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(fault: NameFault, said: Option<Said>, windows: bool) -> (Reason, Initiator) {
        let failure = failure(
            &NameError { fault, code: -1, words: "words".to_owned() },
            said.as_ref(),
            windows,
        );
        (failure.reason, failure.initiator)
    }

    #[test]
    fn dns_makes_the_reason_sharper_and_gives_no_address() {
        use NameFault::{Failed, Local, NoAddress, NotFound, TryAgain};
        let not = |failure| Some(Said::Not(failure));
        let silent = || not(Failure::unknown(Reason::DnsTimedOut));
        assert_eq!(why(NotFound, None, false).0, Reason::NameNotFound);
        assert_eq!(
            why(NotFound, Some(Said::Addresses(1.0)), false).0,
            Reason::NameNotFound,
            "the system decides"
        );
        assert_eq!(
            why(NotFound, not(Failure::peer(Reason::NameNoAddress)), false).0,
            Reason::NameNoAddress
        );
        assert_eq!(
            why(NotFound, silent(), false).0,
            Reason::NameNotFound,
            "without DNS in nsswitch.conf"
        );
        assert_eq!(why(NotFound, silent(), true).0, Reason::DnsTimedOut);
        assert_eq!(
            why(NoAddress, not(Failure::peer(Reason::NameNotFound)), false).0,
            Reason::NameNoAddress
        );
        assert_eq!(why(TryAgain, silent(), false).0, Reason::DnsTimedOut);
        assert_eq!(
            why(TryAgain, not(Failure::peer(Reason::DnsFailed)), false),
            (Reason::DnsFailed, Initiator::Peer),
            "SERVFAIL"
        );
        assert_eq!(
            why(TryAgain, not(Failure::local(Reason::DnsFailed)), false),
            (Reason::DnsFailed, Initiator::Local),
            "no server"
        );
        assert_eq!(
            why(TryAgain, Some(Said::Addresses(3000.0)), false).0,
            Reason::DnsTimedOut,
            "too late for the system"
        );
        assert_eq!(why(TryAgain, Some(Said::Addresses(3.0)), false).0, Reason::DnsFailed);
        assert_eq!(why(Failed, None, false).0, Reason::DnsFailed);
        assert_eq!(
            why(Local(Reason::LocalResources), None, false),
            (Reason::LocalResources, Initiator::Local)
        );
    }

    #[tokio::test]
    async fn what_no_dns_server_knows_the_hosts_file_does() {
        let nobody = Dns::of_server(([127, 0, 0, 1], 1).into(), Duration::from_secs(1));
        let found = look_up("localhost", &nobody, Patience::new(Duration::from_secs(1)))
            .await
            .expect("every system knows it");
        assert!(found.addresses.iter().all(std::net::IpAddr::is_loopback), "{found:?}");
    }

    #[tokio::test]
    async fn odd_names_are_not_found_and_break_nothing() {
        let nobody = Dns::of_server(([127, 0, 0, 1], 1).into(), Duration::from_secs(1));
        for name in ["", "a\0b", "a..b", &"x".repeat(300)] {
            let failure = look_up(name, &nobody, Patience::new(Duration::from_secs(1)))
                .await
                .expect_err("no name");
            assert!(!failure.facts.is_empty(), "{failure:?}");
        }
    }
}

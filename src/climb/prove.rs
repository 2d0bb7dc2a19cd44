//! Challenges of a climb, and what became of them.

use super::Climb;
use super::asked::SentChallenge;
use crate::net::{clock, random};
use crate::observation::facts::Proof;
use crate::observation::failure::Failure;
use crate::observation::{Facts, StepKind};
use crate::reason::Reason;
use crate::wire::challenge::{self, Aim, Challenge, Exporter, ProofOutcome};
use crate::wire::hex::hex;

impl Climb<'_> {
    /// A fresh challenge for one exchange with the port of the hop; `None` without a site key, and
    /// where no listener can be: a cloud service, and who looks into connections to it, are told
    /// nothing.
    pub fn challenge(&self) -> Option<SentChallenge> {
        self.challenge_at(self.target.hop.port)
    }

    /// The same for another port of the host.
    pub fn challenge_at(&self, port: u16) -> Option<SentChallenge> {
        let key = self.tools.key.as_ref().filter(|_| self.target.hop.class.is_none())?;
        let challenge = match &self.target.question {
            // What is asked says how long ago it was when it is sent, not when this climb began.
            Some(question) => Challenge::question(
                random(),
                &question.later(clock::since(self.origin)),
                clock::now(),
            ),
            None => Challenge::new(random(), &self.target.hop.id, clock::now()),
        };
        let host = self.target.hop.to.host.label();
        let octets = challenge.encode(key, Aim::new(&host, port));
        Some(SentChallenge { challenge, octets, text: hex(&octets) })
    }

    /// Notes what became of a challenge: rung `proof`. `answer` is the proof as it came, if any;
    /// `exporter` is this end's, where it spoke TLS. Without a key nothing is noted. A missing
    /// proof is noted as a fact of the hop and is not a failed rung: real services give none.
    pub fn proof(
        &mut self,
        asked: Option<&SentChallenge>,
        answer: Option<&str>,
        exporter: Option<&Exporter>,
    ) {
        let outcome = self.weigh(asked, answer, exporter);
        self.note_proof(outcome);
    }

    /// What became of a challenge, without noting it: for a protocol whose own rung depends on what
    /// the listener says it saw.
    pub fn weigh(
        &self,
        asked: Option<&SentChallenge>,
        answer: Option<&str>,
        exporter: Option<&Exporter>,
    ) -> ProofOutcome {
        let (Some(key), Some(asked)) = (self.tools.key.as_ref(), asked) else {
            return ProofOutcome::NotAsked;
        };
        match answer {
            None => ProofOutcome::None,
            // What was said comes back: somebody repeats it, and nobody proves anything.
            Some(answer) if answer.trim() == asked.text => ProofOutcome::None,
            Some(answer) => {
                let hop = self.target.hop;
                let to = hop.to.host.label();
                let behind =
                    hop.flow.relayed_to.iter().flat_map(|behind| &behind.hosts).map(String::as_str);
                challenge::verify(key, &asked.challenge, answer, exporter)
                    .named([to.as_str()].into_iter().chain(behind))
            }
        }
    }

    /// Notes an outcome of [`Climb::weigh`], as [`Climb::proof`] does.
    pub fn note_proof(&mut self, outcome: ProofOutcome) {
        self.note_proof_on(outcome, None);
    }

    /// The same for a probe of several ports: `port` is the one that this connection was made to.
    pub fn note_proof_on(&mut self, outcome: ProofOutcome, port: Option<u16>) {
        let begun = clock::instant();
        match &outcome {
            ProofOutcome::Valid { claims, same_tls_session } => {
                let proof = Proof {
                    host: Some(claims.host.clone()),
                    local: Some(claims.local),
                    peer: Some(claims.peer),
                    clock: Some(claims.now),
                    http: claims.http.as_ref().map(told),
                    tls: claims.tls.as_ref().map(told),
                    proxy_protocol: claims.proxy_protocol.clone(),
                    same_tls_session: *same_tls_session,
                    port,
                    listener_ports: Some(claims.ports.clone()).filter(|p| !p.is_empty()),
                };
                self.note(StepKind::Proof, begun, Ok(Facts::of(|facts| *facts.proof = proof)));
            }
            ProofOutcome::Invalid { why } => {
                self.note(
                    StepKind::Proof,
                    begun,
                    Err(Failure::peer(Reason::ProofInvalid).with("why", why.clone())),
                );
            }
            ProofOutcome::None | ProofOutcome::NotAsked => {}
        }
        self.proofs.push(outcome);
    }
}

/// A part of a proof for a result. One that could not be written would be told as what went wrong,
/// and not be missing.
fn told(part: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(part).unwrap_or_else(|error| error.to_string().into())
}

//! Whole conversations with a stand-in, over a stream in memory and in time that nobody waits for.

use crate::choices::Choices;
use crate::key::key;
use portmatrix::matrix::model::{Interface, Protocol};
use portmatrix::net::clock;
use portmatrix::protocol::rpc::codec::Uuid;
use portmatrix::protocol::serve;
use portmatrix::stand_in::{Caller, StandIn};
use portmatrix::wire::challenge::{Aim, Challenge};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::{Builder, Runtime};
use tokio::task::coop::unconstrained;

/// Where a challenge stands in an input: challenges of a corpus would be too old after a day. What
/// stands behind the mark is overwritten, so that lengths stay right.
const MARK: &[u8; 4] = b"\xffCHA";
/// Turns of a conversation that are taken without asking the runtime, which takes as long as ten.
const TURNS: usize = 1000;

/// What went over a connection.
pub struct Said {
    /// What the client sent.
    pub sent: Vec<u8>,
    /// What came back.
    pub heard: Vec<u8>,
    /// Challenges of the key that were in it.
    pub challenges: usize,
    /// Octets that are on their way at a time.
    pub room: usize,
}

thread_local! {
    // To make one takes longer than most conversations.
    static RUNTIME: Runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime can be made");
}

/// A stand-in as a small site has one.
pub fn stand_in(protocol: Protocol) -> StandIn {
    let interface = |n: u8, port: u16| {
        let uuid = Uuid::from_bytes([n; 16]);
        let name = format!("interface {n}");
        (Interface { name, uuid, version: (1, 0), title: None, hint: None }, port)
    };
    let mut here = StandIn::new("dc1.contoso.com", protocol, Some(key().clone()));
    here.paths = vec!["/Agent".into()];
    here.interfaces = vec![interface(1, 50001), interface(2, 50002), interface(3, 50003)];
    here
}

/// Says an input to a stand-in and hears what it answers. The first two octets say whether it may
/// hold challenges, and in what pieces it comes.
pub fn talk(input: &[u8], here: StandIn) -> Said {
    let mut choices = Choices(input);
    let (knows_key, piece) = (choices.octet() & 1 == 1, choices.octet());
    let (sent, challenges) = match knows_key {
        true => with_challenges(choices.0),
        false => (choices.0.to_vec(), 0),
    };
    // Long inputs in single octets would take long, and tell nothing more.
    let least = if sent.len() > 300 { 64 } else { 1 };
    let room = [1 << 16, 4096, 512, 40, 3, 1][usize::from(piece % 6)].max(least);
    let heard = RUNTIME.with(|runtime| runtime.block_on(exchange(&sent, Arc::new(here), room)));
    Said { sent, heard, challenges, room }
}

async fn exchange(sent: &[u8], here: Arc<StandIn>, room: usize) -> Vec<u8> {
    let (near, far) = tokio::io::duplex(room);
    let (mut reader, mut writer) = tokio::io::split(near);
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let seen = Caller::new(address(135), address(40000));
    let server = serve(here.protocol, far, seen, &here);
    let say = async {
        let _ = writer.write_all(sent).await;
        let _ = writer.shutdown().await;
    };
    let mut heard = Vec::new();
    let hear = reader.read_to_end(&mut heard);
    let all = async { tokio::join!(async { drop(server.await) }, say, hear) };
    // Whoever waits for nothing that can come is stopped by the limit of time of libFuzzer.
    let (_, (), _) = Eager { inner: Box::pin(unconstrained(all)), woken: Arc::default() }.await;
    // What was begun beside the connection gets its turn to end.
    tokio::task::yield_now().await;
    heard
}

/// A future that goes on for as long as it wakes itself.
struct Eager<F> {
    inner: Pin<Box<F>>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken {
    again: AtomicBool,
    runtime: Mutex<Option<Waker>>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.again.store(true, Ordering::Relaxed);
        if let Some(waker) = self.runtime.lock().expect("nobody panicked").take() {
            waker.wake();
        }
    }
}

impl<F: Future> Future for Eager<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let waker = Waker::from(self.woken.clone());
        for _ in 0..TURNS {
            self.woken.again.store(false, Ordering::Relaxed);
            if let Poll::Ready(done) = self.inner.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(done);
            }
            if !self.woken.again.load(Ordering::Relaxed) {
                break;
            }
        }
        *self.woken.runtime.lock().expect("nobody panicked") = Some(context.waker().clone());
        if self.woken.again.load(Ordering::Relaxed) {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

/// The input with fresh challenges in the places that it has for them, and how many.
fn with_challenges(input: &[u8]) -> (Vec<u8>, usize) {
    let mut out = input.to_vec();
    let (mut at, mut count) = (0, 0_usize);
    let mut last = [0; 40];
    while let Some(found) = out[at..].windows(MARK.len()).position(|octets| octets == MARK) {
        let start = at + found;
        let kind = out.get(start + MARK.len()).copied().unwrap_or_default() % 8;
        // The second half of a challenge belongs to the one before it.
        if kind != 3 {
            count += 1;
            let nonce = [u8::try_from(count % 251).unwrap_or_default(); 12];
            let fresh = Challenge::new(nonce, "hop", clock::now());
            let fresh = if kind >= 4 { fresh.about_sweep(0) } else { fresh };
            last = fresh.encode(key(), Aim::new("dc1.contoso.com", 135));
        }
        let text = data_encoding::HEXLOWER.encode(&last);
        let put: &[u8] = match kind {
            1 | 5 => text.as_bytes(),
            2 => &last[..20],
            3 => &last[20..],
            _ => &last,
        };
        let end = (start + put.len()).min(out.len());
        out[start..end].copy_from_slice(&put[..end - start]);
        at = end;
    }
    (out, count)
}

impl Said {
    /// Nobody gets out of a stand-in much more than he puts in, and nobody without the key gets
    /// anything by which this program is known. `fixed` is what a protocol says once.
    ///
    /// # Panics
    /// When one of these does not hold.
    pub fn check_bland(&self, fixed: usize) {
        // A proof has some hundred octets.
        let most = 16 * self.sent.len() + fixed + 2048 * self.challenges;
        assert!(self.heard.len() <= most, "{} for {}", self.heard.len(), self.sent.len());
        if self.challenges == 0 {
            // What the client says itself may come back.
            let (heard, sent) = (names_us(&self.heard), names_us(&self.sent));
            assert!(heard <= sent, "it says who it is");
        }
    }
}

/// How often octets have the name of the program in them.
fn names_us(octets: &[u8]) -> usize {
    octets.windows(10).filter(|word| word.eq_ignore_ascii_case(b"portmatrix")).count()
}

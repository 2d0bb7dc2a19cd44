//! A link with delay: two tunnel devices, each in its own namespace, and a thread that holds every
//! packet for 5 ms before it writes it to the other one. On a bare virtual link the answer to a
//! packet arrives within the system call that sent it, which no real path does.

use super::inside::enter;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const DELAY: Duration = Duration::from_millis(5);

/// The link, until it is dropped.
pub struct Forwarder {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Forwarder {
    /// Makes `tun0` in both namespaces and begins to forward.
    ///
    /// # Panics
    /// When a device cannot be made.
    pub fn between(first: &str, second: &str) -> Forwarder {
        let devices = [open(first), open(second)];
        let stop = Arc::new(AtomicBool::new(false));
        let token = stop.clone();
        let thread = std::thread::spawn(move || forward(devices, &token));
        Forwarder { stop, thread: Some(thread) }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A tunnel device for IP packets, made by a thread inside the namespace.
fn open(namespace: &str) -> File {
    let namespace = namespace.to_owned();
    std::thread::spawn(move || {
        enter(&namespace);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")
            .expect("tunnels can be made");
        name(&file);
        file
    })
    .join()
    .expect("a tunnel was made")
}

#[expect(unsafe_code, reason = "tunnel devices are made by an ioctl")]
fn name(file: &File) {
    // struct ifreq: the name in 16 octets, then the flags.
    let mut request = [0_u8; 40];
    request[..4].copy_from_slice(b"tun0");
    let flags = u16::try_from(libc::IFF_TUN | libc::IFF_NO_PI).unwrap_or_default();
    request[16..18].copy_from_slice(&flags.to_ne_bytes());
    // SAFETY: TUNSETIFF reads and writes one ifreq of 40 octets, which lives until the call
    // returns.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, request.as_mut_ptr()) };
    assert_eq!(result, 0, "TUNSETIFF: {}", std::io::Error::last_os_error());
}

fn forward(mut devices: [File; 2], stop: &AtomicBool) {
    let mut held: VecDeque<(Instant, usize, Vec<u8>)> = VecDeque::new();
    let mut buffer = vec![0; 65_536];
    while !stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        let wait = held
            .front()
            .map_or(Duration::from_millis(50), |(due, ..)| due.saturating_duration_since(now));
        poll(&devices, wait);
        for from in [0, 1] {
            while let Ok(octets) = devices[from].read(&mut buffer) {
                held.push_back((Instant::now() + DELAY, 1 - from, buffer[..octets].to_vec()));
            }
        }
        while held.front().is_some_and(|(due, ..)| *due <= Instant::now()) {
            if let Some((_, to, packet)) = held.pop_front() {
                // A device that is not up yet takes nothing.
                let _ = devices[to].write(&packet);
            }
        }
    }
}

#[expect(unsafe_code, reason = "poll takes a pointer to plain structs")]
fn poll(devices: &[File; 2], wait: Duration) {
    let mut waiting = devices.each_ref().map(|d| libc::pollfd {
        fd: d.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    });
    let ms = i32::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(50);
    // SAFETY: two structs that outlive the call.
    unsafe { libc::poll(waiting.as_mut_ptr(), 2, ms) };
}

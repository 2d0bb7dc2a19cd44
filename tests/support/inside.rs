//! Threads that live in a namespace: the sockets and devices that they open are the namespace's,
//! whatever the rest of the process does.

use std::fs::File;
use std::future::Future;
use std::os::fd::AsRawFd as _;
use std::thread::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Moves this thread into a namespace.
///
/// # Panics
/// When it cannot.
#[expect(unsafe_code, reason = "the standard library has no setns")]
pub fn enter(namespace: &str) {
    let file = File::open(format!("/run/netns/{namespace}")).expect("the namespace is there");
    // SAFETY: a plain system call on a descriptor that outlives it; it changes this thread alone.
    let result = unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) };
    assert_eq!(result, 0, "setns {namespace}: {}", std::io::Error::last_os_error());
}

/// A program in a namespace, with a runtime of its own; ended when dropped.
pub struct Inside {
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Inside {
    /// Starts one. `prepare` runs first, on a runtime's thread inside the namespace, and opens what
    /// has to be open when this returns; the future that it gives is run until the end.
    ///
    /// # Errors
    /// What `prepare` says.
    pub fn start<P, F>(namespace: &str, prepare: P) -> Result<Inside, String>
    where
        P: FnOnce() -> Result<F, String> + Send + 'static,
        F: Future<Output = ()>,
    {
        let stop = CancellationToken::new();
        let (ready, wait) = std::sync::mpsc::channel();
        let (token, name) = (stop.clone(), namespace.to_owned());
        let thread = std::thread::spawn(move || {
            enter(&name);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime can be made");
            tokio::task::LocalSet::new().block_on(&runtime, async {
                match prepare() {
                    Ok(work) => {
                        let _ = ready.send(Ok(()));
                        tokio::select! {
                            () = token.cancelled() => {}
                            () = work => token.cancelled().await,
                        }
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                    }
                }
            });
        });
        let outcome = wait.recv().unwrap_or_else(|_| Err("the program ended by itself".to_owned()));
        let inside = Inside { stop, thread: Some(thread) };
        outcome.map(|()| inside)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

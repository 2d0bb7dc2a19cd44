//! The built program on this machine's loopback, as a user starts it.

use serde_json::Value;
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The built program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_portmatrix");

/// A folder with a site file, and the program run in it.
pub struct Folder(pub tempfile::TempDir);

impl Folder {
    /// With this site file.
    pub fn new(site: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::write(folder.path().join("site.toml"), site)
            .expect("the site file can be written");
        Folder(folder)
    }

    /// A file of the folder.
    pub fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// A subcommand, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .current_dir(self.0.path())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.env_remove("COLUMNS");
        command
    }

    /// Runs a subcommand to its end.
    pub fn run(&self, arguments: &[&str]) -> Done {
        Done::of(self.command(arguments).output().expect("the program starts"))
    }

    /// Starts a listener and waits until this port is open.
    pub fn listen(&self, arguments: &[&str], port: SocketAddr) -> Listener {
        let child =
            self.command(&[&["listen"], arguments].concat()).spawn().expect("the program starts");
        let mut listener = Listener(Some(child));
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(port).is_err() {
            let ended = listener.0.as_mut().and_then(|c| c.try_wait().ok()).flatten();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "{port} is not open: {}",
                listener.end()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        listener
    }
}

/// What a program said.
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Done {
    pub fn of(output: Output) -> Self {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        Done { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Its one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("not one JSON document: {e}\n{self}"))
    }
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {:?}\nstdout:\n{}\nstderr:\n{}", self.code, self.out, self.err)
    }
}

/// A listener that ends with its test.
pub struct Listener(pub Option<Child>);

impl Listener {
    /// Ends it as Ctrl-C does, and returns what it said.
    pub fn interrupt(mut self) -> Done {
        let pid = self.0.as_ref().expect("it runs").id().to_string();
        let killed = Command::new("kill").args(["-INT", &pid]).status().expect("kill runs");
        assert!(killed.success());
        self.wait(Duration::from_secs(15))
    }

    /// Waits for its own end.
    pub fn wait(&mut self, limit: Duration) -> Done {
        let deadline = Instant::now() + limit;
        while self
            .0
            .as_mut()
            .expect("it was started")
            .try_wait()
            .expect("a child can be asked")
            .is_none()
        {
            assert!(Instant::now() < deadline, "the listener did not end in {limit:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Done::of(self.0.take().expect("it was started").wait_with_output().expect("what it said"))
    }

    pub fn end(&mut self) -> Done {
        let mut child = self.0.take().expect("it was started");
        let _ = child.kill();
        let mut done = Done { code: None, out: String::new(), err: String::new() };
        if let Some(pipe) = &mut child.stdout {
            let _ = pipe.read_to_string(&mut done.out);
        }
        if let Some(pipe) = &mut child.stderr {
            let _ = pipe.read_to_string(&mut done.err);
        }
        let _ = child.wait();
        done
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether a client of somebody else's is installed. On a build server it must be.
#[expect(clippy::print_stderr, reason = "a test that cannot run says so")]
pub fn installed(program: &str, package: &str) -> bool {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|p: PathBuf| Path::new(&p).join(program).is_file())
    });
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{program} is missing: install {package}");
        eprintln!("not tested: {program} is missing (package {package})");
    }
    found
}

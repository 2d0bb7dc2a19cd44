//! The Windows program on a host of these networks, under Wine. Wine's server makes the sockets of
//! all programs of its prefix, so that every host has a prefix of its own, begun inside it.

use super::netns::{Done, Namespace, Process};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

/// Where Debian has them.
const WINE: &str = "/usr/lib/wine/wine64";
const SERVER: &str = "/usr/lib/wine/wineserver64";
/// The first start in a prefix fills it.
const FIRST_START: Duration = Duration::from_secs(300);

/// The program under test: `scripts/windows` builds it and says where it is.
///
/// # Panics
/// When it does not.
fn program() -> PathBuf {
    let told = std::env::var_os("PORTMATRIX_EXE");
    let path =
        PathBuf::from(told.expect("PORTMATRIX_EXE names portmatrix.exe: run scripts/windows"));
    assert!(path.is_file(), "{} is not there: run scripts/windows build", path.display());
    path
}

/// What Wine keeps for one host.
pub struct Wine {
    prefix: TempDir,
}

impl Wine {
    /// Makes a host of a namespace one with Windows.
    pub fn on(host: &Namespace) -> Self {
        let wine = Wine { prefix: TempDir::new().expect("a temporary folder can be made") };
        let template = template(host);
        // Files of Windows itself are the same everywhere; those that are written are replaced.
        let copied = Command::new("cp")
            .args(["-al", template.to_str().expect("UTF-8"), wine.folder().as_str()])
            .status();
        assert!(copied.is_ok_and(|status| status.success()), "the prefix is copied");
        for file in ["system.reg", "user.reg", "userdef.reg"] {
            let path = Path::new(&wine.folder()).join(file);
            let text = std::fs::read(&path).expect("a registry");
            std::fs::remove_file(&path).expect("it is ours");
            std::fs::write(&path, text).expect("it is ours");
        }
        wine
    }

    fn folder(&self) -> String {
        self.prefix.path().join("prefix").to_str().expect("UTF-8").to_owned()
    }

    /// The drive `C:`.
    pub fn drive(&self) -> PathBuf {
        Path::new(&self.folder()).join("drive_c")
    }

    /// Program and arguments that run another one of Windows.
    fn around(folder: &str, program: &str, args: &[String]) -> (String, Vec<String>) {
        let mut all = vec![
            format!("WINEPREFIX={folder}"),
            "WINEDEBUG=-all".to_owned(),
            "WINEDLLOVERRIDES=mscoree,mshtml=;winemenubuilder.exe=d;netsh.exe=n,b".to_owned(),
            WINE.to_owned(),
            program.to_owned(),
        ];
        all.extend(args.iter().cloned());
        ("env".to_owned(), all)
    }

    /// Program and arguments that run the program under test.
    pub fn command(&self, args: &[String]) -> (String, Vec<String>) {
        Wine::around(&self.folder(), program().to_str().expect("UTF-8"), args)
    }

    /// Program and arguments that run another program of Windows.
    pub fn other(&self, program: &str, args: &[&str]) -> (String, Vec<String>) {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        Wine::around(&self.folder(), program, &args)
    }

    /// Runs the program under test to its end.
    pub fn run(&self, host: &Namespace, args: &[&str], limit: Duration) -> Done {
        self.start(host, args).finish(limit)
    }

    /// Starts it.
    pub fn start(&self, host: &Namespace, args: &[&str]) -> Process {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let (program, args) = self.command(&args);
        host.start(&program, &args)
    }

    /// Runs another program of Windows, as `regedit`.
    pub fn tool(&self, host: &Namespace, program: &str, args: &[&str]) -> Done {
        let (program, args) = self.other(program, args);
        host.run(&program, &args, Duration::from_secs(60))
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        end_server(&self.folder());
    }
}

fn end_server(folder: &str) {
    let _ = Command::new(SERVER).arg("-k").env("WINEPREFIX", folder).status();
}

/// A prefix that was filled once, for all hosts of this test run; it goes when `scripts/windows`
/// removes its folder.
fn template(host: &Namespace) -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        assert!(Path::new(WINE).exists(), "{WINE} is missing: install wine64");
        let folder = program().with_file_name("wine-template");
        let _ = std::fs::remove_dir_all(&folder);
        let name = folder.to_str().expect("UTF-8");
        let (program, args) =
            Wine::around(name, program().to_str().expect("UTF-8"), &["--version".to_owned()]);
        let done = host.run(&program, &args, FIRST_START);
        assert_eq!(done.code, Some(0), "{done}");
        end_server(name);
        // The server writes what it knows before it ends.
        let _ = Command::new(SERVER).arg("-w").env("WINEPREFIX", name).status();
        folder
    })
}

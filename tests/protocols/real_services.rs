//! Greetings against real servers on loopback: each is recognised by its own greeting and by no
//! other. On a build server all of them must be there.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stderr, reason = "a test that cannot run says so")]

use portmatrix::climb::{RangeMode, Target, Tools};
use portmatrix::matrix::model::Protocol;
use portmatrix::net::identity::Identity;
use portmatrix::net::sweep::Allowance;
use portmatrix::net::tls::Trust;
use portmatrix::observation::Observation;
use portmatrix::plan::model::{Hop, HopEnd, PlannedFlow};
use portmatrix::plan::options::Options;
use portmatrix::probe::probe;
use portmatrix::protocol::greeting::list::Greeting;
use portmatrix::reason::Reason;
use portmatrix::site::model::Host;
use portmatrix::verdict::{AnsweredBy, Judgement, Policy, Verdict, judge};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take for its own greeting on a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Programs and the Debian packages that have them.
const PROGRAMS: &[(&str, &str)] = &[
    ("sshd", "openssh-server"),
    ("ssh-keygen", "openssh-client"),
    ("redis-server", "redis-server"),
    ("memcached", "memcached"),
    ("mosquitto", "mosquitto"),
    ("mariadbd", "mariadb-server-core"),
    ("postgres", "postgresql"),
    ("initdb", "postgresql"),
    ("openssl", "openssl"),
    ("nginx", "nginx-light"),
];

/// Where Debian has programs that are not in everybody's path.
fn path_of(program: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).chain(versions);
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Whether all of these are there. On a build server they must be.
fn installed(programs: &[&str]) -> bool {
    let missing: Vec<String> = PROGRAMS
        .iter()
        .filter(|(program, _)| programs.contains(program) && path_of(program).is_none())
        .map(|(program, package)| format!("{program} (package {package})"))
        .collect();
    if !missing.is_empty() {
        assert!(std::env::var_os("CI").is_none(), "missing: {}", missing.join(", "));
        eprintln!("not tested, for these are missing: {}", missing.join(", "));
    }
    missing.is_empty()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0)
}

/// A real server, ended with the test.
struct Service {
    child: Child,
    at: SocketAddr,
    folder: tempfile::TempDir,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that the system gives to nobody: a server takes seconds until it opens it, and other
/// tests of this program and of others are given ports meanwhile.
fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 500).unwrap_or_default();
    loop {
        let port = 10_000 + own * 32 + TAKEN.fetch_add(1, Ordering::Relaxed) % 32;
        if TcpListener::bind((LOOPBACK, port)).is_ok() {
            return port;
        }
    }
}

/// A command of a program, as another user where the program will not run as root.
fn command(program: &str, user: Option<&str>) -> Command {
    let path = path_of(program).unwrap_or_else(|| panic!("{program} is there"));
    match user.filter(|_| is_root()) {
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", user, "--regid", user, "--clear-groups"]).arg(path);
            command
        }
        None => Command::new(path),
    }
}

fn must(command: &mut Command) {
    let done = command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Service {
    /// Starts a program that listens on this port, and waits until it does.
    fn start(port: u16, folder: tempfile::TempDir, command: &mut Command) -> Service {
        let log = folder.path().join("log");
        let output = std::fs::File::create(&log).expect("a file can be made");
        let again = output.try_clone().expect("a file can be opened twice");
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(again)
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let mut service = Service { child, at: SocketAddr::new(LOOPBACK, port), folder };
        let end = Instant::now() + Duration::from_secs(60);
        while !listens(port) {
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(
                service.child.try_wait().is_ok_and(|ended| ended.is_none()),
                "{command:?} ended: {}",
                said()
            );
            assert!(Instant::now() < end, "{command:?} does not listen: {}", said());
            std::thread::sleep(Duration::from_millis(50));
        }
        service
    }
}

/// Whether somebody listens on this port: asked of the kernel, since some servers count
/// connections.
fn listens(port: u16) -> bool {
    let at = format!(":{port:04X} ");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    table.lines().any(|line| line.contains(&at) && line.split_whitespace().nth(3) == Some("0A"))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

fn sshd() -> Service {
    let (port, folder) = (free_port(), folder());
    let key = folder.path().join("key");
    must(command("ssh-keygen", None).args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key));
    // As root it insists on this folder, which Debian makes when the service starts.
    let _ = std::fs::create_dir_all("/run/sshd");
    let options = format!(
        "-D -e -f /dev/null -o ListenAddress=127.0.0.1 -o PidFile=none -p {port} -h {}",
        text(&key)
    );
    Service::start(port, folder, command("sshd", None).args(options.split(' ')))
}

fn redis(password: Option<&str>) -> Service {
    let (port, folder) = (free_port(), folder());
    let options = format!(
        "--port {port} --bind 127.0.0.1 --save '' --appendonly no --dir {}",
        text(folder.path())
    );
    let mut command = command("redis-server", None);
    command.args(options.split(' ').map(|word| word.trim_matches('\'')));
    if let Some(password) = password {
        command.args(["--requirepass", password]);
    }
    Service::start(port, folder, &mut command)
}

fn memcached() -> Service {
    let port = free_port();
    let options = format!("-l 127.0.0.1 -p {port} -U 0 -u root -m 8");
    Service::start(port, folder(), command("memcached", None).args(options.split(' ')))
}

fn mosquitto(anonymous: bool) -> Service {
    let (port, folder) = (free_port(), folder());
    let file = folder.path().join("conf");
    std::fs::write(
        &file,
        format!(
            "listener {port} 127.0.0.1\nallow_anonymous {anonymous}\npersistence false\nuser root\n"
        ),
    )
    .expect("written");
    Service::start(port, folder, command("mosquitto", None).arg("-c").arg(&file))
}

fn mariadb() -> Service {
    let (port, folder) = (free_port(), folder());
    let at = text(folder.path()).to_owned();
    let options = format!(
        "--no-defaults --skip-grant-tables --user=root --port={port} --bind-address=127.0.0.1 \
            --datadir={at} --socket={at}/s --pid-file={at}/pid \
         --innodb-buffer-pool-size=8M --max-connections=10"
    );
    Service::start(port, folder, command("mariadbd", None).args(options.split(' ')))
}

fn postgres() -> Service {
    const USER: Option<&str> = Some("postgres");
    let (port, folder) = (free_port(), folder());
    if is_root() {
        must(Command::new("chown").arg("postgres").arg(folder.path()));
    }
    let data = folder.path().join("data");
    must(
        command("initdb", USER)
            .args(["-A", "trust", "-N", "--no-locale", "-E", "UTF8", "-D"])
            .arg(&data),
    );
    let (key, cert) = (data.join("server.key"), data.join("server.crt"));
    let request = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=db",
    ];
    must(command("openssl", USER).args(request).arg("-keyout").arg(&key).arg("-out").arg(&cert));
    let options = format!(
        "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c ssl=on -c \
            fsync=off -D {}",
        text(&data)
    );
    Service::start(port, folder, command("postgres", USER).args(options.split(' ')))
}

fn nginx() -> Service {
    let (port, folder) = (free_port(), folder());
    let at = text(folder.path()).to_owned();
    let conf = format!(
        "daemon off; master_process off; pid {at}/pid; error_log {at}/errors; events {{}} http {{ \
            access_log off; client_body_temp_path {at}/b; \
         proxy_temp_path {at}/p; fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path \
         {at}/s; server {{ listen 127.0.0.1:{port}; }} }}"
    );
    let file = folder.path().join("conf");
    std::fs::write(&file, conf).expect("written");
    Service::start(port, folder, command("nginx", None).arg("-c").arg(&file))
}

fn hop(greeting: Greeting, port: u16) -> Hop {
    let end = |name: &str| HopEnd {
        role: name.into(),
        host: Host::Named { name: name.into(), addresses: vec![LOOPBACK] },
    };
    let flow = PlannedFlow {
        options: Options::Raw { first_bytes: false, greeting: Some(greeting) },
        ..PlannedFlow::new("test/greeting", Protocol::Tcp)
    };
    Hop::new(Arc::new(flow), end("a"), end("b"), Some(LOOPBACK), port)
}

async fn greet(greeting: Greeting, at: SocketAddr, patience: Duration) -> (Observation, Judgement) {
    let hop = hop(greeting, at.port());
    let chain = Identity::self_signed(&["nobody.example".to_owned()]).expect("a certificate").chain;
    let tools = Tools {
        key: None,
        trust: Trust::roots(chain).expect("a root"),
        connect_deadline: Duration::from_secs(5),
        retries: 0,
        step_deadline: patience,
        idle: None,
        range: RangeMode::Never,
        allowance: Allowance::unlimited(),
    };
    let target = Target {
        hop: &hop,
        address: LOOPBACK,
        server_name: "b".to_owned(),
        source: None,
        places: None,
        question: None,
        small_segments: false,
    };
    let seen = probe(&target, &tools).await;
    let judged = judge(&hop, Some(&seen), Policy::default());
    (seen, judged)
}

/// The service is recognised by its own greeting, and by no other.
async fn assert_greets(service: &Service, own: Greeting, words: &str, says: Option<&str>) {
    let (seen, judged) = greet(own, service.at, PATIENCE).await;
    let got = (judged.verdict, judged.reason, judged.answered_by);
    assert_eq!(
        got,
        (Verdict::Pass, Reason::Answered, AnsweredBy::Service),
        "{own:?}: {:#?}",
        seen.steps
    );
    assert!(
        seen.recognised.as_deref().is_some_and(|it| it.starts_with(words)),
        "{:?}",
        seen.recognised
    );
    assert_eq!(
        judged.notes.iter().any(|note| says.is_some_and(|says| note.contains(says))),
        says.is_some(),
        "{:?}",
        judged.notes
    );
    assert_greets_nobody_else(service, Some(own)).await;
}

async fn assert_greets_nobody_else(service: &Service, own: Option<Greeting>) {
    let mut asked = tokio::task::JoinSet::new();
    for greeting in Greeting::ALL.iter().copied().filter(|greeting| Some(*greeting) != own) {
        let at = service.at;
        asked.spawn(async move { (greeting, greet(greeting, at, Duration::from_secs(2)).await) });
    }
    while let Some(done) = asked.join_next().await {
        let (greeting, (seen, judged)) = done.expect("the probe ends");
        assert_eq!(
            judged.verdict,
            Verdict::Fail,
            "{own:?} is taken for {greeting:?}: {:#?}",
            seen.steps
        );
    }
}

#[tokio::test]
async fn ssh() {
    if installed(&["sshd", "ssh-keygen"]) {
        assert_greets(&sshd(), Greeting::Ssh, "OpenSSH_", None).await;
    }
}

#[tokio::test]
async fn redis_with_and_without_a_password() {
    if installed(&["redis-server"]) {
        assert_greets(&redis(None), Greeting::Redis, "Redis", None).await;
        assert_greets(&redis(Some("secret")), Greeting::Redis, "Redis", Some("NOAUTH")).await;
    }
}

#[tokio::test]
async fn memcached_tells_its_version() {
    if installed(&["memcached"]) {
        assert_greets(&memcached(), Greeting::Memcached, "Memcached 1.", None).await;
    }
}

#[tokio::test]
async fn mqtt_with_and_without_a_sign_in() {
    if installed(&["mosquitto"]) {
        assert_greets(&mosquitto(true), Greeting::Mqtt, "MQTT", None).await;
        assert_greets(&mosquitto(false), Greeting::Mqtt, "MQTT", Some("not authorized")).await;
    }
}

#[tokio::test]
async fn mariadb_and_as_many_connections_as_it_takes() {
    if !installed(&["mariadbd"]) {
        return;
    }
    let service = mariadb();
    assert_greets(&service, Greeting::Mysql, "MariaDB 1", None).await;
    let held: Vec<TcpStream> =
        (0..12).map(|_| TcpStream::connect(service.at).expect("it listens")).collect();
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let (seen, judged) = greet(Greeting::Mysql, service.at, PATIENCE).await;
        assert_eq!(
            (judged.verdict, judged.reason),
            (Verdict::Pass, Reason::Answered),
            "{:#?}",
            seen.steps
        );
        if judged.notes.iter().any(|note| note.contains("Too many connections")) {
            break;
        }
        assert!(Instant::now() < end, "{:?} in {}", judged.notes, service.folder.path().display());
    }
    drop(held);
}

#[tokio::test]
async fn postgresql_offers_tls() {
    if installed(&["postgres", "initdb", "openssl"]) {
        assert_greets(&postgres(), Greeting::Postgres, "PostgreSQL, TLS offered", None).await;
    }
}

#[tokio::test]
async fn a_web_server_greets_nobody() {
    if installed(&["nginx"]) {
        assert_greets_nobody_else(&nginx(), None).await;
    }
}

//! The programs of others that the table needs: nginx, haproxy and a gRPC server in Python.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Places for the fronts of this process: an address of loopback that nobody else has, and ports
/// below those that the system gives out, so that none is taken before its program has started.
pub fn places() -> impl Iterator<Item = SocketAddr> {
    let [high, low] = (std::process::id() as u16).to_be_bytes();
    (10_001..20_000).map(move |port| SocketAddr::from((Ipv4Addr::new(127, 99, high, low), port)))
}

/// A program under way; ended when dropped.
pub struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program is missing: said, and in CI a failure.
#[expect(clippy::print_stderr, reason = "what was passed over is said")]
pub fn missing<T>(program: &str) -> Option<T> {
    assert!(std::env::var_os("CI").is_none(), "{program} is missing, and CI must have it");
    eprintln!("{program} is missing: its rows are left out");
    None
}

/// Starts a proxy on the file `program`.conf of a folder and waits until it listens everywhere;
/// `None` where there is no such program.
fn start(
    program: &str,
    folder: &Path,
    configuration: &str,
    arguments: &[&str],
    places: &[SocketAddr],
) -> Option<Program> {
    let own = |text: &str| text.replace('@', folder.to_str().expect("a path in UTF-8"));
    std::fs::write(folder.join(format!("{program}.conf")), own(configuration)).expect("written");
    let log = folder.join(format!("{program}.log"));
    let errors = std::fs::File::create(&log).expect("a file");
    let arguments = arguments.iter().map(|a| own(a));
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn();
    let Ok(child) = child else { return missing(program) };
    let mut program_under_way = Program(child);
    for place in places {
        let mut tries = 0;
        while TcpStream::connect(place).is_err() {
            tries += 1;
            let ended = program_under_way.0.try_wait().expect("a child");
            let said = || std::fs::read_to_string(&log);
            assert!(
                ended.is_none() && tries < 500,
                "{program} does not listen on {place}: {ended:?} {:?}",
                said()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Some(program_under_way)
}

/// nginx's configuration with these servers, in which `@` stands for the folder.
pub fn nginx_configuration(folder: &Path, servers: &str) -> String {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|t| format!("{t}_temp_path @/{t};\n"))
        .concat();
    let http = format!(
        "http {{\naccess_log off;\nlimit_req_zone $server_port zone=few:1m \
            rate=1r/m;\n{temporary}{servers}\n}}\n"
    );
    let whole = format!(
        "daemon off;\nmaster_process off;\npid @/pid;\nerror_log stderr;\nevents {{}}\n{http}"
    );
    whole.replace('@', folder.to_str().expect("a path in UTF-8"))
}

/// nginx with these servers.
pub fn nginx(folder: &Path, servers: &str, places: &[SocketAddr]) -> Option<Program> {
    let configuration = nginx_configuration(folder, servers);
    start(
        "nginx",
        folder,
        &configuration,
        &["-e", "stderr", "-p", "@", "-c", "@/nginx.conf"],
        places,
    )
}

/// haproxy with these sections.
pub fn haproxy(folder: &Path, sections: &str, places: &[SocketAddr]) -> Option<Program> {
    let defaults = "defaults\n mode http\n retries 0\n timeout connect 2s\n timeout client 20s\n \
        timeout server 20s\n";
    start(
        "haproxy",
        folder,
        &format!("{defaults}{sections}"),
        &["-db", "-f", "@/haproxy.conf"],
        places,
    )
}

/// The health service of the library, and nothing else, without TLS and with it; its ports are the
/// first line of output. It ends with its standard input.
const SERVER: &str = r#"
import sys, grpc
from concurrent import futures
from grpc_health.v1 import health, health_pb2_grpc
server = grpc.server(futures.ThreadPoolExecutor(4))
health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
pem = open(sys.argv[1], "rb").read()
ports = server.add_insecure_port("127.0.0.1:0"), server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(pem, pem)]))
server.start()
print(*ports, flush=True)
sys.stdin.read()
server.stop(None)
"#;

/// A real gRPC server, and where it listens.
pub struct Grpcio {
    pub plain: SocketAddr,
    pub tls: SocketAddr,
    _program: Program,
}

/// Starts it with the certificate of the folder; `None` where there is no Python with the library.
pub fn grpcio(folder: &Path) -> Option<Grpcio> {
    let made = concat!(env!("CARGO_MANIFEST_DIR"), "/target/python/bin/python");
    let python =
        std::env::var_os("PORTMATRIX_PYTHON").map_or_else(|| PathBuf::from(made), PathBuf::from);
    let imports = Command::new(&python)
        .args(["-c", "import grpc, grpc_health"])
        .stderr(Stdio::null())
        .status();
    if !imports.is_ok_and(|status| status.success()) {
        return missing("Python with grpcio and grpcio-health-checking");
    }
    let child = Command::new(&python)
        .args(["-c", SERVER])
        .arg(folder.join("pem"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.expect("it was there before");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("its ports");
    let program = Program(child);
    let ports: Vec<u16> = line.split_whitespace().filter_map(|port| port.parse().ok()).collect();
    let [plain, tls] = ports[..] else { panic!("no two ports in {line:?}") };
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Some(Grpcio { plain: at(plain), tls: at(tls), _program: program })
}

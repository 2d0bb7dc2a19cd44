//! A Samba Active Directory domain controller in a namespace: provisioned anew for each test, with
//! a certificate of our own.

use crate::support::netns::{Namespace, Process};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A shifted clock for one program (Debian package `faketime`).
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// Adds a second controller to a domain's database, which must not be in use, and gives it the PDC
/// emulator role.
const MOVE_ROLE: &str = "
import ldb, sys
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB
lp = LoadParm()
lp.load(sys.argv[1])
db = SamDB(lp=lp, session_info=system_session())
server = str(db.get_serverName()).replace('CN=DC1', 'CN=DC9', 1)
db.add({'dn': server, 'objectClass': 'server', 'systemFlags': '1375731712'}, ['relax:0'])
settings = 'CN=NTDS Settings,' + server
db.add({'dn': settings, 'objectClass': 'nTDSDSA', 'invocationId': \
'5d1f8ca2-8a4b-4e0e-9b0c-0c4d6a8f2b11'}, ['relax:0'])
change = ldb.Message(ldb.Dn(db, str(db.domain_dn())))
change['role'] = ldb.MessageElement(settings, ldb.FLAG_MOD_REPLACE, 'fSMORoleOwner')
db.modify(change)
";

/// Provisioning takes about four seconds.
const PROVISIONING: Duration = Duration::from_secs(120);

/// The authority of both domains.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new one; its root is written to `ca.pem` in the folder.
    pub fn new(folder: &Path) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "Interop Root");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key"))
            .expect("an authority");
        std::fs::write(folder.join("ca.pem"), root.as_ref().pem())
            .expect("the root can be written");
        Authority(root)
    }

    /// The root of an authority that signed nothing, as PEM.
    pub fn root_of_nobody() -> String {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key"))
            .expect("an authority")
            .as_ref()
            .pem()
    }

    fn certify(&self, name: &str, folder: &Path) {
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.not_after =
            (std::time::SystemTime::now() + Duration::from_secs(300 * 86_400)).into();
        let key = KeyPair::generate().expect("a key");
        let leaf = parameters.signed_by(&key, &self.0).expect("a certificate");
        std::fs::write(folder.join("dc.pem"), leaf.pem()).expect("written");
        std::fs::write(folder.join("ca.pem"), self.0.as_ref().pem()).expect("written");
        std::fs::write(folder.join("dc.key"), key.serialize_pem()).expect("written");
        // Samba refuses a key that others can read.
        std::fs::set_permissions(folder.join("dc.key"), std::fs::Permissions::from_mode(0o600))
            .expect("its mode can be set");
    }
}

/// A domain with one controller.
pub struct Domain {
    folder: PathBuf,
    /// DNS name of the domain.
    pub name: String,
}

impl Domain {
    /// Provisions a domain for the controller `dc1` at this namespace's address.
    ///
    /// # Panics
    /// When Samba does not take it.
    pub fn provision(
        at: &Namespace,
        name: &str,
        folder: &Path,
        authority: Option<&Authority>,
    ) -> Self {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let short = name.split('.').next().unwrap_or(name).to_uppercase();
        let args = [
            "domain".to_owned(),
            "provision".into(),
            "-s".into(),
            "/dev/null".into(),
            format!("--targetdir={}", folder.display()),
            format!("--realm={}", name.to_uppercase()),
            format!("--domain={short}"),
            "--server-role=dc".into(),
            "--dns-backend=SAMBA_INTERNAL".into(),
            "--adminpass=Passw0rd.1".into(),
            "--host-name=dc1".into(),
            format!("--host-ip={}", at.v4()),
            "--option=interfaces=eth0".into(),
            "--option=bind interfaces only=yes".into(),
        ];
        let done = at.run("samba-tool", &args, PROVISIONING);
        assert_eq!(done.code, Some(0), "{done}");
        if let Some(authority) = authority {
            authority.certify(&format!("dc1.{name}"), &folder);
        }
        Domain { folder, name: name.to_owned() }
    }

    /// Gives the PDC emulator role to another controller, which is not there, while this one is not
    /// running.
    ///
    /// # Panics
    /// When Samba does not take it.
    pub fn take_pdc_role_away(&self) {
        let configuration = self.folder.join("etc/smb.conf");
        let output = Command::new("/usr/bin/python3")
            .args(["-c", MOVE_ROLE])
            .arg(configuration)
            .output()
            .expect("Python runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Full name of its controller.
    pub fn controller(&self) -> String {
        format!("dc1.{}", self.name)
    }

    /// Starts the controller, and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn start(&self, at: &Namespace, more: &[&str]) -> Process {
        self.start_at_time(at, more, 0)
    }

    /// The same, with a clock that is so many seconds ahead.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn start_at_time(&self, at: &Namespace, more: &[&str], ahead: i64) -> Process {
        let folder = self.folder.display().to_string();
        let mut args = vec![
            "-i".to_owned(),
            "-M".into(),
            "single".into(),
            "-s".into(),
            format!("{folder}/etc/smb.conf"),
            "--debug-stdout".into(),
        ];
        let mut options = vec![
            "server services=rpc, ldap, cldap, dns, kdc".to_owned(),
            "dns update command=/bin/true".into(),
            "dns forwarder=".into(),
            format!("pid directory={folder}"),
            format!("ncalrpc dir={folder}/ncalrpc"),
            format!("log file={folder}/log.samba"),
        ];
        if self.folder.join("dc.key").exists() {
            options.extend([
                format!("tls keyfile={folder}/dc.key"),
                format!("tls certfile={folder}/dc.pem"),
                format!("tls cafile={folder}/ca.pem"),
            ]);
        }
        options.extend(more.iter().map(|o| (*o).to_owned()));
        args.extend(options.into_iter().map(|o| format!("--option={o}")));
        // Samba's modules look for their symbols in their own libraries first, and so past the
        // shifted clock, unless told not to.
        let shift = format!("FAKETIME={ahead:+}");
        let preload = format!("LD_PRELOAD={FAKETIME}");
        let clock = [
            preload,
            shift,
            "DONT_FAKE_MONOTONIC=1".to_owned(),
            "LDB_MODULES_DISABLE_DEEPBIND=1".to_owned(),
        ];
        let environment = clock.into_iter().filter(|_| ahead != 0).chain(["samba".to_owned()]);
        let mut process = at.start("env", &environment.chain(args).collect::<Vec<_>>());
        process.wait_listening(at, &[135, 389, 636], Duration::from_secs(30));
        // The RPC servers register a moment after the ports are open.
        let end = Instant::now() + Duration::from_secs(20);
        while !at.listening().iter().any(|port| *port >= 49_152) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(100));
        }
        process
    }
}

/// Whether Samba's domain controller is here. On a build server it must be.
#[expect(clippy::print_stderr, reason = "a test that cannot run says so")]
pub fn is_installed() -> bool {
    let found = ["samba-tool", "samba"].iter().all(|program| {
        Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .output()
            .is_ok_and(|o| o.status.success())
    });
    if !found {
        assert!(
            std::env::var_os("CI").is_none(),
            "samba-ad-dc and samba-ad-provision must be installed where CI runs"
        );
        eprintln!(
            "left out: Samba's domain controller is not installed (samba-ad-dc, samba-ad-provision)"
        );
    }
    found
}

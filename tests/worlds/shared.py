"""What all worlds of a process share: the program, keys and certificates."""

import os
import shutil
import subprocess
import tempfile

from plan import host_name

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def program():
    """The program under test: `PM`, else the one that was built last in this tree."""
    named = os.environ.get("PM")
    candidates = [named] if named else [f"{ROOT}/target/{kind}/portmatrix" for kind in ("release", "debug")]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return os.path.abspath(candidate)
    raise SystemExit(f"no program at {' or '.join(candidates)}: build it, or name it in PM")


def missing():
    """What this machine lacks for building worlds, in words."""
    lacks = [tool for tool in ("ip", "nft", "nginx", "openssl", "sh") if not shutil.which(tool)]
    if not os.path.exists(FAKETIME):
        lacks.append("faketime")
    if os.geteuid() != 0:
        lacks.append("root")
    return lacks


class Shared:
    """Keys and certificates in a folder that goes at the end."""

    def __init__(self):
        self.program = program()
        self.folder = tempfile.mkdtemp(prefix="worlds-")
        for key in ("site.key", "other.key"):
            self.run(self.program, "key", "new", self.path(key))
        self.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", self.path("ca.key"), "-out",
                 self.path("ca.pem"), "-subj", "/CN=Worlds Root", "-days", "90", "-addext", "basicConstraints=critical,CA:true")
        for host in ("rp", "srv"):
            with open(self.path("extensions"), "w") as out:
                out.write(f"subjectAltName=DNS:{host_name(host)}\nextendedKeyUsage=serverAuth\n")
            self.run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", self.path(f"cert-{host}.key"), "-out",
                     self.path(f"cert-{host}.csr"), "-subj", f"/CN={host_name(host)}")
            self.run("openssl", "x509", "-req", "-in", self.path(f"cert-{host}.csr"), "-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key"), "-CAcreateserial",
                     "-days", "80", "-extfile", self.path("extensions"), "-out", self.path(f"cert-{host}.pem"))

    def path(self, file):
        return os.path.join(self.folder, file)

    @staticmethod
    def run(*words):
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr}")

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

"""Hosts as network namespaces: ws - r1 - r2 - srv, and rp, other and dc behind r2 too. IPv4 and IPv6 on every link.

Needs root, `ip` and `nft`. Touches nothing outside the namespaces that it makes, ends only processes that it started, and removes both always.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time

NODES = ("ws", "r1", "r2", "srv", "other", "rp", "dc")
ROUTERS = ("r1", "r2")
LINKS = (("r1", "ws", 1), ("r1", "r2", 2), ("r2", "srv", 3), ("r2", "other", 4), ("r2", "rp", 5), ("r2", "dc", 6))
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)

# How a node is known: an address name, its owner, its link and the last part of the address. `srv2` is the second address of `srv`.
PLACES = {
    "ws": ("ws", 1, 2), "r1": ("r1", 1, 1), "r2": ("r2", 2, 2), "srv": ("srv", 3, 2), "srv2": ("srv", 3, 3),
    "other": ("other", 4, 2), "rp": ("rp", 5, 2), "dc": ("dc", 6, 2),
}
OWNER = {name: place[0] for name, place in PLACES.items()}


def address(name, family):
    """The address of a place: 10.88.LINK.LAST or fd88:LINK::LAST."""
    _, link, last = PLACES[name]
    return f"10.88.{link}.{last}" if family == 4 else f"fd88:{link}::{last}"


def place_of(text):
    """The place and family that an address is of; None for others."""
    for name in PLACES:
        for family in (4, 6):
            if address(name, family) == text:
                return name, family
    return None


def batch(lines):
    done = subprocess.run(["ip", "-batch", "-"], input="".join(line + "\n" for line in lines), text=True, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"ip: {done.stderr}\n" + "\n".join(lines))


class Net:
    """Namespaces, wired. A context manager: on leaving, processes end first, then the namespaces go."""

    count = 0

    def __init__(self):
        Net.count += 1
        self.prefix = f"pmw{os.getpid()}-{Net.count}-"
        self.processes = []
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)

    def name(self, node):
        return self.prefix + node

    def __enter__(self):
        try:
            self.build()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        self.remove()

    def build(self):
        for node in NODES:
            folder = f"/etc/netns/{self.name(node)}"
            os.makedirs(folder)
            for file, text in (("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"), ("hosts", "127.0.0.1 localhost\n")):
                self.own_file(node, file, text)
        batch([f"netns add {self.name(node)}" for node in NODES])
        for node in NODES:
            with self.inside(node):
                # Without duplicate address detection an address can be used at once. Link-local addresses are given by hand: the kernel makes
                # them only once it has noticed that the other end is up.
                settings = {"ipv6/conf/default/accept_dad": 0, "ipv6/conf/default/dad_transmits": 0, "ipv6/conf/default/addr_gen_mode": 1,
                            "ipv6/conf/default/accept_ra": 0, "ipv4/icmp_ratelimit": 0, "ipv6/icmp/ratelimit": 0,
                            "ipv4/icmp_msgs_per_sec": 100000, "ipv4/icmp_msgs_burst": 10000}
                if node in ROUTERS:
                    settings |= {"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1}
                for setting, value in settings.items():
                    self.setting(setting, value)
        batch([f"link add {b} netns {self.name(a)} type veth peer name {a} netns {self.name(b)}" for a, b, _ in LINKS])
        for node in NODES:
            lines = ["link set lo up"]
            for a, b, link in LINKS:
                if node not in (a, b):
                    continue
                device, last = (b, 1) if node == a else (a, 2)
                lines += [f"addr add 10.88.{link}.{last}/24 dev {device}", f"addr add fd88:{link}::{last}/64 dev {device} nodad",
                          f"addr add fe80::{last}/64 dev {device} nodad"]
                if node == "srv":
                    lines += [f"addr add {address('srv2', 4)}/24 dev {device}", f"addr add {address('srv2', 6)}/64 dev {device} nodad"]
                lines += [f"link set {device} up"]
            if node == "r1":
                lines += ["route add 10.88.0.0/16 via 10.88.2.2", "route add fd88::/16 via fd88:2::2"]
            elif node == "r2":
                lines += ["route add default via 10.88.2.1", "route add ::/0 via fd88:2::1"]
            else:
                link = next(link for _, b, link in LINKS if b == node)
                lines += [f"route add default via 10.88.{link}.1", f"route add ::/0 via fd88:{link}::1"]
            with self.inside(node):
                batch(lines)

    @staticmethod
    def setting(path, value):
        with open(f"/proc/sys/net/{path}", "w") as file:
            file.write(str(value))

    @contextlib.contextmanager
    def inside(self, node):
        """This process is in the namespace meanwhile."""
        there = os.open(f"/run/netns/{self.name(node)}", os.O_RDONLY)
        try:
            if libc.setns(there, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            yield
        finally:
            libc.setns(self.home, CLONE_NEWNET)
            os.close(there)

    def own_file(self, node, file, text):
        """A file that `ip netns exec` lays over /etc for programs that start from now on."""
        with open(f"/etc/netns/{self.name(node)}/{file}", "w") as out:
            out.write(text)

    def nft(self, node, text):
        with self.inside(node):
            done = subprocess.run(["nft", "-f", "-"], input=text, text=True, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"nft at {node}: {done.stderr}\n{text}")

    def sh(self, node, script):
        with self.inside(node):
            done = subprocess.run(["sh", "-ec", script], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{node}: {script}: {done.stderr}")

    def start(self, node, words, out=subprocess.DEVNULL, err=subprocess.DEVNULL, env=None):
        """Starts a program; `ip netns exec` becomes it, so the process id is the program's."""
        whole = dict(os.environ, NO_COLOR="1", **(env or {}))
        process = subprocess.Popen(["ip", "netns", "exec", self.name(node), *words], stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=whole)
        self.processes.append(process)
        return process

    @staticmethod
    def listening(process):
        """TCP ports that are listened on where this process is."""
        ports = set()
        for file in ("tcp", "tcp6"):
            with contextlib.suppress(OSError), open(f"/proc/{process.pid}/net/{file}") as table:
                for line in table.readlines()[1:]:
                    columns = line.split()
                    if columns[3] == "0A":
                        ports.add(int(columns[1].rsplit(":", 1)[1], 16))
        return ports

    def wait_listening(self, process, ports, seconds=15.0):
        end = time.monotonic() + seconds
        missing = set(ports)
        while missing:
            missing = set(ports) - self.listening(process)
            if not missing:
                return
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"nothing listens on {sorted(missing)}: {process.args}")
            time.sleep(0.01)

    @staticmethod
    def end(process, how=signal.SIGKILL):
        """Ends one of our own programs."""
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def remove(self):
        # A second Ctrl-C must not leave half of it behind.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        try:
            self.remove_all()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def remove_all(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        for process in self.processes:
            process.wait()
        for node in NODES:
            if os.path.exists(f"/run/netns/{self.name(node)}"):
                subprocess.run(["ip", "netns", "del", self.name(node)], capture_output=True)
            shutil.rmtree(f"/etc/netns/{self.name(node)}", ignore_errors=True)
        os.close(self.home)


def remove_left_over():
    """Removes namespaces of runs that were killed before they could clean up."""
    for folder in ("/run/netns", "/etc/netns"):
        if not os.path.isdir(folder):
            continue
        for name in os.listdir(folder):
            if not name.startswith("pmw"):
                continue
            pid = name[3:].split("-")[0]
            if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
                subprocess.run(["ip", "netns", "del", name], capture_output=True)
                shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)

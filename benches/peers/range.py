#!/usr/bin/env python3
"""Sweeps of whole dynamic RPC ranges by portmatrix, and by what else can sweep ports, side by side in one run.

    cargo build --release && sudo benches/peers/range.py [--rounds N] [--slow SECONDS] [--descriptors N] [CASE...]

Needs root, Linux, ip and nft, and a C compiler for the bare loop; nmap and rustscan are measured where they are installed. All traffic stays inside
network namespaces that it makes and removes. Cases: open, dropped, half, ten-dropped, twenty, listener. Times are medians of the rounds, in which
the programs take turns; each is the whole life of the process, and "sweep" is what portmatrix measured itself for the range alone.
"""

import argparse
import contextlib
import json
import os
import pathlib
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = HERE.parent.parent / "target/release/portmatrix"
FIRST, LAST = 49152, 65535
PORTS = LAST - FIRST + 1
HOSTS = 20
TABLES = HERE.parent.parent / "tests/data/range"


def sh(*words):
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


def address(host):
    return f"10.78.2.{host + 1}"


class Lab:
    """A client and a server behind a router, the server with an address for each host."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.names = {n: f"pmb{os.getpid()}-{n}" for n in ("ws", "srv", "rt")}
        for name in self.names.values():
            sh("ip", "netns", "add", name)
            sh("ip", "-n", name, "link", "set", "lo", "up")
        self.link("ws", 1, ["10.78.1.2"])
        self.link("srv", 2, [address(h) for h in range(1, HOSTS + 1)])
        self.router("sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.started = []
        subprocess.run([PROGRAM, "key", "new", self.folder / "site.key"], check=True, stdout=subprocess.DEVNULL)

    def link(self, host, network, addresses):
        name, router = self.names[host], self.names["rt"]
        sh("ip", "link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", f"to-{host}", "netns", router)
        for one in addresses:
            sh("ip", "-n", name, "addr", "add", f"{one}/24", "dev", "eth0")
        sh("ip", "-n", router, "addr", "add", f"10.78.{network}.1/24", "dev", f"to-{host}")
        sh("ip", "-n", name, "link", "set", "eth0", "up")
        sh("ip", "-n", router, "link", "set", f"to-{host}", "up")
        sh("ip", "-n", name, "route", "add", "default", "via", f"10.78.{network}.1")

    def router(self, *words):
        sh("ip", "netns", "exec", self.names["rt"], *words)

    def drop(self, ports):
        """Drops what goes to these ports of the server's addresses; an answer may go to a port of the range too."""
        subprocess.run(["ip", "netns", "exec", self.names["rt"], "nft", "flush ruleset"], check=True)
        if ports:
            rules = f"table ip f {{ chain c {{ type filter hook forward priority 0; ip daddr 10.78.2.0/24 tcp dport {ports} drop; }}; }}"
            subprocess.run(["ip", "netns", "exec", self.names["rt"], "nft", "-f", "-"], input=rules.encode(), check=True)

    def site(self, hosts):
        servers = ", ".join(f'{{ name = "srv{h}.bench.test", addresses = ["{address(h)}"] }}' for h in range(1, hosts + 1))
        text = f"""[site]
name = "bench"
product = "range"
topology = "lan"
matrices = ["{TABLES}"]
key = "site.key"
[roles]
client = [{{ name = "ws.bench.test", addresses = ["10.78.1.2"] }}]
server = [{servers}]
"""
        path = self.folder / f"site{hosts}.toml"
        path.write_text(text)
        return str(path)

    def start(self, host, *words):
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.names[host], *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.started.append(process)
        return process

    def listen(self, site, host):
        """A listener, once it says that it listens; the time until then is its own."""
        begun = time.perf_counter()
        process = self.start("srv", str(PROGRAM), "listen", "--site", site, "--as", f"srv{host}.bench.test")
        while (line := process.stdout.readline()) and b"Listening on" not in line:
            pass
        return process, time.perf_counter() - begun

    def end(self, *processes):
        for process in processes:
            process.send_signal(signal.SIGINT)
        for process in processes:
            process.stdout.read()
            process.wait()
            self.started.remove(process)

    def close(self):
        for process in self.started:
            process.kill()
            process.wait()
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name])


def timed(lab, words, limit):
    """Runs a program at the client: seconds (None past the limit), its output, its peak of memory in MiB and of descriptors."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        ["ip", "netns", "exec", lab.names["ws"], *lab.limit, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    watch = Watch(process.pid)
    ended = threading.Timer(limit, process.kill)
    ended.start()
    out = process.stdout.read()
    process.wait()
    seconds = time.perf_counter() - begun
    ended.cancel()
    watch.stop()
    return (None if process.returncode == -signal.SIGKILL else seconds), out.decode(), watch


class Watch(threading.Thread):
    """Peaks of a process."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.ended, self.memory, self.descriptors = pid, threading.Event(), 0.0, 0
        self.start()

    def run(self):
        while not self.ended.wait(0.02):
            self.look()

    def look(self):
        with contextlib.suppress(OSError, StopIteration):
            status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
            peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
            self.memory = max(self.memory, int(peak.split()[1]) / 1024)
            self.descriptors = max(self.descriptors, len(os.listdir(f"/proc/{self.pid}/fd")))

    def stop(self):
        self.ended.set()
        self.join()


def connect(lab, site, *more, limit=300):
    words = [str(PROGRAM), "connect", "--site", site, "--as", "ws.bench.test", "--format", "json", "--rate", "max", *more]
    seconds, out, watch = timed(lab, words, limit)
    return seconds, json.loads(out)["hops"], watch


def states(hop):
    return [(s["first"], s["last"], s["state"], s.get("reason")) for s in hop["sweep"]["segments"]]


def check(condition, what):
    if not condition:
        sys.exit(f"not as expected, so nothing here can be compared: {what}")


def line(*cells):
    print("  " + "".join(f"{cell:<{width}}" for cell, width in zip(cells, (34, 12, 12, 12, 40))), flush=True)


def compare(lab, title, rounds, programs, limit):
    """Programs in turns; the ratio is to the first."""
    print(f"\n{title}")
    line("program", "seconds", "ratio", "MiB", "what it found")
    taken = {name: [] for name in programs}
    found, memory = {}, {}
    for _ in range(rounds):
        for name, run in programs.items():
            if taken[name] and taken[name][-1] is None:
                continue
            seconds, what, watch = run(limit)
            taken[name].append(seconds)
            found[name], memory[name] = what, max(memory.get(name, 0), watch.memory)
    base = None
    for name, seconds in taken.items():
        if seconds[-1] is None:
            line(name, f"> {limit:g}", "", f"{memory[name]:.0f}", "not finished")
            continue
        median = statistics.median(seconds)
        base = base or median
        line(name, f"{median:.2f}", f"{median / base:.2f}", f"{memory[name]:.0f}", found[name])


def portmatrix(lab, site, wanted, *more):
    def run(limit):
        seconds, hops, watch = connect(lab, site, *more, limit=limit)
        check(states(hops[0]) == wanted or wanted is None, states(hops[0])[:5])
        return seconds, f"{hops[0]['verdict']} {hops[0]['reason']}, sweep {hops[0]['sweep']['ms'] / 1000:.2f} s", watch

    return run


def other(lab, words, count):
    def run(limit):
        seconds, out, watch = timed(lab, words, limit)
        return seconds, f"{count(out)} ports" if seconds else "", watch

    return run


def peers(lab, bare):
    found = {}
    if bare:
        found["bare loop, 64 octets"] = other(lab, [bare, "sweep", str(FIRST), str(LAST), address(2)], lambda out: out.strip())
    if path := shutil.which("rustscan"):
        words = [path, "--no-banner", "-g", "-a", address(1), "-r", f"{FIRST}-{LAST}", "-b", "4500", "-t", "1500", "--tries", "1", "--ulimit", "20000"]
        found["rustscan (nothing proved)"] = other(lab, words, lambda out: out.count(",") + 1 if "[" in out and "[]" not in out else 0)
    if path := shutil.which("nmap"):
        words = [path, "-n", "-Pn", "-sT", "-T4", "-oG", "-", "-p", f"{FIRST}-{LAST}", address(1)]
        found["nmap -sT (nothing proved)"] = other(lab, words, lambda out: out.count("/open/"))
    return found


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--slow", type=float, default=60, help="seconds after which a program is given up")
    words.add_argument("--descriptors", type=int, help="limit of the programs at the client, as in `ulimit -n`")
    words.add_argument("case", nargs="*", default=["listener", "open", "dropped", "half", "ten-dropped", "twenty"])
    args = words.parse_args()
    if os.geteuid() != 0 or not PROGRAM.exists():
        sys.exit("needs root, and target/release/portmatrix (cargo build --release)")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        bare = None
        if compiler := shutil.which("cc"):
            bare = f"{folder}/bare"
            sh(compiler, "-O2", "-o", bare, str(HERE / "bare.c"))
        lab = Lab(folder)
        lab.limit = ["prlimit", f"--nofile={args.descriptors}", "--"] if args.descriptors else []
        try:
            run_cases(lab, bare, args)
        finally:
            lab.close()


def run_cases(lab, bare, args):
    one = lab.site(1)
    listener, until_open = lab.listen(one, 1)
    if bare:
        # On an address of its own, or two listeners would want one port.
        lab.start("srv", bare, "serve", str(FIRST), str(LAST), address(2)).stdout.readline()
    whole = [(FIRST, LAST, "proved", None)]
    middle = FIRST + PORTS // 2
    half = [(FIRST, middle - 1, "proved", None), (middle, LAST, "shut", "timed-out")]
    if "listener" in args.case:
        listener_alone(listener, until_open)
    if "open" in args.case:
        programs = {"portmatrix (all proved)": portmatrix(lab, one, whole)}
        compare(lab, f"Open: {PORTS} ports", args.rounds, programs | peers(lab, bare), args.slow)
    if "dropped" in args.case:
        lab.drop(f"{FIRST + 1}-{LAST}")
        # The mapper's interface has the first port; without it there is no sweep.
        dropped = [(FIRST, FIRST, "proved", None), (FIRST + 1, LAST, "shut", "timed-out")]
        programs = {
            "portmatrix --range exact (2 SYNs)": portmatrix(lab, one, dropped, "--range", "exact"),
            "portmatrix": portmatrix(lab, one, None),
        }
        others = {name: run for name, run in peers(lab, bare).items() if not name.startswith("bare")}
        compare(lab, f"Dropped: {PORTS - 1} ports", args.rounds, programs | others, args.slow)
    if "half" in args.case:
        lab.drop(f"{middle}-{LAST}")
        programs = {
            "portmatrix --range exact": portmatrix(lab, one, half, "--range", "exact"),
            "portmatrix": portmatrix(lab, one, half),
            "portmatrix --range sample": portmatrix(lab, one, None, "--range", "sample"),
        }
        others = {name: run for name, run in peers(lab, bare).items() if not name.startswith("bare")}
        compare(lab, f"Half dropped: {PORTS // 2} ports; an edge that is wrong ends this run", max(args.rounds, 20), programs, args.slow)
        compare(lab, "The same, by others", args.rounds, others, args.slow)
    lab.drop(None)
    if bare:
        lab.started[-1].kill()
    many(lab, listener, args)


def listener_alone(listener, until_open):
    ticks = lambda: sum(map(int, pathlib.Path(f"/proc/{listener.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
    before = ticks()
    time.sleep(5)
    used = (ticks() - before) / os.sysconf("SC_CLK_TCK")
    watch = Watch(listener.pid)
    watch.look()
    print(f"\nListener with {PORTS} ports")
    print(f"  {until_open:.2f} s from its start until all were open; {watch.memory:.0f} MiB; {watch.descriptors} descriptors; {used / 5:.1%} of a CPU while idle")


def many(lab, first, args):
    wanted = {"ten-dropped": 10, "twenty": HOSTS}
    sizes = [size for case, size in wanted.items() if case in args.case]
    if not sizes:
        return
    site = lab.site(max(sizes))
    lab.end(first)
    listeners = [lab.listen(site, host)[0] for host in range(1, max(sizes) + 1)]
    if "ten-dropped" in args.case:
        lab.drop(f"{FIRST + 1}-{LAST}")
        ten = lab.site(10)
        print(f"\nTen hops, {PORTS - 1} ports of each dropped")
        for more in (["--range", "exact"], []):
            seconds, hops, watch = connect(lab, ten, *more)
            check(all(h["verdict"] == "fail" for h in hops), [h["reason"] for h in hops])
            print(f"  {' '.join(['portmatrix', *more])}: {seconds:.1f} s, {watch.memory:.0f} MiB, {watch.descriptors} descriptors")
        lab.drop(None)
    if "twenty" in args.case:
        print(f"\nTwenty hops, {PORTS} ports of each open, in one run")
        seconds, hops, watch = connect(lab, site)
        proved = sum(s["last"] - s["first"] + 1 for h in hops for s in h["sweep"]["segments"] if s["state"].startswith("proved"))
        local = sum(h["reason"] == "local-resources" for h in hops)
        verdicts = sorted({f"{h['verdict']} {h['reason']}" for h in hops})
        print(f"  {seconds:.1f} s, {proved} of {HOSTS * PORTS} proved, {local} failed for local reasons ({', '.join(verdicts)}), {watch.memory:.0f} MiB, {watch.descriptors} descriptors")
        peaks = []
        for listener in listeners:
            look = Watch(listener.pid)
            look.look()
            look.stop()
            peaks.append(look.memory)
        print(f"  each listener: {max(peaks):.0f} MiB at most")
    lab.end(*listeners)


if __name__ == "__main__":
    main()

"""One world: drawn from a seed, built from namespaces, run, and kept as a configuration for the oracle."""

import errno
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import front as front_module
import plan
import primitives
from model import Endpoint, Match, Rule
from net import Net, address, batch

PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")


def draw(seed, only=()):
    """The description of the world of a seed: everything that is left to chance, and nothing else."""
    rng = random.Random(seed)
    spec = {"seed": seed, "families": rng.choice(((4,), (4,), (6,), (4, 6))), "second": rng.random() < 0.15, "shut": {}, "primitives": []}
    # How the rows that must be shut are shut. Now and then one is not.
    for flow in ("deny", "past-the-front"):
        spec["shut"][flow] = rng.choice((None, "drop", "drop", "admin-prohibited", "tcp reset"))
    for slot in range(max(rng.choice((0, 1, 1, 2, 2, 2, 3, 3)), 1 if only else 0)):
        add(spec, slot, only)
    return spec


def add(spec, slot, only):
    """Draws one more primitive. The one with the lowest hash wins, so that a new primitive changes only the worlds that it comes into."""
    def place(word):
        return hashlib.sha256(f"{spec['seed']}/{slot}/{word}".encode()).digest()

    names = sorted(only) or sorted(primitives.ALL)
    # Each kind is as likely as the next one, however many primitives stand in it.
    for name in sorted(names, key=lambda n: (place(primitives.ALL[n].kind), place(n))):
        params = primitives.ALL[name].draw(random.Random(f"{spec['seed']}/{slot}/{name}"), spec)
        taken = {c for n, p in spec["primitives"] for c in primitives.ALL[n].claims(p)}
        if not taken & set(primitives.ALL[name].claims(params)):
            spec["primitives"].append((name, params))
            return


class World:
    """A world under construction, and its run."""

    def __init__(self, spec, shared, net):
        self.spec, self.shared, self.net = spec, shared, net
        self.families = tuple(spec["families"])
        self.rules, self.endpoints, self.later, self.listeners, self.services = [], [], [], {}, []
        self.front = front_module.Front()
        self.by_name = set()
        self.names = {}  # host -> addresses that its name means to the workstation; None where it cannot be looked up
        self.clock = None  # whose is wrong, and by how much
        self.slow = 0  # seconds that a packet takes, where that is longer than deadlines
        self.programs, self.after_services, self.raw_rules = PROGRAMS, [], []
        self.starved = False  # the workstation runs out of source ports
        self.limited = False  # the listener takes few connections at a time
        self.listen_args = {}
        self.connect_args, self.connect_env, self.listen_env = [], {}, {}
        self.absent = {}  # (host, port) that the listener leaves alone
        self.listen = {host: {"key": "site", "allow": "all", "at": 0.0, "stop": None, "restart": None} for host in ("srv", "other", "dc")}
        self.order = 0
        self.extra = []  # more listeners: (host that it calls itself, node where it is, how)
        self.folder = tempfile.mkdtemp(prefix="world-", dir=shared.folder)
        self.begun = self.finished = None
        self.times = {}

    # What primitives call.

    def rule(self, node, hook, match, do, arg=None, begin=None, end=None, prelude="", unwritten=False):
        """Adds a rule. With times, it is there only then (seconds from the start of the connector).
        An `unwritten` one is for the model alone: something else than netfilter brings it about."""
        rule = Rule(node, hook, match, do, arg, begin=begin, end=end, order=self.order, sets=prelude, unwritten=unwritten)
        self.rules.append(rule)
        return rule

    def give(self, node, port, endpoint, begin=None, end=None):
        """Gives a port of a node to somebody."""
        endpoint.begin, endpoint.end = begin, end
        self.endpoints.append((node, port, endpoint))
        return endpoint

    def device(self, node, port, mode, to=None, endpoint=True):
        """One of our small programs on a port of a node."""
        words = ["python3", f"{PROGRAMS}/device.py", mode, str(port)]
        if to:
            place, to_port = to
            words += [address(place, f) for f in self.families[:1]] + [str(to_port)]
        if mode == "opens-tls":
            words = ["env", f"CERT={self.shared.path('cert-srv.pem')}", f"KEY={self.shared.path('cert-srv.key')}", *words]
        self.services.append((node, words, [port]))
        if endpoint:
            self.give(node, port, Endpoint("relay" if mode == "relay" else "device", mode=mode, to=to))

    # Building and running.

    def build(self):
        for n, flow in enumerate(("deny", "past-the-front")):
            how = self.spec["shut"][flow]
            if how:
                match = Match(src=("ws",), dst=("srv", "srv2"), dport=frozenset({plan.BY_ID[flow].port}))
                if how == "admin-prohibited":
                    how = {4: "admin-prohibited", 6: "admin-prohibited"}
                self.order = n
                self.rule("r2", "forward", match, "drop" if how == "drop" else "reject", None if how == "drop" else how)
        for n, (name, params) in enumerate(self.spec["primitives"]):
            self.order = 10 + n
            primitives.ALL[name].put(self, **params)
        self.front.write(self)

    def table(self, number, rule):
        body = "".join(f"  {line}\n" for line in rule.nft())
        name = f"w{number}"
        if rule.do == "synproxy":
            early = "".join(f"  {words} tcp flags syn notrack\n" for _, words in rule.match.nft())
            return (f"table inet {name} {{\n{rule.sets}\nchain early {{ type filter hook prerouting priority -300;\n{early}}}\n"
                    f"chain c {{ {rule.chain()}\n{body}  ct state invalid drop\n}}\n}}\n")
        return f"table inet {name} {{\n{rule.sets}\nchain c {{ {rule.chain()}\n{body}}}\n}}\n"

    def put_rules(self):
        by_node = {}
        for number, (node, chain) in enumerate(self.raw_rules):
            by_node.setdefault(node, []).append(f"table inet r{number} {{\n{chain}\n}}\n")
        for number, rule in enumerate(self.rules):
            if rule.unwritten:
                continue
            if rule.begin is None:
                by_node.setdefault(rule.node, []).append(self.table(number, rule))
            else:
                self.later.append((rule.begin, lambda number=number, rule=rule: self.turn(number, rule, True)))
            if rule.end is not None:
                self.later.append((rule.end, lambda number=number, rule=rule: self.turn(number, rule, False)))
            if rule.do == "synproxy":
                with self.net.inside(rule.node):
                    self.net.setting("ipv4/tcp_syncookies", 1)
                    self.net.setting("ipv4/tcp_timestamps", 1)
        for node, tables in by_node.items():
            self.net.nft(node, "".join(tables))
        for rule in self.rules:
            if rule.do == "synproxy":
                self.net.sh(rule.node, "echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose")
            if rule.match.after:
                self.net.sh(rule.node, "echo 1 > /proc/sys/net/netfilter/nf_conntrack_acct")

    def turn(self, number, rule, on):
        self.net.nft(rule.node, self.table(number, rule) if on else f"delete table inet w{number}\n")
        self.times.setdefault(("rule", number), {})["begin" if on else "end"] = time.time()

    def site_file(self, file, by_name=(), ports=""):
        path = os.path.join(self.folder, file)
        with open(path, "w") as out:
            out.write(plan.text(self.families, by_name, self.spec["second"], ports))
        return path

    def start_listener(self, host, how=None, at=None, wait=True):
        """Starts the listener of a host, at another one too (`at`)."""
        how = how or self.listen[host]
        node = at or host
        left = [port for (h, port) in self.absent if h == host == node]
        ports = "".join(f"{plan.PORT_NAMES[port]} = {21000 + n}\n" for n, port in enumerate(sorted(left)))
        words = [self.shared.program, "listen", "--site", self.site_file(f"{host}-{node}.toml", ports=ports), "--as", plan.host_name(host), "--for", "60s"]
        if how["key"]:
            words += ["--key", self.shared.path(f"{how['key']}.key")]
        if how["allow"] == "others":
            words += ["--allow-from", "192.0.2.0/24"]
        words += self.listen_args.get(host, [])
        if node != host:
            for family in self.families:
                words += ["--bind", address(node, family)]
        with open(os.path.join(self.folder, f"listen-{host}-{node}.txt"), "ab") as log:
            process = self.net.start(node, words, out=log, err=log, env=self.listen_env.get(host))
        opened = [p for p in plan.PORTS_OF[host] if p not in left]
        if host == "srv":
            opened += [plan.RANGE[0], plan.RANGE[-1]]
        if wait:
            self.net.wait_listening(process, opened)
        return process

    def start(self):
        """Everything but the connector."""
        waits = []
        for node, words, ports in self.services:
            waits.append((self.net.start(node, words, out=subprocess.DEVNULL, err=subprocess.DEVNULL), ports))
        waits.append((self.front.start(self), [7085]))
        for process, ports in waits:
            self.net.wait_listening(process, ports)
        for node, lines in self.after_services:
            with self.net.inside(node):
                batch(lines)
        started = []
        for host, how in self.listen.items():
            if how["at"] == 0.0:
                process = self.start_listener(host, wait=False)
                left = [port for (h, port) in self.absent if h == host]
                started.append((process, [p for p in plan.PORTS_OF[host] if p not in left] + ([plan.RANGE[0], plan.RANGE[-1]] if host == "srv" else [])))
                self.listeners[host] = process
        for host, node, how in self.extra:
            started.append((self.start_listener(host, how, at=node, wait=False), [*plan.PORTS_OF[host], plan.RANGE[0], plan.RANGE[-1]]))
        for process, ports in started:
            self.net.wait_listening(process, ports)
        for host, how in self.listen.items():
            if how["at"]:
                self.later.append((how["at"], lambda host=host: self.turn_listener(host, True)))
            if how["stop"] is not None:
                self.later.append((how["stop"], lambda host=host: self.turn_listener(host, False)))
            if how["restart"] is not None:
                self.later.append((how["restart"], lambda host=host: self.turn_listener(host, True)))
        if self.after_services:
            self.warm_up()
        self.put_rules()

    def warm_up(self):
        """Waits until new devices and routes carry packets: the first ones may be lost while the kernel still brings them up."""
        with self.net.inside("ws"):
            for family in self.families:
                for place in ("other", "dc", "rp", "srv"):
                    for _ in range(3):
                        with socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6) as probe:
                            probe.settimeout(3)
                            # Nobody has this port: the answer is a reset.
                            if probe.connect_ex((address(place, family), 9)) in (0, errno.ECONNREFUSED):
                                break

    def turn_listener(self, host, on):
        if on:
            self.listeners[host] = self.start_listener(host, wait=False)
        elif host in self.listeners:
            self.net.end(self.listeners[host], signal.SIGKILL)
        self.times.setdefault(("listener", host), []).append((time.time(), on))

    def run(self):
        """Runs the connector to its end. Gives its result and its exit code."""
        self.start()
        site = self.site_file("ws.toml", self.by_name)
        out = os.path.join(self.folder, "result.json")
        words = [self.shared.program, "connect", "--site", site, "--as", plan.host_name("ws"), "--format", "json", "--ca", self.shared.path("ca.pem"),
                 "--key", self.shared.path("site.key"), "--connect-timeout", "2s", "--timeout", "2s", "--trace", "never", "--out", out, *self.connect_args]
        self.command = words
        err = open(os.path.join(self.folder, "connect.txt"), "wb")
        self.begun = time.time()
        zero = time.monotonic()
        process = self.net.start("ws", words, err=err, env=self.connect_env)
        for at, run in sorted(self.later, key=lambda entry: entry[0]):
            while time.monotonic() - zero < at and process.poll() is None:
                time.sleep(min(0.01, max(0.0, at - (time.monotonic() - zero))))
            if process.poll() is not None:
                break
            run()
        try:
            code = process.wait(120)
        except subprocess.TimeoutExpired:
            self.net.end(process)
            code = None
        self.finished = time.time()
        try:
            with open(out) as file:
                return json.load(file), code
        except (OSError, ValueError):
            with open(os.path.join(self.folder, "connect.txt"), errors="replace") as file:
                return {"hops": [], "error": file.read()[-2000:]}, code

    # What the oracle asks.

    def rule_states(self):
        """Each rule with its state."""
        for number, rule in enumerate(self.rules):
            happened = self.times.get(("rule", number), {})
            if rule.begin is not None and "begin" not in happened:
                yield rule, "off"
            elif rule.begin is None and (rule.end is None or "end" not in happened):
                yield rule, "sometimes" if rule.match.luck else "on"
            else:
                yield rule, "sometimes"

    def listener_changes(self, host):
        return self.times.get(("listener", host), [])

    def endpoint(self, node, place, family, port):
        """Who has a port of a node, where nothing changes in time."""
        for there, has, endpoint in reversed(self.endpoints):
            if there == node and has == port:
                return endpoint
        how = self.listen.get(node)
        if how and (port in plan.PORTS_OF[node] or node == "srv" and port in plan.RANGE) and (node, port) not in self.absent:
            if place == "srv2" and not self.spec["second"]:
                return None
            return Endpoint("listener", host=node, key=how["key"] or "", allow=how["allow"])
        if node == "rp" and port == 7085:
            return Endpoint("front", host="rp")
        return None

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def live(spec, shared):
    """Builds a world and runs it. Gives the world (its namespaces are gone) with its result."""
    with Net() as net:
        world = World(spec, shared, net)
        world.build()
        world.result, world.code = world.run()
    return world

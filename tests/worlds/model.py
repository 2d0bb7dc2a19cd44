"""A small model of packets: what becomes of a connection between two places, from the rules and endpoints of a world alone.

A packet walks node by node through the hooks of netfilter, in both directions; nothing here asks the network or the program.
"""

from dataclasses import dataclass, field, replace

from net import OWNER, ROUTERS, address

V4_REJECTS = ("net-unreachable", "host-unreachable", "prot-unreachable", "port-unreachable", "net-prohibited", "host-prohibited", "admin-prohibited")
V6_REJECTS = ("no-route", "admin-prohibited", "addr-unreachable", "port-unreachable", "policy-fail", "reject-route")
SYN, DATA, LARGE = "syn", "data", "large"
TLS = "tls"  # the first data where there is TLS: certificates are in it
TLS_PORTS = frozenset((7443, 7636, 7051, 7085))


@dataclass(frozen=True)
class Match:
    """Which packets a rule is for. Ports are sets; places are names of `net.PLACES`."""

    family: int | None = None
    src: tuple | None = None
    dst: tuple | None = None
    sport: frozenset | None = None
    dport: frozenset | None = None
    data: bool = False  # only packets that carry something
    longer: int = 0  # only packets of more octets
    after: int = 0  # only packets of connections that had more in this direction
    luck: str = ""  # nft words of a condition that some connections fulfil and others do not

    def fits(self, packet, phase):
        """False, True, or "maybe" where it depends on sizes that are nobody's promise."""
        if self.family and self.family != packet.family:
            return False
        for wanted, is_ in ((self.src, packet.src), (self.dst, packet.dst), (self.sport, packet.sport), (self.dport, packet.dport)):
            if wanted is not None and is_ not in wanted:
                return False
        if self.data and phase == SYN:
            return False
        if (self.longer or self.after) and phase == SYN:
            return False
        if self.longer:
            # A greeting of TLS and what answers it are larger than 200 octets; nothing but large data is surely larger than that.
            return True if phase == LARGE or self.longer <= (200 if phase == TLS else 100) else "maybe"
        if self.after:
            # The handshake takes two; how many the rest takes is nobody's promise.
            return True if self.after <= 2 else "maybe"
        return True

    def nft(self):
        """The same as lines of nft, one for each family that it needs."""
        for family in (4, 6):
            if self.family not in (None, family):
                continue
            ip = "ip" if family == 4 else "ip6"
            words = [f"meta nfproto ipv{family} meta l4proto tcp"]
            for way, places in (("saddr", self.src), ("daddr", self.dst)):
                if places is not None:
                    words.append(f"{ip} {way} {{ {', '.join(address(p, family) for p in places)} }}")
            for way, ports in (("sport", self.sport), ("dport", self.dport)):
                if ports is not None:
                    words.append(f"tcp {way} {{ {spans(ports)} }}")
            if self.data:
                words.append("tcp flags & (syn | psh) == psh")
            if self.longer:
                words.append(f"meta length > {self.longer}")
            if self.after:
                words.append(f"ct original packets > {self.after}")
            if self.luck:
                words.append(self.luck)
            yield family, " ".join(words)


def spans(ports):
    """Ports as nft writes them."""
    parts, run = [], []
    for port in [*sorted(ports), None]:
        if run and port != run[-1] + 1 if port is not None else True:
            if run:
                parts.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
            run = []
        if port is not None:
            run.append(port)
    return ", ".join(parts)


@dataclass
class Rule:
    """One rule at a hook of a node. `do`: drop, reject (with `arg`), dnat (arg: place or None, port or None), redirect (port), snat (ports or None), synproxy, loop."""

    node: str
    hook: str  # output prerouting forward postrouting input
    match: Match
    do: str
    arg: object = None
    owner: int = 0
    begin: float | None = None
    end: float | None = None
    order: int = 0
    sets: str = ""
    unwritten: bool = False

    def nft(self):
        for family, words in self.match.nft():
            yield f"{words} {self.action(family)}"

    def action(self, family):
        ip = "ip" if family == 4 else "ip6"
        if self.do == "drop":
            return "drop"
        if self.do == "reject":
            if self.arg == "tcp reset":
                return "reject with tcp reset"
            return f"reject with {'icmp' if family == 4 else 'icmpv6'} type {self.arg if isinstance(self.arg, str) else self.arg[family]}"
        if self.do == "dnat":
            place, port = self.arg
            to = address(place, family)
            to = f"[{to}]" if family == 6 and port else to
            return f"dnat {ip} to {to}{f':{port}' if port else ''}"
        if self.do == "redirect":
            return f"redirect to :{self.arg}"
        if self.do == "snat":
            return f"masquerade to :{self.arg[0]}-{self.arg[1]}" if self.arg else "masquerade random"
        if self.do == "synproxy":
            return "ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm"
        raise ValueError(self.do)

    def chain(self):
        nat = self.do in ("dnat", "redirect", "snat")
        priority = {"prerouting": -100, "postrouting": 100}.get(self.hook, -100) if nat else 0
        return f"type {'nat' if nat else 'filter'} hook {self.hook} priority {priority + self.order};"


@dataclass(frozen=True)
class Packet:
    family: int
    src: str
    dst: str
    sport: int | None
    dport: int | None


@dataclass
class Endpoint:
    """What has a port of a node. kinds: listener, service (a real one), device (see `mode`), relay (to `to`)."""

    kind: str
    host: str = ""
    key: str = "site"
    allow: str = "all"  # "others": the list of networks has not the workstation
    mode: str = ""
    to: tuple | None = None
    owner: int = 0
    begin: float | None = None
    end: float | None = None


@dataclass
class Fate:
    """What became of a connection."""

    end: str  # stopped, reply-lost, closed, met
    rule: Rule | None = None
    node: str = ""
    place: str = ""
    port: int = 0
    endpoint: Endpoint | None = None
    data: object = True  # True, False, "maybe"
    large: object = True
    opened: bool = False  # the connector's connection opened
    taken: bool = False  # a device opened it, and nothing of it arrived
    translated: bool = False
    inner: "Fate | None" = None
    passed: tuple = field(default=())


def route(src, dst):
    """The nodes between two places, both ends included."""
    a, b = OWNER.get(src, src), OWNER.get(dst, dst)
    if a == b:
        return [a]
    sides = {"ws": ["ws", "r1", "r2"], "r1": ["r1", "r2"], "r2": ["r2"]}
    left = sides.get(a, [a, "r2"])
    right = sides.get(b, [b, "r2"])[::-1]
    both = left + right
    if left[-1] == right[0]:
        both = left + right[1:]
    # A way that begins and ends on the same side turns round at the first router that both have.
    for n, node in enumerate(both):
        if node in both[n + 1:]:
            last = len(both) - 1 - both[::-1].index(node)
            return both[:n] + both[last:]
    return both


class Model:
    """A world at one moment: which rules are active and who has which port."""

    def __init__(self, rules, endpoint):
        self.rules = rules
        self.endpoint = endpoint  # (node, place, family, port) -> Endpoint or None

    def at(self, node, hook):
        order = {"dnat": 0, "redirect": 0, "snat": 0}
        return sorted((r for r in self.rules if r.node == node and r.hook == hook), key=lambda r: (order.get(r.do, 1), r.order))

    def walk(self, packet, phase, nats=None, replay=None):
        """Walks a packet to its end. Gives how it ended, the rule, the node, the packet as it arrives, and whether a device took it.

        `nats` collects translations of a first packet (node -> (before, after)); `replay` applies those that were collected to a later one."""
        sure, device = True, None
        node = OWNER.get(packet.src, packet.src)
        path = route(packet.src, packet.dst)
        hooks = ["output"]
        at = 0
        while True:
            node = path[at]
            last = at == len(path) - 1
            if at == 0:
                hooks = ["output"]
            elif node in ROUTERS:
                hooks = ["prerouting", "forward", "postrouting"]
            else:
                hooks = ["prerouting", "input"]
            for hook in hooks:
                if hook == "prerouting" and replay is not None and node in replay.get("un", {}):
                    packet = replay["un"][node](packet)
                    path = path[:at] + route(node, packet.dst)
                    last = at == len(path) - 1
                if hook == "forward" and last:
                    hook = "input"
                for rule in self.at(node, hook):
                    if rule.do in ("dnat", "redirect", "snat"):
                        if replay is not None or rule.match.fits(packet, SYN) is not True:
                            continue
                        if nats is None or (node, hook) in nats:
                            continue
                        before = packet
                        if rule.do == "dnat":
                            place, port = rule.arg
                            packet = replace(packet, dst=place, dport=port or packet.dport)
                        elif rule.do == "redirect":
                            packet = replace(packet, dst=node, dport=rule.arg)
                        else:
                            packet = replace(packet, src=node)
                        nats[(node, hook)] = (before, packet)
                        path = path[:at] + route(node, packet.dst)
                        last = at == len(path) - 1
                        continue
                    fits = rule.match.fits(packet, phase)
                    if rule.do == "synproxy":
                        if fits and phase == SYN and nats is not None:
                            device = device or node
                        continue
                    if fits is True:
                        return ("stopped", rule, node, packet, device, sure)
                    if fits == "maybe":
                        sure = "maybe"
                if hook == "input" and last:
                    return ("arrived", None, node, packet, device, sure)
                if hook == "postrouting" and replay is not None and node in replay.get("post", {}):
                    packet = replay["post"][node](packet)
            if last:
                return ("arrived", None, node, packet, device, sure)
            at += 1

    def connect(self, src, dst, family, port, depth=0):
        """A connection from a place to a port of another, with its first small and its large data."""
        nats = {}
        first = Packet(family, src, dst, None, port)
        end, rule, node, packet, device, _ = self.walk(first, SYN, nats=nats)
        translated = any(before.src != after.src for before, after in nats.values())
        common = {"translated": translated, "passed": tuple(nats)}
        if end == "stopped":
            taken = device is not None
            return Fate("stopped", rule, node, packet.dst, packet.dport, opened=taken, taken=taken, data=not taken, large=not taken, **common)
        endpoint = self.endpoint(node, packet.dst, family, packet.dport)
        forward, back = replays(nats)
        met = {"node": node, "place": packet.dst, "port": packet.dport, "endpoint": endpoint, **common}
        answer = Packet(family, packet.dst, packet.src, packet.dport, None)
        returned = self.walk(answer, SYN, replay=back)
        if returned[0] == "stopped":
            # Behind a SYN proxy the connector's handshake was with the device: it may be open, and nothing more comes of it.
            return Fate("reply-lost", returned[1], opened=device is not None, data=False, large=False, **met)
        if endpoint is None:
            return Fate("closed", opened=device is not None, data=False, large=False, **met)
        fate = Fate("met", opened=True, **met)
        for phase, name in ((TLS if packet.dport in TLS_PORTS else DATA, "data"), (LARGE, "large")):
            there = self.walk(first, phase, replay=forward)
            back_ = self.walk(answer, phase, replay=back)
            works = False if "stopped" in (there[0], back_[0]) else ("maybe" if "maybe" in (there[5], back_[5]) else True)
            setattr(fate, name, works)
        if fate.data is not True:
            fate.large = fate.data if fate.large is True else fate.large
        if endpoint.kind == "relay" and depth < 3:
            place, to_port = endpoint.to
            fate.inner = self.connect(node, place, family, to_port, depth + 1)
        return fate


def replays(nats):
    """What translations of a first packet make of the later ones: in its own direction and in the other."""
    forward, back = {"un": {}, "post": {}}, {"un": {}, "post": {}}
    for (node, hook), (before, after) in nats.items():
        if hook in ("prerouting", "output"):
            forward["un"][node] = lambda p, after=after: replace(p, dst=after.dst, dport=after.dport)
            back["post"][node] = lambda p, before=before: replace(p, src=before.dst, sport=before.dport)
        else:
            forward["post"][node] = lambda p, after=after: replace(p, src=after.src)
            back["un"][node] = lambda p, before=before: replace(p, dst=before.src)
    return forward, back

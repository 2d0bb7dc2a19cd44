"""Whole links, hosts and families: down for a moment, cut off, dead."""

from model import Match

from .base import Primitive, when


class Blackout(Primitive):
    """The link between the routers carries nothing for a moment."""

    name, kind = "blackout", "links"

    def draw(self, rng, spec):
        begin = round(rng.uniform(0.02, 1.5), 2)
        return {"when": [begin, round(begin + rng.choice((0.3, 0.7, 1.2, 9)), 2)]}

    def put(self, world, when):
        world.rule("r1", "forward", Match(), "drop", begin=when[0], end=when[1])


class HostCutOff(Primitive):
    """A whole host is dropped or turned away."""

    name, kind = "host-cut-off", "links"

    def draw(self, rng, spec):
        return {"host": rng.choice(("srv", "srv", "other", "dc", "rp")), "node": rng.choice(("r1", "r2")), "how": rng.choice(("drop", "host-unreachable", "admin-prohibited")), "when": when(rng, 0.5)}

    def put(self, world, host, node, how, when):
        codes = {"host-unreachable": {4: "host-unreachable", 6: "addr-unreachable"}, "admin-prohibited": {4: how, 6: how}}
        match = Match(src=("ws",), dst=("srv", "srv2") if host == "srv" else (host,))
        world.rule(node, "forward", match, "drop" if how == "drop" else "reject", codes.get(how), begin=when[0], end=when[1])


class FamilyBroken(Primitive):
    """One address family does not pass."""

    name, kind = "family-broken", "links"

    def draw(self, rng, spec):
        return {"fam": rng.choice(spec["families"]), "how": rng.choice(("drop", "no-route")), "back": rng.random() < 0.3}

    def put(self, world, fam, how, back):
        match = Match(family=fam, dst=("ws",)) if back else Match(family=fam, src=("ws",))
        world.rule("r1", "forward", match, "drop" if how == "drop" else "reject", None if how == "drop" else {4: "net-unreachable", 6: "no-route"})


class FewPorts(Primitive):
    """The workstation has few source ports: they come back soon, towards other addresses."""

    name, kind = "few-ports", "local"

    def draw(self, rng, spec):
        return {"count": rng.choice((8, 24, 64))}

    def claims(self, params):
        # A SYN proxy of Linux does not always know a port again that comes back at once.
        return ("few-ports",)

    def put(self, world, count):
        # With few it may have none left for a while after the probes, and cannot look again.
        world.starved = count < 30
        with world.net.inside("ws"):
            world.net.setting("ipv4/ip_local_port_range", f"40000 {40000 + count - 1}")

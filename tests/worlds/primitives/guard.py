"""Guards: a source that asks too often is shut out, or may have only so many connections."""

import plan
from model import Match
from net import address

from .base import Primitive, ports, some_flows


class Guard(Primitive):
    """After so many SYNs the source is shut out for some seconds."""

    name, kind = "guard", "guard"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2")), "after": rng.choice((5, 10, 20)), "seconds": rng.choice((1, 3, 8)), "how": rng.choice(("drop", "tcp reset")), "what": rng.choice(("all", "all", "range"))}

    def claims(self, params):
        return (f"guard {params['node']}",)

    def put(self, world, node, after, seconds, how, what):
        # Against scans of ports: counts what goes to the dynamic range, and shuts that alone.
        dport = frozenset(plan.RANGE) if what == "range" else None
        scan = f"tcp dport {plan.RANGE[0]}-{plan.RANGE[-1]} " if what == "range" else ""
        fams = {4: ("ip", "ipv4_addr"), 6: ("ip6", "ipv6_addr")}
        for fam in world.families:
            ip, kind = fams[fam]
            sets = (f"set bad {{ type {kind}; flags dynamic,timeout; size 64; timeout {seconds}s; }}\n"
                    f"chain count {{ type filter hook forward priority -5; {ip} saddr @bad return\n"
                    f"  {ip} saddr {address('ws', fam)} {scan}tcp flags & (syn | ack) == syn limit rate over {max(1, after // 5)}/second burst {after} packets add @bad {{ {ip} saddr }}\n}}")
            world.rule(node, "forward", Match(family=fam, src=("ws",), dport=dport, dst=("srv", "srv2") if dport else None, luck=f"{ip} saddr @bad"), "drop" if how == "drop" else "reject", None if how == "drop" else how, prelude=sets)


class FewConnections(Primitive):
    """Only so many connections at a time to a port."""

    name, kind = "few-connections", "guard"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2")), "flows": some_flows(rng), "most": rng.choice((1, 2, 4)), "how": rng.choice(("drop", "tcp reset"))}

    def put(self, world, node, flows, most, how):
        for fam in world.families:
            ip, kind = {4: ("ip", "ipv4_addr"), 6: ("ip6", "ipv6_addr")}[fam]
            sets = f"set few {{ type {kind}; flags dynamic; size 64; }}"
            match = Match(family=fam, src=("ws",), dst=("srv", "srv2"), dport=ports(flows), luck=f"ct state new add @few {{ {ip} saddr ct count over {most} }}")
            world.rule(node, "forward", match, "drop" if how == "drop" else "reject", None if how == "drop" else how, prelude=sets)

"""The server has no fixed addresses in the workstation's site file: its name is looked up, in the hosts file or in DNS."""

import plan
from net import address

from .base import Primitive

# What the name is (places; "loopback", "nowhere": an address of nobody's), where from, how slowly, and how the name server fails.
MODES = {
    "hosts": {"hosts": "own", "dns": "silent"},
    "hosts-and-dns-differ": {"hosts": "own", "dns": "answer", "records": "other"},
    "dns": {"dns": "answer", "records": "own"},
    "dns-slow": {"dns": "answer", "records": "own", "delay": 1.5},
    "hosts-wrong": {"hosts": "other", "dns": "answer", "records": "own"},
    "hosts-loopback": {"hosts": "loopback", "dns": "answer", "records": "own"},
    "dns-loopback": {"dns": "answer", "records": "loopback"},
    "dns-wrong": {"dns": "answer", "records": "other"},
    "dns-own-and-other": {"dns": "answer", "records": "own+other"},
    "dns-silent": {"dns": "silent"},
    "dns-nxdomain": {"dns": "nxdomain"},
    "dns-servfail": {"dns": "servfail"},
}


class Names(Primitive):
    name, kind = "names", "names"

    def draw(self, rng, spec):
        return {"mode": rng.choice(sorted(MODES)), "also": rng.choice(([], [], ["rp"], ["other"]))}

    def claims(self, params):
        return ("names",)

    def put(self, world, mode, also):
        how = MODES[mode]
        hosts = ["srv", *also]
        world.by_name |= set(hosts)

        def means(what, host):
            places = {"own": [host] + (["srv2"] if host == "srv" and world.spec["second"] else []), "other": ["dc"], "own+other": [host, "dc"]}.get(what, [])
            found = [address(place, family) for place in places for family in world.families]
            return found or ([{4: "127.0.0.1", 6: "::1"}[f] for f in world.families] if what == "loopback" else [])

        source = how.get("hosts") or how.get("records")
        for host in hosts:
            world.names[host] = means(source, host) if source else None
        if how.get("hosts"):
            lines = "".join(f"{a} {plan.host_name(host)}\n" for host in hosts for a in means(how["hosts"], host))
            world.net.own_file("ws", "hosts", "127.0.0.1 localhost\n" + lines)
        world.net.own_file("ws", "resolv.conf", f"nameserver {address('r1', 4)}\n")
        records = [f"{plan.host_name(host)}={','.join(means(how['records'], host))}" for host in hosts if how.get("records")]
        world.services.append(("r1", ["python3", f"{world.programs}/dns.py", address("r1", 4), how["dns"], str(how.get("delay", 0)), *records], [53]))

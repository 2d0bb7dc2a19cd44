"""Destination NAT on the way: to another host, to another port, to another listener."""

import plan
from model import Endpoint

from .base import DIRECT, Primitive, family, places, ports, to_server, when


class NatToService(Primitive):
    """One port leads to another host's plain server."""

    name, kind = "nat-to-service", "nat"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2")), "flow": rng.choice(DIRECT), "mode": rng.choice(("web", "web", "silent", "hello", "closer", "eater")),
                "places": places(rng, spec), "fam": family(rng, spec), "when": when(rng, 0.1)}

    def claims(self, params):
        return (f"nat {params['flow']}", "other-9100")

    def put(self, world, node, flow, mode, places, fam, when):
        world.device("other", 9100, mode)
        world.rule(node, "prerouting", to_server(places, ports([flow], sweep=False), fam), "dnat", ("other", 9100), begin=when[0], end=when[1])


class NatToPort(Primitive):
    """One port leads to another port of the same host."""

    name, kind = "nat-to-port", "nat"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2")), "flow": rng.choice(DIRECT), "port": rng.choice(plan.SERVER_PORTS + [7998]),
                "places": places(rng, spec), "fam": family(rng, spec), "when": when(rng, 0.1)}

    def claims(self, params):
        return (f"nat {params['flow']}",)

    def put(self, world, node, flow, port, places, fam, when):
        if port == plan.BY_ID[flow].port:
            return
        for place in places:
            world.rule(node, "prerouting", to_server([place], ports([flow], sweep=False), fam), "dnat", (place, port), begin=when[0], end=when[1])


class NatToListener(Primitive):
    """One port, or the whole host, leads to another listener: with the same key under its own name, with another key, or a clone under the same name."""

    name, kind = "nat-to-listener", "nat"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2")), "flow": rng.choice((*DIRECT, None)), "which": rng.choice(("clone", "other-key", "own-name")),
                "places": places(rng, spec), "fam": family(rng, spec), "when": when(rng, 0.1)}

    def claims(self, params):
        return (*(f"nat {f}" for f in ([params["flow"]] if params["flow"] else DIRECT)), "dc-host")

    def put(self, world, node, flow, which, places, fam, when):
        if which == "own-name":
            flow = flow or "ldap"
            to = ("other", 7005) if plan.BY_ID[flow].protocol == "http" else ("dc", 7391)
            world.rule(node, "prerouting", to_server(places, ports([flow], sweep=False), fam), "dnat", to, begin=when[0], end=when[1])
            return
        key = "site" if which == "clone" else "other"
        world.extra.append(("srv", "dc", {"key": key, "allow": "all"}))
        for port in [*plan.SERVER_PORTS, *plan.RANGE]:
            world.give("dc", port, Endpoint("listener", host="srv", key=key))
        match = to_server(places, ports([flow]) if flow else frozenset([*plan.SERVER_PORTS, *plan.RANGE]), fam)
        world.rule(node, "prerouting", match, "dnat", ("dc", None), begin=when[0], end=when[1])

"""A router, or the host's own firewall, turns connections away with an ICMP message or a reset."""

from model import V4_REJECTS, V6_REJECTS

from .base import Primitive, family, places, ports, some_flows, to_server, when


class Reject(Primitive):
    name, kind = "reject", "shut"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2", "srv")), "flows": some_flows(rng), "places": places(rng, spec), "fam": family(rng, spec),
                "codes": [rng.choice(V4_REJECTS), rng.choice(V6_REJECTS)], "when": when(rng)}

    def put(self, world, node, flows, places, fam, codes, when):
        hook = "input" if node == "srv" else "forward"
        world.rule(node, hook, to_server(places, ports(flows), fam), "reject", {4: codes[0], 6: codes[1]}, begin=when[0], end=when[1])


class Reset(Primitive):
    """A device resets in the host's name."""

    name, kind = "reset", "shut"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2", "srv")), "flows": some_flows(rng), "places": places(rng, spec), "fam": family(rng, spec), "when": when(rng)}

    def put(self, world, node, flows, places, fam, when):
        hook = "input" if node == "srv" else "forward"
        world.rule(node, hook, to_server(places, ports(flows), fam), "reject", "tcp reset", begin=when[0], end=when[1])

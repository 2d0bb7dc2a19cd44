"""A router, or the host's own firewall, drops what goes to some ports."""

from .base import Primitive, family, places, ports, some_flows, to_server, when


class Drop(Primitive):
    name, kind = "drop", "shut"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2", "srv")), "flows": some_flows(rng), "places": places(rng, spec), "fam": family(rng, spec), "when": when(rng)}

    def put(self, world, node, flows, places, fam, when):
        hook = "input" if node == "srv" else "forward"
        world.rule(node, hook, to_server(places, ports(flows), fam), "drop", begin=when[0], end=when[1])

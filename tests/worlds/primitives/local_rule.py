"""A rule of the workstation itself."""

from .base import Primitive, family, places, ports, some_flows, to_server, when


class LocalRule(Primitive):
    name, kind = "local-rule", "local"

    def draw(self, rng, spec):
        return {"flows": some_flows(rng), "places": places(rng, spec), "fam": family(rng, spec), "how": rng.choice(("drop", "reset", "port-unreachable", "admin-prohibited")),
                "when": when(rng)}

    def put(self, world, flows, places, fam, how, when):
        match = to_server(places, ports(flows), fam)
        if how == "drop":
            world.rule("ws", "output", match, "drop", begin=when[0], end=when[1])
        else:
            world.rule("ws", "output", match, "reject", "tcp reset" if how == "reset" else {4: how, 6: how}, begin=when[0], end=when[1])

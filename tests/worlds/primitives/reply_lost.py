"""Answers are lost, or turned away, on the way back."""

from model import V4_REJECTS, V6_REJECTS

from .base import Primitive, family, from_server, places, ports, some_flows, when


class ReplyLost(Primitive):
    name, kind = "reply-lost", "back"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2", "srv")), "flows": some_flows(rng), "places": places(rng, spec), "fam": family(rng, spec), "when": when(rng)}

    def put(self, world, node, flows, places, fam, when):
        world.rule(node, "output" if node == "srv" else "forward", from_server(places, ports(flows), fam), "drop", begin=when[0], end=when[1])


class ReplyRejected(Primitive):
    name, kind = "reply-rejected", "back"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2")), "flows": some_flows(rng), "places": places(rng, spec), "fam": family(rng, spec),
                "codes": rng.choice(("tcp reset", [rng.choice(V4_REJECTS), rng.choice(V6_REJECTS)])), "when": when(rng)}

    def put(self, world, node, flows, places, fam, codes, when):
        how = codes if isinstance(codes, str) else {4: codes[0], 6: codes[1]}
        world.rule(node, "forward", from_server(places, ports(flows), fam), "reject", how, begin=when[0], end=when[1])

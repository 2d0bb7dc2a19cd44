"""Some connections die and others do not: by the hash of the source port, or by chance for each packet."""

from .base import Primitive, family, places, ports, some_flows, to_server


class LossByFlow(Primitive):
    name, kind = "loss-by-flow", "loss"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2")), "flows": some_flows(rng), "places": places(rng, spec), "fam": family(rng, spec), "of": rng.choice((2, 3, 4)),
                "seed": rng.randrange(1 << 30), "how": rng.choice(("drop", "drop", "tcp reset"))}

    def put(self, world, node, flows, places, fam, of, seed, how):
        match = to_server(places, ports(flows), fam, luck=f"jhash tcp sport mod {of} seed {seed} 0")
        world.rule(node, "forward", match, "drop" if how == "drop" else "reject", None if how == "drop" else how)


class LossOfPackets(Primitive):
    name, kind = "loss-of-packets", "loss"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2")), "flows": some_flows(rng), "places": places(rng, spec), "fam": family(rng, spec), "of": rng.choice((4, 8))}

    def put(self, world, node, flows, places, fam, of):
        world.rule(node, "forward", to_server(places, ports(flows), fam, luck=f"numgen random mod {of} 0"), "drop")

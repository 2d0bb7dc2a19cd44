"""Source NAT on the way, with many ports or with few."""

from .base import Primitive, family, places, ports, some_flows, to_server


class Snat(Primitive):
    name, kind = "snat", "nat"

    def draw(self, rng, spec):
        few = rng.random() < 0.3
        return {"flows": some_flows(rng) if rng.random() < 0.6 else None, "places": places(rng, spec), "fam": family(rng, spec),
                "range": [40000, 40000 + rng.choice((63, 255))] if few else None}

    def put(self, world, flows, places, fam, range):
        match = to_server(places, ports(flows) if flows else None, fam)
        world.rule("r2", "postrouting", match, "snat", range)

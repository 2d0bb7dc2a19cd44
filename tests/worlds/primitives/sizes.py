"""What happens to connections that opened: large packets are lost, connections die after some packets, data is cut off."""

from .base import Primitive, family, from_server, places, ports, some_flows, to_server


class LargeLost(Primitive):
    name, kind = "large-lost", "opened"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2")), "flows": some_flows(rng), "places": places(rng, spec), "fam": family(rng, spec), "longer": rng.choice((100, 200, 600, 1300)),
                "back": rng.random() < 0.4}

    def put(self, world, node, flows, places, fam, longer, back):
        side = from_server if back else to_server
        world.rule(node, "forward", side(places, ports(flows), fam, longer=longer), "drop")


class Dies(Primitive):
    name, kind = "dies-after-packets", "opened"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2")), "flows": some_flows(rng), "places": places(rng, spec), "fam": family(rng, spec), "after": rng.choice((2, 3, 4, 8, 12)),
                "how": rng.choice(("drop", "tcp reset"))}

    def put(self, world, node, flows, places, fam, after, how):
        world.rule(node, "forward", to_server(places, ports(flows), fam, after=after), "drop" if how == "drop" else "reject", None if how == "drop" else how)


class DataCut(Primitive):
    name, kind = "data-cut", "opened"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2")), "flows": some_flows(rng), "places": places(rng, spec), "fam": family(rng, spec), "how": rng.choice(("drop", "tcp reset")),
                "back": rng.random() < 0.3}

    def put(self, world, node, flows, places, fam, how, back):
        side = from_server if back else to_server
        world.rule(node, "forward", side(places, ports(flows), fam, data=True), "drop" if how == "drop" else "reject", None if how == "drop" else how)

"""A SYN proxy: a device does the handshake, then asks the host."""

from .base import DIRECT, Primitive, places, ports, to_server


class SynProxy(Primitive):
    name, kind = "syn-proxy", "device"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2")), "flow": rng.choice(DIRECT), "places": places(rng, spec)}

    def claims(self, params):
        return (f"nat {params['flow']}", f"synproxy {params['node']}", "few-ports")

    def put(self, world, node, flow, places):
        world.rule(node, "forward", to_server(places, ports([flow], sweep=False)), "synproxy")

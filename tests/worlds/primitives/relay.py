"""A device on the way takes the connections to a port: passes them on, or says nothing, or closes them."""

import plan

from .base import DIRECT, Primitive, family, places, ports, to_server, when


class Relay(Primitive):
    name, kind = "relay", "device"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2")), "flow": rng.choice(DIRECT), "mode": rng.choice(("relay", "relay", "silent", "closer", "reset", "eater", "web", "proxy-line")),
                "fam": family(rng, spec), "when": when(rng, 0.1)}

    def claims(self, params):
        return (f"nat {params['flow']}", f"port {params['node']} 17000")

    def put(self, world, node, flow, mode, fam, when):
        # A relay leads to the server's first address: what is meant for another one does not come to it.
        world.device(node, 17000, mode, ("srv", plan.BY_ID[flow].port) if mode in ("relay", "proxy-line") else None)
        world.rule(node, "prerouting", to_server(["srv"], ports([flow], sweep=False), fam), "redirect", 17000, begin=when[0], end=when[1])

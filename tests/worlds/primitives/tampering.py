"""A device on the way takes the connections to a port, passes them on, and does something to what passes."""

import plan

from .base import Primitive, family, ports, to_server, when

MODES = {"http": ("alters", "holds"), "https": ("opens-tls", "holds"), "ldaps": ("opens-tls",), "grpc": ("opens-tls",), "tcp": ("holds",), "ldap": ("holds",)}


class Tampering(Primitive):
    name, kind = "tampering", "device"

    def draw(self, rng, spec):
        flow = rng.choice(sorted(MODES))
        return {"node": rng.choice(("r1", "r2")), "flow": flow, "mode": rng.choice(MODES[flow]), "fam": family(rng, spec), "when": when(rng, 0.1)}

    def claims(self, params):
        return (f"nat {params['flow']}", f"port {params['node']} 17000")

    def put(self, world, node, flow, mode, fam, when):
        world.device(node, 17000, mode, ("srv", plan.BY_ID[flow].port))
        world.rule(node, "prerouting", to_server(["srv"], ports([flow], sweep=False), fam), "redirect", 17000, begin=when[0], end=when[1])

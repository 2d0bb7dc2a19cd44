"""A SYN proxy: a device does the handshake, then asks the host."""

from .base import DIRECT, Primitive, places, ports, to_server


class SynProxy(Primitive):
    name, kind = "syn-proxy", "device"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2")), "flow": rng.choice(DIRECT), "places": places(rng, spec)}

    def claims(self, params):
        # Linux' SYN proxy answers nothing by IPv6 where packets come from a tun device, as they do to r2 over a slow link.
        slow = ("delay",) if params["node"] == "r2" else ()
        return (f"nat {params['flow']}", f"synproxy {params['node']}", "few-ports", *slow)

    def put(self, world, node, flow, places):
        world.rule(node, "forward", to_server(places, ports([flow], sweep=False)), "synproxy")

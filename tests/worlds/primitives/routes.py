"""Routes to the server that are missing or lead in a circle, at the workstation and at the routers."""

from model import Match
from net import address

from .base import Primitive, places


class Route(Primitive):
    name, kind = "route", "links"

    def draw(self, rng, spec):
        return {"node": rng.choice(("ws", "r1", "r2")), "what": rng.choice(("unreachable", "prohibit", "blackhole", "loop")), "places": places(rng, spec)}

    def claims(self, params):
        return ("delay",)

    def put(self, world, node, what, places):
        if what == "loop":
            node = "r2"
        lines = []
        for place in places:
            for family in world.families:
                long = 32 if family == 4 else 128
                to = f"{address(place, family)}/{long}"
                via = "10.88.2.1" if family == 4 else "fd88:2::1"
                lines.append(f"route add {to} via {via}" if what == "loop" else f"route add {what} {to}")
        world.after_services.append((node, lines))
        # Packets from the front come through the second router alone.
        match = Match(dst=tuple(places))
        world.rule(node, "output" if node == "ws" else "forward", match, "loop" if what == "loop" else "drop", unwritten=True)

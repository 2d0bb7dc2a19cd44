"""A slow link between the routers: well within every deadline, or slower than all of them."""

from .base import Primitive

SLOW = 0.7  # with this on both ways, a few round trips take longer than the deadline of a step


class Delay(Primitive):
    name, kind = "delay", "links"

    def draw(self, rng, spec):
        return {"seconds": rng.choice((0.005, 0.02, 0.06, 0.12, SLOW, 1.3))}

    def claims(self, params):
        return ("delay",)

    def put(self, world, seconds):
        world.slow = seconds if seconds >= SLOW else 0
        world.services.append(("r1", ["python3", f"{world.programs}/slow.py", world.net.name("r2"), str(seconds)], [9]))
        world.after_services.append(("r1", ["link set slow0 up", "addr add 10.88.7.1/24 dev slow0", "addr add fd88:7::1/64 dev slow0 nodad",
                                            "route replace 10.88.0.0/16 dev slow0", "route replace fd88::/16 dev slow0"]))
        world.after_services.append(("r2", ["link set slow0 up", "addr add 10.88.7.2/24 dev slow0", "addr add fd88:7::2/64 dev slow0 nodad",
                                            "route replace default dev slow0", "route replace ::/0 dev slow0"]))

"""A link that takes smaller packets than its neighbours. With the messages that say so, all is well; without them, large packets are lost."""

from model import Match

from .base import Primitive


class SmallMtu(Primitive):
    name, kind = "small-mtu", "opened"

    def draw(self, rng, spec):
        return {"silent": rng.random() < 0.5}

    def claims(self, params):
        return ("delay",)

    def put(self, world, silent):
        world.after_services.append(("r1", ["link set r2 mtu 1280"]))
        world.after_services.append(("r2", ["link set r1 mtu 1280"]))
        if silent:
            for node in ("r1", "r2"):
                world.raw_rules.append((node, "chain o { type filter hook output priority 0; icmp type destination-unreachable icmp code 4 drop; icmpv6 type packet-too-big drop; }"))
            world.rule("r1", "forward", Match(longer=1280), "drop", unwritten=True)

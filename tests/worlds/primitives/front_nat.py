"""What is meant for the front goes somewhere else."""

import plan

from .base import Primitive, when
from model import Match


class FrontNat(Primitive):
    name, kind = "front-nat", "front"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2")), "to": rng.choice((["srv", 7443], ["srv", 7086], ["other", 9101], ["other", 9999])), "mode": rng.choice(("silent", "closer", "web")), "when": when(rng, 0.1)}

    def claims(self, params):
        # The real server in the listener's place serves one connection at a time.
        return ("front-nat", "port https") if params["to"] == ["srv", 7443] else ("front-nat",)

    def put(self, world, node, to, mode, when):
        if to[1] == 9101:
            world.device("other", 9101, mode)
        world.rule(node, "prerouting", Match(src=("ws",), dst=("rp",), dport=frozenset({plan.BY_ID["front"].port})), "dnat", tuple(to), begin=when[0], end=when[1])

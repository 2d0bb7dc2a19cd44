"""A balancer: some connections to a port go to the server, the others to somebody else."""

import plan
from model import Endpoint

from .base import DIRECT, Primitive, family, ports, to_server


class SharedOut(Primitive):
    name, kind = "shared-out", "nat"

    def draw(self, rng, spec):
        return {"node": rng.choice(("r1", "r2")), "flow": rng.choice(DIRECT), "to": rng.choice(("listener", "service", "nobody")), "of": rng.choice((2, 3)), "fam": family(rng, spec),
                "by": rng.choice(("turn", "hash")), "seed": rng.randrange(1 << 30)}

    def claims(self, params):
        return (f"nat {params['flow']}", "dc-host", "other-9100")

    def put(self, world, node, flow, to, of, fam, by, seed):
        luck = f"numgen inc mod {of} 0" if by == "turn" else f"jhash tcp sport mod {of} seed {seed} 0"
        match = to_server(["srv", "srv2"], ports([flow], sweep=False), fam, luck=luck)
        if to == "listener":
            world.extra.append(("srv", "dc", {"key": "site", "allow": "all"}))
            for port in [*plan.SERVER_PORTS, *plan.RANGE]:
                world.give("dc", port, Endpoint("listener", host="srv"))
            world.rule(node, "prerouting", match, "dnat", ("dc", None))
        else:
            if to == "service":
                world.device("other", 9100, "web")
            world.rule(node, "prerouting", match, "dnat", ("other", 9100))

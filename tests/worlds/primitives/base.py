"""What primitives share."""

import plan
from model import Match

DIRECT = tuple(f.id for f in plan.FLOWS if not f.front and f.host == "srv")
OPEN = tuple(f for f in DIRECT if not plan.BY_ID[f].deny)


class Primitive:
    """A way in which a network may be. `kind` groups those that are alike, so that each group is as likely as the next."""

    name = ""
    kind = ""

    def draw(self, rng, spec):
        """Its parameters, from chance: plain values."""
        return {}

    def claims(self, params):
        """Things of which a world can have one: primitives that claim the same are not put together."""
        return ()

    def put(self, world, **params):
        """Puts it into a world: rules, endpoints, programs. The oracle reads these."""
        raise NotImplementedError


def some_flows(rng, of=DIRECT, most=3):
    """A few flows, or now and then all of them."""
    if rng.random() < 0.12:
        return list(of)
    return sorted(rng.sample(of, rng.randint(1, most)))


def ports(flows, sweep=True):
    """The ports of flows; of RPC with its range."""
    found = {plan.BY_ID[f].port for f in flows}
    if sweep and "rpc" in flows:
        found |= set(plan.RANGE)
    return frozenset(found)


def places(rng, spec):
    """The addresses of the server that something is for."""
    if spec["second"] and rng.random() < 0.5:
        return rng.choice((["srv"], ["srv2"]))
    return ["srv", "srv2"]


def family(rng, spec):
    """One family, or (usually) both."""
    return rng.choice(spec["families"]) if len(spec["families"]) > 1 and rng.random() < 0.3 else None


def when(rng, timed=0.25):
    """Times of the run at which something begins and ends; usually it is there all the time."""
    if rng.random() > timed:
        return [None, None]
    return rng.choice(([None, round(rng.uniform(0.2, 1.5), 2)], [round(rng.uniform(0.02, 1.0), 2), None],
                       [round(rng.uniform(0.02, 0.6), 2), round(rng.uniform(0.8, 2.5), 2)]))


def to_server(params_places, port_set, fam=None, **more):
    return Match(family=fam, dst=tuple(params_places), dport=port_set, **more)


def from_server(params_places, port_set, fam=None, **more):
    return Match(family=fam, src=tuple(params_places), sport=port_set, **more)

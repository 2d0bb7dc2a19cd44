"""The front's own rules, right and wrong."""

import plan

from .base import Primitive, when
from model import Match


class FrontRules(Primitive):
    name, kind = "front-rules", "front"

    def draw(self, rng, spec):
        return {"what": rng.choice(("passes-all", "passes-all-and-strips", "strips", "refuses-403", "refuses-410", "wrong-port", "wrong-host", "dead-port", "limit", "sign-in",
                                    "rejects-name", "client-certificate", "agent-404", "agent-403", "agent-200", "agent-503"))}

    def claims(self, params):
        return ("front",)

    def put(self, world, what):
        front = world.front
        if what.startswith("passes-all"):
            front.passes = "all"
        if what.endswith("strips"):
            front.strip = True
        if what.startswith("refuses-"):
            front.refuses = int(what[8:])
        if what.startswith("agent-"):
            front.agent_status = int(what[6:])
        if what == "wrong-port":
            front.upstream = ("srv", plan.BY_ID["http"].port)
        elif what == "wrong-host":
            front.upstream = ("other", 7005)
        elif what == "dead-port":
            front.upstream = ("srv", 7997)
        elif what == "limit":
            front.limit = True
        elif what == "sign-in":
            front.sign_in = True
        elif what == "rejects-name":
            front.reject_name = True
        elif what == "client-certificate":
            front.client_certificate = True


class FrontWay(Primitive):
    """Something on the way to the front, from it, or from it to the server."""

    name, kind = "front-way", "front"

    def draw(self, rng, spec):
        return {"leg": rng.choice(("to", "back", "behind", "behind-back", "to-large", "to-dies", "back-large")), "how": rng.choice(("drop", "drop", "tcp reset")), "when": when(rng)}

    def put(self, world, leg, how, when):
        port, behind = frozenset({7085}), frozenset({plan.BEHIND})
        match = {"to": Match(dst=("rp",), dport=port), "back": Match(src=("rp",), sport=port), "behind": Match(src=("rp",), dst=("srv",), dport=behind),
                 "behind-back": Match(src=("srv",), dst=("rp",), sport=behind), "to-large": Match(dst=("rp",), dport=port, longer=200),
                 "to-dies": Match(dst=("rp",), dport=port, after=2), "back-large": Match(src=("rp",), sport=port, longer=200)}[leg]
        world.rule("r2", "forward", match, "drop" if how == "drop" else "reject", None if how == "drop" else how, begin=when[0], end=when[1])

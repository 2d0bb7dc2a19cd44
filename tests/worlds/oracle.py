"""What is right to say of each hop of a world, from its configuration alone. Shares no code with the program."""

from dataclasses import dataclass
from itertools import product

import plan
from model import SYN, Model, Packet
from net import OWNER, ROUTERS, place_of

GREEN, FAIL, UNTOLD = "green", "fail", "inconclusive"
ANY = frozenset((GREEN, FAIL, UNTOLD))
# Devices that pass connections on, changed: what must be shut arrives through them.
PASSING = ("alters", "holds", "opens-tls", "proxy-line")


@dataclass(frozen=True)
class Right:
    """The verdicts that may be given, and why."""

    allowed: frozenset
    why: str
    sometimes: bool = False
    open_hop: bool = False  # of a row that must be shut: something of it arrives
    reasons: frozenset = frozenset()  # where there is one cause: what it may be called


# What a message of ICMP is called.
ICMP_REASONS = {
    "net-unreachable": "net-unreachable", "no-route": "net-unreachable", "host-unreachable": "host-unreachable", "addr-unreachable": "host-unreachable",
    "prot-unreachable": "port-unreachable", "port-unreachable": "port-unreachable",
}


def reasons(fate, family, asked, port):
    """What a connection to a port that ended like this is called; nothing where more than one word is right."""
    if fate.end == "closed" and not fate.opened:
        # Led to another port that nobody has: the listener that holds the row's own port saw nothing come, as with a device that resets.
        return frozenset(("refused",)) if fate.port == port else frozenset(("refused", "rejected"))
    if fate.end == "reply-lost" and fate.rule.do == "drop" and not fate.opened and fate.endpoint:
        return frozenset(("reply-lost",)) if asked and fate.endpoint.kind == "listener" else frozenset(("reply-lost", "timed-out"))
    if fate.end == "stopped" and not fate.taken and fate.rule.node != "ws":
        if fate.rule.do == "drop":
            return frozenset() if fate.rule.unwritten else frozenset(("timed-out",))
        if fate.rule.arg == "tcp reset":
            return frozenset(("rejected",)) if asked else frozenset(("rejected", "refused"))
        if fate.rule.do == "reject":
            return frozenset((ICMP_REASONS.get(fate.rule.arg[family], "admin-prohibited"),))
    return frozenset()


class Oracle:
    def __init__(self, world):
        self.world = world
        self.moments = list(self.all_moments())
        self.changes = len(self.moments) > 1
        self.fates = {}

    def all_moments(self):
        """Every combination of what is there at some time, or for some connections, and not for others."""
        always, toggles = [], {}
        for rule, state in self.world.rule_states():
            if state == "on":
                always.append(rule)
            elif state == "sometimes":
                toggles.setdefault(rule.order, []).append(rule)
        hosts = [h for h in plan.PORTS_OF if self.world.listener_changes(h)]
        never = {h for h, how in self.world.listen.items() if how["at"] and not self.world.listener_changes(h)}
        for chosen in product((False, True), repeat=len(toggles) + len(hosts)):
            rules = always + [r for on, group in zip(chosen, toggles.values()) if on for r in group]
            down = never | {h for on, h in zip(chosen[len(toggles):], hosts) if on}
            yield self.model(rules, down)

    def model(self, rules, down):
        def endpoint(node, place, family, port):
            found = self.world.endpoint(node, place, family, port)
            return None if found and found.kind == "listener" and node in down and found.host == node else found
        return Model(rules, endpoint)

    # One connection, at one moment.

    def fate(self, moment, src, place, family, port):
        key = (id(moment), src, place, family, port)
        if key not in self.fates:
            self.fates[key] = moment.connect(src, place, family, port)
        return self.fates[key]

    def meets(self, fate, flow, host, port, place=None):
        """What an open row's connection came to: right, unproved, blind, maybe, local, away, wrong, each with why."""
        if fate.end == "stopped":
            if fate.rule.node == "ws":
                return "local", "shut by the workstation itself"
            return "wrong", f"{fate.rule.do} at {fate.rule.node}"
        if fate.end == "reply-lost":
            return ("local", "answer shut out by the workstation itself") if fate.rule.node == "ws" else ("wrong", f"answer lost at {fate.rule.node}")
        if fate.end == "closed":
            return "wrong", f"nobody has {fate.node}:{fate.port}"
        found = fate.endpoint
        if found.kind == "relay":
            inner, why = self.meets(fate.inner, flow, host, port, place)
            if fate.data is not True or fate.large is not True:
                inner = "maybe" if inner == "right" else inner
            if inner == "right" and flow.protocol == "mute":
                return "blind-right", "through a relay, and nothing may be said on it"
            if inner == "wrong" and flow.protocol == "mute":
                return "wrong", f"a relay takes it; behind it: {why}"
            return inner, f"through a relay: {why}"
        if found.kind == "device":
            # Nothing but a proof, or the listener's word, tells these from the host itself.
            passes_for_it = found.mode in ("opens-tls", "alters") or found.mode == "web" and flow.protocol == "http"
            return "elsewhere" if passes_for_it else "wrong", f"a device takes it ({found.mode})"
        if fate.node != OWNER.get(host, host) or fate.port != port or (place and fate.place != place and OWNER.get(fate.place) == host):
            if found.kind == "service":
                return "elsewhere", f"{fate.node}:{fate.port}, a service"
            # Only a listener with the site's key says that it is another one.
            return "wrong" if found.key == "site" else "elsewhere", f"the listener at {fate.node}:{fate.port}" + ("" if found.key == "site" else " with another key")
        if flow.protocol == "mute" and (fate.data is not True or fate.large is not True):
            # The listener has the port, and may be spoken to there once it has said so on another hop.
            told = found.kind == "listener" and found.key == "site" and found.host == host and found.allow != "others"
            certain = fate.data is False or fate.large is False
            if found.kind == "listener" and found.allow == "others":
                return "any", "opens, and data is lost; its listener ends it as well"
            return "any" if told and not certain else "quiet-lost" if told else "blind-right", "opens, and data is lost"
        if fate.data is not False and fate.large is False:
            # What is large is sent to who proves himself, and to the services of HTTP and LDAP.
            proves = found.kind == "listener" and found.key == "site" and found.host == host
            if not proves and flow.protocol not in ("http", "https", "ldap", "ldaps"):
                return "any", "large data is lost, to one that proves nobody"
            return "large-lost", "large data is lost"
        if fate.data is False or fate.large is False:
            return "wrong", "data is lost"
        if "maybe" in (fate.data, fate.large):
            return "maybe", "some data is lost"
        if found.kind == "service":
            if found.mode == "web":
                return "unproved", "a real service"
            if found.mode == "wants-certificate":
                return "full", "the service wants a client certificate"
            if found.mode == "full":
                return "full", "the service's queue is full"
            return "any", f"a program that is {found.mode}"
        if found.host != host:
            return "wrong", f"the listener calls itself {found.host}"
        if found.allow == "others":
            return "away", "the listener lets other networks in alone"
        if found.key != "site":
            return "unproved", "a listener with another key, or none"
        if flow.protocol == "mute" and fate.translated:
            return "blind-right", "the source is translated, and nothing may be said on it"
        return "right", "right"

    def arrives(self, fate, host, port, moment_rules=()):
        """What a shut row's connection came to: shut, local, taken, arrives, closed, open, cut, away, elsewhere."""
        if fate.end == "stopped":
            if fate.rule.node == "ws":
                return "local"
            if fate.rule.do == "loop":
                return "loop"
            return "taken" if fate.taken else "shut"
        if fate.end == "reply-lost":
            if fate.endpoint and fate.endpoint.kind in ("relay", "device"):
                return "cut"
            return "arrives" if fate.node == host else "elsewhere"
        if fate.end == "closed":
            # Led to a port that nobody has, it is the way that shuts it; but no rule is seen.
            return ("closed" if fate.port == port else "taken") if fate.node == host else "elsewhere"
        found = fate.endpoint
        if found.kind == "relay":
            inner = self.arrives(fate.inner, host, port)
            return "taken" if inner in ("shut", "closed") or (fate.data is False and inner == "open") else inner
        if found.kind == "device" and found.mode in PASSING:
            return "cut"
        if found.kind == "device":
            return "taken" if fate.node in ROUTERS else "elsewhere"
        if fate.node != host or fate.port != port:
            return "elsewhere"
        if found.kind == "service":
            return "arrives" if found.mode == "full" else "open"
        if found.allow == "others":
            return "away"
        if found.key != "site":
            return "unkeyed"
        if fate.data is False and any(r.match.data and r.do == "reject" and r.match.dst for r in moment_rules):
            # A filter that lets handshakes through and resets what is said is a rule of the way at work.
            return "filtered"
        return "open" if fate.data is True and fate.large is True else "cut"

    # Rows.

    def direct(self, moment, flow, place, family):
        """What an open row without a front comes to at a moment: the worst of its connections."""
        ports = [flow.port] + (list(plan.RANGE) if flow.protocol == "rpc" else [])
        came = []
        for port in ports:
            fate = self.fate(moment, "ws", place, family, port)
            came.append((*self.meets(fate, flow, flow.host, port, place), port))
        first = came[0]
        if first[0] != "right":
            return first[:2]
        for found, why, port in came:
            if found != "right":
                return found, f"port {port}: {why}"
        return "right", "right"

    def behind(self, moment):
        """What the front's way to its upstream comes to."""
        place, port = self.world.front.upstream
        flow = plan.Flow("behind", "server", "srv", plan.BEHIND, "http", "/Agent")
        fate = self.fate(moment, "rp", place, self.world.families[0], port)
        found, why = self.meets(fate, flow, "srv", plan.BEHIND)
        return found, f"behind the front: {why}"

    def to_front(self, moment, flow, place, family):
        fate = self.fate(moment, "ws", place, family, flow.port)
        found, why = self.meets(fate, flow, "rp", flow.port)
        return ("right", why) if found == "wrong" and fate.end == "met" and fate.endpoint.kind == "front" and fate.data is True and fate.large is True else (found, why)

    def through_front(self, moment, flow, place, family):
        found, why = self.to_front(moment, flow, place, family)
        if found != "right":
            return found, f"to the front: {why}"
        answer = self.world.front.answer(flow.path)
        if answer[0] == "upstream":
            found, why = self.behind(moment)
            if found == "right" and self.world.front.limit:
                return "maybe", "the front limits the rate"
            if found == "right" and self.world.front.strip:
                return "unproved", "the front takes the challenge out"
            return found, why
        if answer == ("status", 200):
            return "elsewhere", "the front answers 200 itself"
        if answer[0] == "sign-in":
            return "elsewhere", "the front answers with a sign-in page"
        return "soft-wrong" if answer == ("status", 400) or answer[0] == "tls-refused" else "wrong", f"the front: {' '.join(map(str, answer))}"

    def no_proofs(self):
        """Whether clocks are so far apart that a listener takes no challenge."""
        return bool(self.world.clock) and abs(self.world.clock[1]) > 27 * 3600

    def asker(self, place, family):
        """Whether some hop to the server at this address is proved the whole time: then its listener can be asked."""
        if self.no_proofs():
            return False
        return any(
            all(self.direct(m, flow, place, family)[0] == "right" and not self.fate(m, "ws", place, family, flow.port).translated
                and self.fate(m, "ws", place, family, flow.port).endpoint.kind == "listener" for m in self.moments)
            for flow in plan.FLOWS if flow.host == "srv" and not flow.deny and not flow.front and flow.protocol != "mute")

    def answers_reset(self):
        return any(r.do == "reject" and r.match.src and not set(r.match.src) & {"ws", "rp"} for m in self.moments for r in m.rules)

    def cuts(self):
        """Whether a device ends connections at their data: it may know the row's own application alone."""
        return any(name in ("data-cut", "dies-after-packets") and params["how"] != "drop" for name, params in self.world.spec["primitives"])

    def looks_closed(self, flow, place, family):
        """Whether a device resets what the host would reset as well, since nobody listens there."""
        has = self.world.endpoint("srv", place, family, flow.port)
        fates = [self.fate(m, "ws", place, family, flow.port) for m in self.moments]
        return has is None and any(f.end == "stopped" and f.rule.do == "reject" and f.rule.arg == "tcp reset" for f in fates)

    def right(self, flow, place, family):
        """What may be said of a hop."""
        found = self.in_time(flow, place, family)
        world = self.world
        if world.slow:
            # Slower than the deadlines: what is open may look shut, and what is shut still is.
            return Right(found.allowed | {UNTOLD} | (set() if flow.deny else ANY), f"slow; {found.why}", found.sometimes, found.open_hop)
        if world.starved and flow.deny:
            return Right(found.allowed | {UNTOLD}, found.why, found.sometimes, found.open_hop)
        if world.limited:
            return Right(found.allowed | {UNTOLD} | (set() if flow.deny else ANY), f"few at a time; {found.why}", found.sometimes, found.open_hop)
        if world.clock and abs(world.clock[1]) >= 60:
            # A challenge of another day proves nothing, and the front's certificate may not be valid yet.
            hides_large = self.no_proofs() and "large data is lost" in found.why
            own = flow.front or "a real service" in found.why
            more = ANY if hides_large or own and world.clock == ("ws", min(world.clock[1], 0)) else {UNTOLD}
            if flow.protocol in ("ldap", "ldaps") and not flow.deny and abs(world.clock[1]) > 300:
                more = more | {FAIL}  # a finding about the directory's clock
            return Right(found.allowed | more, f"clock; {found.why}", found.sometimes, found.open_hop)
        return found

    def of(self, flow, hop):
        """What may be said of a hop as it stands in a result."""
        meant = [place_of(address) for address in self.world.names.get("srv") or []]
        if flow.front and any(at and self.is_copied("srv", OWNER[at[0]]) for at in meant):
            return Right(ANY, "behind the front is the host, and its name means a copy")
        if ("rp" if flow.front else flow.host) in self.world.names:
            return self.by_name(flow, hop)
        where = place_of(hop["to"].get("address") or "")
        return self.right(flow, *where) if where else None

    def is_copied(self, host, to):
        """Whether there is a listener with this host's name on another one."""
        return any(who == host and at == to for who, at, _ in self.world.extra)

    def by_name(self, flow, hop):
        """What may be said of a hop of a host that is looked up."""
        host = "rp" if flow.front else flow.host
        meant = self.world.names[host]
        address = hop["to"].get("address")
        if meant is None:
            return Right(frozenset({FAIL, UNTOLD}) if not flow.deny else frozenset({UNTOLD}), "its name cannot be looked up")
        if address not in meant:
            return Right(frozenset(), f"its name means {' '.join(meant)}")
        where = place_of(address)
        if where is None:
            return Right(frozenset({FAIL, UNTOLD}), "its name means this machine")
        if OWNER[where[0]] != host:
            if self.is_copied(host, OWNER[where[0]]):
                # Name, key and address are right, as far as this machine is told: it is the host, for all that anybody can see.
                return Right(ANY, f"its name means {where[0]}, where a copy of its listener is")
            return Right(frozenset({FAIL, UNTOLD}) if not flow.deny else ANY, f"its name means {where[0]}")
        return self.right(flow, *where)

    def in_time(self, flow, place, family):
        if flow.deny:
            return self.path_row(flow, place, family) if flow.front else self.shut_row(flow, place, family)
        way = self.through_front if flow.front else self.direct
        came = [way(m, flow, place, family) for m in self.moments]
        kinds = {c[0] for c in came}
        why = "; ".join(sorted({c[1] for c in came}))
        asked = self.asker("srv" if flow.front else place, self.world.families[0] if flow.front else family)
        if kinds & {"maybe", "any"}:
            return Right(ANY, why)
        if len(kinds) > 1:
            # Neither good nor bad the whole time: by luck or at some time it works.
            return Right(ANY, why, sometimes=True)
        allowed = {
            "right": {GREEN}, "unproved": {GREEN, UNTOLD}, "blind-right": {GREEN, UNTOLD}, "local": {FAIL, UNTOLD}, "away": {FAIL, UNTOLD}, "full": {FAIL, UNTOLD},
            "soft-wrong": {FAIL, UNTOLD}, "large-lost": {FAIL}, "quiet-lost": ({FAIL, UNTOLD} if self.cuts() else {FAIL}) if asked else set(ANY), "wrong": {FAIL}, "elsewhere": ({FAIL, UNTOLD} if self.changes or flow.front else {FAIL}) if asked else ANY,
        }[next(iter(kinds))]
        allowed = set(allowed)
        if next(iter(kinds)) == "wrong" and (flow.protocol in ("mute", "tcp") or self.changes):
            # Where nothing speaks, only the listener's word tells; and where other things change meanwhile, its word may be missing.
            allowed |= set() if asked and not self.changes else {UNTOLD}
        if kinds == {"wrong"} and "the listener at" in why and not asked:
            # A copy with the host's name and key: that both addresses are one machine's nobody can rule out.
            allowed |= {UNTOLD}
        if kinds == {"quiet-lost"} and self.changes:
            allowed |= {UNTOLD}
        if next(iter(kinds)) == "right" and flow.protocol == "mute" and (not asked or self.changes):
            allowed |= {UNTOLD}
        if next(iter(kinds)) == "wrong" and flow.protocol == "mute" and not asked:
            allowed |= {GREEN}
        named = frozenset()
        if len(self.moments) == 1 and not flow.front and kinds == {"wrong"}:
            fate = self.fate(self.moments[0], "ws", place, family, flow.port)
            # The listener can say that it has the port only where it has it, and where no other connection of the run could be this one.
            has = self.world.endpoint("srv", place, family, flow.port)
            tells = asked and has is not None and has.kind == "listener" and not self.answers_reset() and not fate.passed
            named = frozenset() if self.answer_is_lost(self.moments[0], fate, family, flow.port) else reasons(fate, family, tells, flow.port)
        return Right(frozenset(allowed), why, reasons=named)

    def answer_is_lost(self, moment, fate, family, port):
        """Whether the rejection of a connection may itself be stopped on its way back."""
        if fate.end != "stopped" or fate.rule.do != "reject":
            return False
        own = moment.walk(Packet(family, fate.rule.node, "ws", port, None), SYN)
        if fate.rule.arg != "tcp reset":
            return own[0] == "stopped" or own[5] == "maybe"
        # A reset has the host's address; what stands behind the device does not see it.
        host = moment.walk(Packet(family, fate.place, "ws", port, None), SYN)
        order = ["ws", "r1", "r2", "srv"]
        before = host[2] in order and fate.rule.node in order and order.index(host[2]) < order.index(fate.rule.node)
        return (host[0] == "stopped" and before) or host[5] == "maybe" or own[0] == "stopped"

    def shut_row(self, flow, place, family):
        came = {self.arrives(self.fate(m, "ws", place, family, flow.port), "srv", flow.port, m.rules) for m in self.moments}
        why = ", ".join(sorted(came))
        reached = bool(came & {"open", "cut", "arrives", "away", "unkeyed", "closed"})
        if came == {"shut"}:
            # A reset that reaches the host kills what was half open there, before its listener sees whose it was.
            told = self.asker(place, family) and not self.changes and not self.answers_reset() and not self.looks_closed(flow, place, family)
            return Right(frozenset({GREEN} if told else {GREEN, UNTOLD}), why)
        if came == {"open"}:
            return Right(frozenset({FAIL} if not self.changes else {FAIL, UNTOLD}), why, open_hop=True)
        if came <= {"local", "loop"}:
            return Right(frozenset({UNTOLD}), why)
        if came <= {"shut", "taken", "local", "loop"}:
            # Where nobody can be asked, what takes the connection is all that is seen.
            return Right(frozenset({GREEN, UNTOLD} if self.asker(place, family) and not self.changes else ANY), why)
        if came <= {"shut", "taken", "local", "loop", "filtered"}:
            return Right(ANY, why)
        if "elsewhere" in came:
            return Right(ANY if not reached else frozenset({FAIL, UNTOLD}), why)
        # Whether the request or the answer was lost, nothing but the listener's word tells.
        deaf = came <= {"shut", "arrives"} and (self.no_proofs() or self.world.listen.get("srv", {}).get("key") != "site")
        return Right(ANY if deaf else frozenset({FAIL, UNTOLD}), why, sometimes=len(came) > 1, open_hop=reached)

    def path_row(self, flow, place, family):
        came = set()
        for moment in self.moments:
            found, _ = self.to_front(moment, flow, place, family)
            fate = self.fate(moment, "ws", place, family, flow.port)
            if found == "large-lost":
                found = "right" if fate.data is True else "maybe"
            if found != "right":
                came.add("unsure" if found == "maybe" else "elsewhere" if fate.end == "met" and fate.node != "rp" else "not-asked")
                continue
            answer = self.world.front.answer(flow.path)
            if answer[0] == "upstream":
                came.add("passed-on" if self.behind(moment)[0] in ("right", "unproved", "maybe") else "passed-on-to-nobody")
            elif answer[0] == "status" and answer[1] in (403, 404, 410):
                came.add("refused")
            else:
                came.add("otherwise")
        why = ", ".join(sorted(came))
        if came == {"refused"}:
            agent = plan.BY_ID["front"]
            control = all(self.through_front(m, agent, place, family)[0] == "right" for m in self.moments)
            return Right(frozenset({GREEN} if control and not self.changes else {GREEN, UNTOLD}), why)
        if came == {"not-asked"}:
            return Right(frozenset({UNTOLD}), why)
        if came <= {"refused", "not-asked", "unsure"} or (self.changes and came <= {"refused", "not-asked", "unsure", "elsewhere"}):
            return Right(frozenset({GREEN, UNTOLD}), why)
        if came == {"passed-on"} and not self.changes and not self.world.front.strip and not self.world.front.limit:
            return Right(frozenset({FAIL}), why, open_hop=True)
        return Right(frozenset({FAIL, UNTOLD}), why, open_hop="passed-on" in came)


def said(hop):
    return {"pass": GREEN, "warn": GREEN, "fail": FAIL}.get(hop["verdict"], UNTOLD)


def contradictions(hop):
    """A verdict that its own notes or the listener's word deny."""
    notes = " ".join(hop.get("notes", []))
    sighting = (hop.get("sighting") or {}).get("state")
    verdict, reason, deny = hop["verdict"], hop["reason"], hop["expect"] == "deny"
    if deny and verdict in ("pass", "warn") and ("proved itself on it" in notes or sighting in ("opened", "proved", "half-open")) and "listener lets" not in notes and not ("cut off: reset" in notes and sighting == "opened"):
        yield f"denied, and the listener saw it ({sighting})"
    if reason == "timed-out" and "proved itself on it" in notes:
        yield "timed out, and the listener proved itself on it"
    if reason == "unexpectedly-open" and (hop["answered_by"] == "middlebox" or "a device on the way" in notes):
        yield "unexpectedly open, and a device on the way took it"
    if reason == "proved" and not deny and "saw no connection" in notes:
        yield "proved, and the listener saw nothing"
    if reason == "answered-by-middlebox" and "proved itself on it" in notes:
        yield "a device answered, and the listener proved itself on it"


@dataclass
class Difference:
    kind: str
    hop: str
    said: str
    right: str

    def key(self):
        return (self.kind, self.hop)


def differences(world):
    """Everything in a world's result that is not right."""
    oracle = Oracle(world)
    hops = world.result.get("hops", [])
    if world.code not in (0, 1, 3) or not hops:
        yield Difference("no result", "-", f"exit code {world.code}: {world.result.get('error', '')[-300:]}", "a result")
        return
    seen = set()
    for hop in hops:
        flow = plan.BY_ID.get(hop["flow"].split("/")[-1])
        where = place_of(hop["to"].get("address") or "")
        label = f"{hop['flow'].split('/')[-1]} {hop['to'].get('address', hop['to']['host'])}"
        words = f"{hop['verdict']} {hop['reason']} by {hop['answered_by']}" + "".join(f" | {n}" for n in hop.get("notes", [])[:3])
        for contradiction in contradictions(hop):
            yield Difference("contradiction", label, words, contradiction)
        if flow is None:
            continue
        right = oracle.of(flow, hop)
        seen.add((flow.id, where))
        if right is None:
            continue
        verdict = said(hop)
        if verdict in right.allowed:
            if right.reasons and hop["reason"] not in right.reasons and verdict == FAIL:
                yield Difference("wrong reason", label, words, f"{'/'.join(sorted(right.reasons))}: {right.why}")
            continue
        if verdict == GREEN:
            kind = "false green" if not flow.deny else ("deny passed though open some of the time" if right.sometimes else "deny passed though open" if right.open_hop else "deny passed, not by the way")
        elif verdict == FAIL:
            kind = "false red"
        else:
            kind = "untold that could be told"
        yield Difference(kind, label, words, f"{'/'.join(sorted(right.allowed))}: {right.why}")
    for flow in plan.FLOWS:
        for family in world.families:
            places = [flow.host if not flow.front else "rp"] + (["srv2"] if world.spec["second"] and flow.host == "srv" and not flow.front else [])
            for place in places:
                if (flow.id, (place, family)) not in seen and not world.by_name:
                    yield Difference("hop missing", f"{flow.id} {place} {family}", "no hop", "a hop")

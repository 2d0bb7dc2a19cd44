"""The listener of the server: absent, late, stopped in the middle, with another key, for other networks alone, without some ports."""

import plan
from model import Endpoint

from .base import DIRECT, Primitive

REAL = ("http", "tcp", "mute", "deny", "past-the-front")


class Listener(Primitive):
    name, kind = "listener", "listener"

    def draw(self, rng, spec):
        how = rng.choice(("absent", "late", "stopped", "restarted", "other-key", "no-key", "others-allowed", "elsewhere"))
        return {"how": how, "at": round(rng.uniform(0.05, 1.2), 2)}

    def claims(self, params):
        return ("listener", *(["dc-host"] if params["how"] == "elsewhere" else []))

    def put(self, world, how, at):
        listen = world.listen["srv"]
        if how == "absent":
            del world.listen["srv"]
        elif how == "elsewhere":
            # It runs, on another host.
            del world.listen["srv"]
            world.extra.append(("srv", "dc", {"key": "site", "allow": "all"}))
            for port in [*plan.SERVER_PORTS, *plan.RANGE]:
                world.give("dc", port, Endpoint("listener", host="srv"))
        elif how == "late":
            listen["at"] = at
        elif how == "stopped":
            listen["stop"] = at
        elif how == "restarted":
            listen["stop"], listen["restart"] = at, at + 0.4
        elif how == "other-key":
            listen["key"] = "other"
        elif how == "no-key":
            listen["key"] = None
        else:
            listen["allow"] = "others"


class WithoutPorts(Primitive):
    """The listener leaves a port alone; nobody has it."""

    name, kind = "without-ports", "listener"

    def draw(self, rng, spec):
        return {"flow": rng.choice([f for f in DIRECT if f != "past-the-front"])}

    def claims(self, params):
        return (f"port {params['flow']}",)

    def put(self, world, flow):
        world.absent[("srv", plan.BY_ID[flow].port)] = True


class RealService(Primitive):
    """A real service, or a program of no protocol, has a port in the listener's place."""

    name, kind = "real-service", "listener"

    def draw(self, rng, spec):
        flow = rng.choice(REAL)
        return {"flow": flow, "mode": rng.choice({"http": ("web",), "past-the-front": ("web",)}.get(flow, ("silent", "hello", "eater", "closer")))}

    def claims(self, params):
        return (f"port {params['flow']}",)

    def put(self, world, flow, mode):
        port = plan.BY_ID[flow].port
        world.absent[("srv", port)] = True
        world.device("srv", port, mode, endpoint=False)
        world.give("srv", port, Endpoint("service", host="srv", mode=mode))


class FullQueue(Primitive):
    """A program has the port and takes no connections; its queue is full."""

    name, kind = "full-queue", "listener"

    def draw(self, rng, spec):
        return {"flow": rng.choice(("http", "tcp", "mute", "deny"))}

    def claims(self, params):
        return (f"port {params['flow']}",)

    def put(self, world, flow):
        port = plan.BY_ID[flow].port
        world.absent[("srv", port)] = True
        world.device("srv", port, "full", endpoint=False)
        world.give("srv", port, Endpoint("service", host="srv", mode="full"))


class FewAtATime(Primitive):
    """The listener takes few connections at a time from one address."""

    name, kind = "few-at-a-time", "listener"

    def draw(self, rng, spec):
        return {"most": rng.choice((1, 3, 8))}

    def put(self, world, most):
        world.limited = True
        world.listen_args["srv"] = ["--max-per-peer", str(most)]

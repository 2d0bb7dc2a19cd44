"""A clock that is wrong: the workstation's, or the server's."""

from shared import FAKETIME

from .base import Primitive



class Clock(Primitive):
    name, kind = "clock", "clock"

    def draw(self, rng, spec):
        return {"whose": rng.choice(("ws", "srv")), "seconds": rng.choice((90, 3600, 172800, -90, -3600, -172800))}

    def claims(self, params):
        # Times of sightings are compared with clocks: what begins or ends meanwhile is for other worlds.
        return ("clock",)

    def put(self, world, whose, seconds):
        env = {"LD_PRELOAD": FAKETIME, "FAKETIME": f"{seconds:+}", "DONT_FAKE_MONOTONIC": "1"}
        world.clock = (whose, seconds)
        if whose == "ws":
            world.connect_env.update(env)
        else:
            world.listen_env["srv"] = env

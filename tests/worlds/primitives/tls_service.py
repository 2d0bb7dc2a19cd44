"""A real web server with TLS, and a certificate that the workstation trusts, in the listener's place."""

import plan
from model import Endpoint

from .base import Primitive


class TlsService(Primitive):
    name, kind = "tls-service", "listener"

    def draw(self, rng, spec):
        return {"wants_certificate": rng.random() < 0.3}

    def claims(self, params):
        return ("port https",)

    def put(self, world, wants_certificate):
        port = plan.BY_ID["https"].port
        world.absent[("srv", port)] = True
        words = ["openssl", "s_server", "-accept", str(port), "-cert", world.shared.path("cert-srv.pem"), "-key", world.shared.path("cert-srv.key"), "-www"]
        if wants_certificate:
            words += ["-Verify", "1", "-CAfile", world.shared.path("ca.pem")]
        world.services.append(("srv", words, [port]))
        world.give("srv", port, Endpoint("service", host="srv", mode="wants-certificate" if wants_certificate else "web"))

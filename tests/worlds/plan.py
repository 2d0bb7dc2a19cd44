"""The site of a world: which flows there are, and the files that the program reads."""

import os
from dataclasses import dataclass

from net import address

HERE = os.path.dirname(os.path.abspath(__file__))
RANGE = range(50000, 50020)


@dataclass(frozen=True)
class Flow:
    id: str
    role: str  # the role that is connected to
    host: str  # the host that it has to be, in the end
    port: int
    protocol: str
    path: str = ""
    deny: bool = False
    front: bool = False


FLOWS = (
    Flow("http", "server", "srv", 7080, "http", "/app"),
    Flow("https", "server", "srv", 7443, "https", "/app"),
    Flow("ldap", "server", "srv", 7389, "ldap"),
    Flow("ldaps", "server", "srv", 7636, "ldaps"),
    Flow("tcp", "server", "srv", 7001, "tcp"),
    Flow("mute", "server", "srv", 7002, "mute"),
    Flow("rpc", "server", "srv", 7135, "rpc"),
    Flow("grpc", "server", "srv", 7051, "grpc"),
    Flow("deny", "server", "srv", 7999, "tcp", deny=True),
    Flow("other", "other", "other", 7005, "http", "/app"),
    Flow("directory", "directory", "dc", 7391, "ldap"),
    Flow("front", "front", "srv", 7085, "https", "/Agent", front=True),
    Flow("front-admin", "front", "srv", 7085, "https", "/admin", deny=True, front=True),
    Flow("front-root", "front", "srv", 7085, "https", "/", deny=True, front=True),
    Flow("past-the-front", "server", "srv", 7086, "http", "/Agent", deny=True),
)
BY_ID = {flow.id: flow for flow in FLOWS}
BEHIND = 7086
SERVER_PORTS = sorted({f.port for f in FLOWS if f.host == "srv" and not f.front} | {BEHIND})
PORTS_OF = {"srv": SERVER_PORTS, "other": [7005], "dc": [7391]}
ROLE_OF = {"srv": "server", "other": "other", "dc": "directory", "rp": "front", "ws": "client"}
HOST_OF = {role: host for host, role in ROLE_OF.items()}
PORT_NAMES = {7080: "http", 7443: "https", 7389: "ldap", 7636: "ldaps", 7001: "tcp", 7002: "mute", 7135: "rpc", 7051: "grpc", 7999: "deny", 7086: "behind"}


def host_name(host):
    return f"{host}.world.test"


def text(families, by_name=(), second=False, ports=""):
    """A site file. Hosts in `by_name` have no addresses there; `ports` are lines of its table of ports."""
    roles = []
    for host, role in ROLE_OF.items():
        places = [host] + (["srv2"] if host == "srv" and second else [])
        addresses = ", ".join(f'"{address(place, family)}"' for place in places for family in families)
        fixed = f'{{ name = "{host_name(host)}", addresses = [{addresses}] }}'
        roles.append(f'{role} = {chr(34) + host_name(host) + chr(34) if host in by_name else fixed}')
    return (f'[site]\nname = "world"\nproduct = "world"\nmatrices = ["{HERE}/tables"]\n\n[ports]\n{ports}\n[roles]\n' + "\n".join(roles) + "\n")

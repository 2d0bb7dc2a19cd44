"""The front of a world: nginx on `rp`, with right rules unless a primitive changes them."""

import os

from net import address
from plan import BEHIND


class Front:
    """What the front does. `oracle` reads the same fields that the configuration is written from."""

    def __init__(self):
        self.passes = "agent"  # agent: /Agent alone; all: every path
        self.refuses = 404  # status for other paths
        self.upstream = ("srv", BEHIND)
        self.strip = False  # takes the challenge out
        self.sign_in = False  # 200 and a form for everything
        self.limit = False  # a few requests a second, then 503
        self.reject_name = False  # refuses every TLS server name
        self.client_certificate = False  # wants one
        self.agent_status = None  # a status in the place of /Agent

    def write(self, world):
        """The configuration of nginx."""
        place, port = self.upstream
        family = world.families[0]
        to = address(place, family)
        to = f"[{to}]" if family == 6 else to
        strip = "proxy_set_header portmatrix-challenge '';" if self.strip else ""
        limit = "limit_req zone=few;" if self.limit else ""
        onward = f"{{ {limit} {strip} proxy_connect_timeout 1s; proxy_read_timeout 2s; proxy_pass http://{to}:{port}; }}"
        form = "{ default_type text/html; return 200 '<html><form action=/login method=post><input type=password name=p></form></html>'; }"
        if self.sign_in:
            places = f"location / {form}"
        elif self.passes == "all":
            places = f"location / {onward}"
        else:
            agent = f"{{ return {self.agent_status}; }}" if self.agent_status else onward
            places = f"location /Agent {agent} location / {{ return {self.refuses}; }}"
        f, s = world.folder, world.shared
        certificate = "ssl_reject_handshake on;" if self.reject_name else f"ssl_certificate {s.path('cert-rp.pem')}; ssl_certificate_key {s.path('cert-rp.key')};"
        verify = f"ssl_client_certificate {s.path('ca.pem')}; ssl_verify_client on;" if self.client_certificate else ""
        temporary = " ".join(f"{kind}_temp_path {f}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(os.path.join(f, "nginx.conf"), "w") as out:
            out.write(f"daemon off; master_process off; pid {f}/nginx.pid; error_log {f}/nginx.log; events {{}}\n"
                      f"http {{ access_log off; {temporary}\n limit_req_zone $binary_remote_addr zone=few:1m rate=1r/s;\n"
                      f" server {{ listen 7085 ssl http2; listen [::]:7085 ssl http2; server_name _; {certificate} {verify}\n  {places}\n }} }}\n")

    @staticmethod
    def start(world):
        return world.net.start("rp", ["nginx", "-c", os.path.join(world.folder, "nginx.conf")])

    def answer(self, path):
        """What it does with a path: ("upstream", place, port), ("status", number), or a word."""
        if self.reject_name:
            return ("tls-refused",)
        if self.client_certificate:
            return ("status", 400)
        if self.sign_in:
            return ("sign-in",)
        if path.startswith("/Agent") and self.agent_status and self.passes != "all":
            return ("status", self.agent_status)
        if path.startswith("/Agent") or self.passes == "all":
            return ("upstream", *self.upstream)
        return ("status", self.refuses)

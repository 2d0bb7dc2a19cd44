"""Small servers for the worlds: device.py MODE PORT [TO-ADDRESS TO-PORT].

relay: takes connections and passes them on with new ones. proxy-line: the same, with a line of the PROXY protocol first. silent: takes them and says nothing. closer: closes each at once. reset: resets each.
alters: passes on, and
changes what follows the header of HTTP answers. holds: passes on, and keeps large answers back for three seconds. opens-tls: opens the TLS sessions of
clients with a certificate of its own (CERT and KEY in the environment) and makes new ones. eater: reads once and closes. full: never takes one, and its queue is full. web: answers HTTP with 200 and a page. hello: says a line first.
"""

import os
import socket
import ssl
import struct
import sys
import threading
import time


def listen(port, queue=128):
    server = socket.socket(socket.AF_INET6)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", port))
    server.listen(queue)
    return server


def pipe(source, target):
    try:
        while octets := source.recv(65536):
            target.sendall(octets)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def alter(source, target):
    try:
        while octets := source.recv(65536):
            head, gap, body = octets.partition(b"\r\n\r\n")
            target.sendall(head + gap + body.translate(bytes(n ^ 1 if n > 32 else n for n in range(256))) if gap else octets)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        target.close()


def hold(source, target):
    try:
        while octets := source.recv(65536):
            if len(octets) > 1000:
                time.sleep(3)
            target.sendall(octets)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        target.close()


def open_tls(client, to):
    try:
        outer = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        outer.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
        outer.set_alpn_protocols(["h2", "http/1.1"])
        inside = outer.wrap_socket(client, server_side=True)
        inner = ssl._create_unverified_context()
        if inside.selected_alpn_protocol():
            inner.set_alpn_protocols([inside.selected_alpn_protocol()])
        server = inner.wrap_socket(socket.create_connection(to, 2))
        server.settimeout(None)
    except OSError:
        client.close()
        return
    threading.Thread(target=pipe, args=(server, inside), daemon=True).start()
    pipe(inside, server)


def relay(client, to, first=b"", back=pipe):
    try:
        server = socket.create_connection(to, 2)
    except OSError:
        client.close()
        return
    server.settimeout(None)
    server.sendall(first)
    threading.Thread(target=back, args=(server, client), daemon=True).start()
    pipe(client, server)


def web(client):
    page = b"<html><body>It works!</body></html>"
    try:
        while client.recv(65536):
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page))
    except OSError:
        pass
    client.close()


def main(mode, port, *to):
    server = listen(port, 0 if mode == "full" else 128)
    if mode == "full":
        held = []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            held.append(one)
        time.sleep(1000)
    kept = []
    while True:
        client, _ = server.accept()
        if mode == "relay":
            threading.Thread(target=relay, args=(client, (to[0], int(to[1]))), daemon=True).start()
        elif mode in ("alters", "holds"):
            threading.Thread(target=relay, args=(client, (to[0], int(to[1])), b"", {"alters": alter, "holds": hold}[mode]), daemon=True).start()
        elif mode == "opens-tls":
            threading.Thread(target=open_tls, args=(client, (to[0], int(to[1]))), daemon=True).start()
        elif mode == "proxy-line":
            line = b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n"
            threading.Thread(target=relay, args=(client, (to[0], int(to[1])), line), daemon=True).start()
        elif mode == "web":
            threading.Thread(target=web, args=(client,), daemon=True).start()
        elif mode == "silent":
            kept.append(client)
        elif mode == "hello":
            client.sendall(b"220 hello\r\n")
            kept.append(client)
        elif mode == "eater":
            threading.Thread(target=lambda c=client: (c.recv(65536), c.close()), daemon=True).start()
        elif mode == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        else:
            client.close()


main(*[sys.argv[1], int(sys.argv[2]), *sys.argv[3:]])

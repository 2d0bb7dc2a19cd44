"""A name server for the worlds: dns.py ADDRESS MODE DELAY NAME=ADDRESS[,ADDRESS]... over UDP and TCP. MODE: answer, nxdomain, servfail, refused, silent."""

import socket
import struct
import sys
import threading
import time

CODES = {"nxdomain": 3, "servfail": 2, "refused": 5}


def answer(query, mode, records):
    end = query.index(b"\0", 12) + 5
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += query[at] + 1
    kind = struct.unpack("!H", query[end - 4:end - 2])[0]
    name = ".".join(labels).lower()
    code = CODES.get(mode, 0 if name in records else 3)
    family = {1: socket.AF_INET, 28: socket.AF_INET6}.get(kind)
    found = []
    for address in records.get(name, []) if code == 0 and family else []:
        if (":" in address) == (family == socket.AF_INET6):
            found.append(socket.inet_pton(family, address))
    body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(a)) + a for a in found)
    return query[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(found), 0, 0) + query[12:end] + body


def main(address, mode, delay, *records):
    records = {r.partition("=")[0]: [a for a in r.partition("=")[2].split(",") if a] for r in records}
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, 53))
    tcp = socket.create_server((address, 53))

    def late(query, peer):
        time.sleep(float(delay))
        udp.sendto(answer(query, mode, records), peer)

    def streams():
        while True:
            client, _ = tcp.accept()
            size = client.recv(2)
            if mode != "silent" and len(size) == 2:
                time.sleep(float(delay))
                octets = answer(client.recv(int.from_bytes(size, "big")), mode, records)
                client.sendall(len(octets).to_bytes(2, "big") + octets)

    threading.Thread(target=streams, daemon=True).start()
    while True:
        query, peer = udp.recvfrom(4096)
        if mode != "silent":
            threading.Thread(target=late, args=(query, peer), daemon=True).start()


main(*sys.argv[1:])

"""Small servers for the worlds: device.py MODE PORT [TO-ADDRESS TO-PORT].

relay: takes connections and passes them on with new ones. proxy-line: the same, with a line of the PROXY protocol first. silent: takes them and says nothing. closer: closes each at once. reset: resets each.
eater: reads once and closes. full: never takes one, and its queue is full. web: answers HTTP with 200 and a page. hello: says a line first.
"""

import socket
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


def relay(client, to, first=b""):
    try:
        server = socket.create_connection(to, 2)
    except OSError:
        client.close()
        return
    server.settimeout(None)
    server.sendall(first)
    threading.Thread(target=pipe, args=(server, client), daemon=True).start()
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

"""A slow link: two tunnel devices, `slow0` here and in another namespace (slow.py NAMESPACE SECONDS), each packet held for so long. Listens on port 9 of
its loopback when it is ready."""

import collections
import ctypes
import fcntl
import os
import select
import socket
import struct
import sys
import time


def tun():
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(file, 0x400454CA, struct.pack("16sH22x", b"slow0", 0x1001))
    return file


def main(namespace, seconds):
    here = tun()
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    there_ns = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(there_ns, 0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    there = tun()
    libc.setns(home, 0x40000000)
    ready = socket.create_server(("127.0.0.1", 9))
    held = collections.deque()
    other = {here: there, there: here}
    while ready:
        wait = max(0.0, held[0][0] - time.monotonic()) if held else 1.0
        for file in select.select([here, there], [], [], wait)[0]:
            try:
                while True:
                    held.append((time.monotonic() + float(seconds), other[file], os.read(file, 65536)))
            except OSError:
                pass
        while held and held[0][0] <= time.monotonic():
            _, file, octets = held.popleft()
            try:
                os.write(file, octets)
            except OSError:
                pass


main(*sys.argv[1:])

"""What clients say to the stand-ins, with places for challenges in it."""

import struct

from .octets import HTTP2, LDAP, NDR32, EPM, FIRST, SECOND, SWEEP, TEXT, RPC, ber, filled, numbered

# What servers say first, or answer.
SERVERS = [b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", b"220-mail.example ESMTP Postfix\r\n220 ready\r\n250-mail.example\r\n250 SIZE\r\n",
           b"220 ProFTPD Server\r\n", b"* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n", b"+OK POP3 ready <1.2@a>\r\n", b"+PONG\r\n",
           b"-NOAUTH Authentication required.\r\n", b"VERSION 1.6.18\r\n", b" \2\0\0", b"S", b"N", b"ERROR Too many open connections\r\n",
           b"E\0\0\0\x3bSFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0", b"\x1a\0\0\0\n8.0.36\0\7\0\0\0abcdefgh\0\xff\xf7!\2\0",
           b"\x13\0\0\0\xff\x6a\x04Host is blocked", b"\4\1\0\x1a\0\0\1\0\0\0\x0b\0\6\1\0\x11\0\1\xff\x10\0\x10\x68\0\0\1", b"AMQP\0\0\x09\1",
           b"AMQP\0\1\0\0", b"\0\0\0\x10pmtx\0\0\0\0\0\1\0\x12\0\0\0\3"]
CLIENTS = [b"PING\r\n", b"version\r\n", b"EHLO a\r\nQUIT\r\n", b"\0\0\0\x08\x04\xd2\x16\x2f", b"\x10\x0c\0\4MQTT\4\2\0<\0\0", b"AMQP\0\0\x09\1",
           b"\x12\1\0\x1a\0\0\1\0\0\0\x0b\0\6\1\0\x11\0\1\xff\0\0\0\0\0\0\0", b"\0\0\0\x14\0\x12\0\0pmtx\0\x0aportmatrix"]
REFUSAL = (b"\0\0\0_~]0[\xa0\3\2\1\5\xa1\3\2\1\x1e\xa4\x11\x18\x0f20261129153000Z\xa5\4\2\2\2\x9a\xa6\3\2\1D\xa9\x0e\x1b\x0cCORP.EXAMPLE"
           b"\xaa!0\x1f\xa0\3\2\1\2\xa1\x180\x16\x1b\6krbtgt\x1b\x0cCORP.EXAMPLE")


def pdu(kind, body, call=1):
    return struct.pack("<BBBB4sHHI", 5, 0, kind, 3, b"\x10\0\0\0", 16 + len(body), 0, call) + body


def bind(*contexts):
    """Contexts of an interface and the encodings for it."""
    body = struct.pack("<HHIB3x", 5840, 5840, 0, len(contexts))
    for number, (interface, *encodings) in enumerate(contexts):
        body += struct.pack("<HBx", number, len(encodings)) + interface + b"".join(encodings)
    return pdu(11, body)


def request(context, opnum, stub=b"", call=2):
    return pdu(0, struct.pack("<IHH", len(stub), context, opnum) + stub, call)


def conversation_rpc():
    asked = {name: octets for name, octets in RPC.items() if name.endswith("_req")}
    begin = bind((EPM, NDR32))
    for name, octets in asked.items():
        for flags in (0, 2):
            yield f"{name}-{flags}", bytes([flags, 0]) + octets
        yield f"bound-{name}", bytes([0, 2]) + begin + octets
    first, second = filled(FIRST, 20), filled(SECOND, 20)
    proved = bind((EPM, NDR32), (first, NDR32, second))
    yield "proof", bytes([1, 0]) + proved + request(1, 0) + request(1, 0, b"p" * 3000, 3)
    yield "stamp", bytes([1, 0]) + bind((EPM, NDR32), (first, second))
    sweep = filled(SWEEP, 40)
    yield "sweep", bytes([1, 0]) + bind((EPM, NDR32), (sweep[:20], sweep[20:]))


def search(*attributes, number=1):
    names = [ber(4, name) for name in attributes]
    fixed = ber(4) + ber(10, b"\0") + ber(10, b"\0") + ber(2, b"\0") + ber(2, b"\0") + ber(1, b"\0")
    return ber(0x30, ber(2, bytes([number])), ber(0x63, fixed, ber(0x87, b"objectClass"), ber(0x30, *names)))


def conversation_ldap():
    for name, octets in LDAP.items():
        for flags in (0, 2):
            yield f"{name}-{flags}", bytes([flags, 0]) + octets
    challenge = b"portmatrix-" + filled(TEXT, 80)
    yield "proof", bytes([1, 0]) + search(challenge) + search(challenge, b"portmatrix-padding-" + b"x" * 60, number=2)
    yield "all", bytes([0, 1]) + search() + search(b"*", number=2) + search(b"1.1", b"+", number=3)


def frame2(kind, flags, stream, body):
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


def field(name, value):
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def conversation_http():
    heads = [b"GET /agent HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", b"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
             b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
             b"GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
             b"POST /grpc.health.v1.Health/Check HTTP/1.1\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n"]
    for number, head in enumerate(heads):
        yield f"head-{number}", b"\0\0" + head
        yield f"twice-{number}", b"\0\1" + head * 2
    challenge = filled(TEXT, 80)
    yield "proof", b"\1\0GET /agent HTTP/1.1\r\nportmatrix-challenge: " + challenge + b"\r\nportmatrix-padding: abc\r\nvia: 1.1 x\r\n\r\n"
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame2(4, 0, 0, b"")
    call = b"\x83\x86" + field(b":path", b"/grpc.health.v1.Health/Check") + field(b"content-type", b"application/grpc")
    yield "get-2", b"\0\0" + preface + frame2(1, 5, 1, b"\x82\x84\x86") + frame2(6, 0, 0, b"12345678")
    yield "health", b"\0\0" + preface + frame2(1, 4, 1, call) + frame2(0, 1, 1, b"\0\0\0\0\0")
    call = b"\x83\x86" + field(b":path", b"/portmatrix.v1.Probe/PingPong") + field(b"content-type", b"application/grpc")
    call += field(b"portmatrix-challenge", challenge)
    yield "echo", b"\1\0" + preface + frame2(1, 4, 1, call) + frame2(0, 1, 1, b"\0\0\0\0\3abc")
    for name, octets in HTTP2.items():
        yield name, b"\0\0" + octets


def conversation_raw():
    line = b"PORTMATRIX/1 " + filled(TEXT, 80)
    return numbered([b"\1\0" + line + b"\r\n", b"\1\1" + (line + b"\r\n" + line + b" padding\r\n"), b"\0\0PORTMATRIX/1 00\r\n", b"\0\0\r\n"])


def greetings():
    for which in range(16):
        yield f"{which}-together", bytes([which, 0, 0x32])
        for number, words in enumerate(SERVERS + [REFUSAL]):
            yield f"{which}-server-{number}", bytes([which, 3, 0x32]) + words
        for number, words in enumerate(CLIENTS):
            yield f"{which}-client-{number}", bytes([which, 1, 0x32]) + words


def conversation_greeting():
    for which in range(16):
        for number, words in enumerate(CLIENTS + [b""]):
            yield f"{which}-{number}", bytes([which, 0, 0]) + words
        yield f"{which}-proof", bytes([which, 1, 0]) + b"PORTMATRIX/1 " + filled(TEXT, 80) + b"\r\n"

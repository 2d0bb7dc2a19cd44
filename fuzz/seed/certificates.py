"""Certificates, and answers to a TLS greeting."""

import struct

from .octets import ber


def oid(text):
    return ber(6, bytes.fromhex(text))


def certificates():
    """Certificates with everything in them but a signature that holds."""
    rsa, curve, p256, ed25519 = oid("2a864886f70d010101"), oid("2a8648ce3d0201"), oid("2a8648ce3d030107"), oid("2b6570")
    keys = {"rsa": ber(0x30, rsa, ber(5)) + ber(3, b"\0" + ber(0x30, ber(2, b"\0" + b"\xc1" * 256), ber(2, b"\1\0\1"))),
            "p256": ber(0x30, curve, p256) + ber(3, b"\0\4" + b"\x55" * 64), "ed25519": ber(0x30, ed25519) + ber(3, b"\0" + b"\x77" * 32)}

    def name(words):
        return ber(0x30, ber(0x31, ber(0x30, oid("550403"), ber(12, words))))

    def extension(number, contents, critical=b""):
        return ber(0x30, oid(number), critical, ber(4, contents))

    uri = b"http://pki.example/x"
    extensions = [extension("551d11", ber(0x30, ber(0x82, b"*.contoso.com"), ber(0x87, b"\x0a\0\0\1"))), extension("551d0f", ber(3, b"\5\xa0"), ber(1, b"\xff")),
                  extension("551d25", ber(0x30, oid("2b06010505070301"))), extension("551d1f", ber(0x30, ber(0x30, ber(0xa0, ber(0xa0, ber(0x86, uri)))))),
                  extension("2b06010505070101", ber(0x30, ber(0x30, oid("2b06010505073001"), ber(0x86, uri)), ber(0x30, oid("2b06010505073002"), ber(0x86, uri)))),
                  extension("2a030405", b"\5\0", ber(1, b"\xff"))]
    signed = ber(0x30, oid("2a864886f70d01010b"), ber(5))
    validity = ber(0x30, ber(0x17, b"260101000000Z"), ber(0x18, b"20360101000000Z"))
    for key, info in keys.items():
        for issuer in (b"dc1.contoso.com", b"Contoso CA"):
            body = ber(0x30, ber(0xa0, ber(2, b"\2")), ber(2, b"\7"), signed, name(issuer), validity, name(b"dc1.contoso.com"), ber(0x30, info),
                       ber(0xa3, ber(0x30, *extensions)))
            yield f"{key}-{issuer[0]}", ber(0x30, body, signed, ber(3, b"\0" + b"\x99" * 64))
        plain = ber(0x30, ber(2, b"\7"), signed, name(b"a"), validity, name(b"a"), ber(0x30, info))
        yield f"{key}-1", ber(0x30, plain, signed, ber(3, b"\0" + b"\x99" * 64))


def tls_hello():
    def record(kind, body):
        return bytes([kind, 3, 3]) + struct.pack(">H", len(body)) + body

    def message(kind, body):
        return bytes([kind]) + struct.pack(">I", len(body))[1:] + body

    def hello(suite, extensions=b"", random=b"\7" * 32):
        more = struct.pack(">H", len(extensions)) + extensions if extensions else b""
        return message(2, b"\3\3" + random + b"\0" + struct.pack(">H", suite) + b"\0" + more)

    one = next(certificates())[1]
    listed = struct.pack(">I", len(one) + 3)[1:] + struct.pack(">I", len(one))[1:] + one
    retry = bytes.fromhex("cf21ad74e59a6111") + b"\3" * 24
    yield "rsa", b"\1" + record(22, hello(0x009D))
    yield "retry", b"\1" + record(22, hello(0x1301, bytes.fromhex("002b00020304003300020100"), retry))
    yield "curves", b"\1" + record(22, hello(0xC02F) + message(11, listed) + message(12, b"\3\0\x1e\2\x09\x09\2\1\0\1\x08"))
    yield "fields", b"\1" + record(22, hello(0x009F)) + record(22, message(12, b"\0\1a\0\1b\0\1c\4\1\0\1x") + message(14, b""))
    yield "alert", b"\1" + record(21, b"\1\x70") + record(21, b"\2\x28")
    yield "1.3", b"\1" + record(22, hello(0x1302, bytes.fromhex("002b00020304"))) + record(23, b"x" * 40)
    for offer in (0, 1):
        yield f"greeting-{offer}", b"\0" + b"\5" * 32 + bytes([offer, 120]) + b"a" * 120

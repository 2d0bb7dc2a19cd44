"""The captured PDUs in tests/vectors, and small helpers for octets."""

import re
import struct
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Where a conversation puts a challenge of its own: its text, its two halves, and a question about a sweep.
TEXT, FIRST, SECOND, SWEEP = (b"\xffCHA" + bytes([kind]) for kind in (1, 2, 3, 4))
NDR32 = bytes.fromhex("045d888aeb1cc9119fe808002b10486002000000")
EPM = bytes.fromhex("0883afe11f5dc91191a408002b14a0fa03000000")


def filled(mark, length):
    return mark + b"." * (length - len(mark))


def vectors():
    for path in sorted((ROOT / "tests/vectors").glob("*.hex")):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        yield path.stem, bytes.fromhex(" ".join(lines))


LDAP = {name: octets for name, octets in vectors() if re.match(r"(c|real_|hostile_)?ldap", name)}
HTTP2 = {name: octets for name, octets in vectors() if re.match(r"h2|kestrel", name)}
RPC = {name: octets for name, octets in vectors() if name not in LDAP and name not in HTTP2}


def numbered(many):
    return {str(number): octets for number, octets in enumerate(many)}


def ber(tag, *parts):
    body = b"".join(parts)
    length = bytes([len(body)]) if len(body) < 128 else b"\x82" + struct.pack(">H", len(body))
    return bytes([tag]) + length + body

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""ntlm_helper.py - squid's NTLM helper that knows the passwords

`ntlm_helper.py FILE`: FILE has lines `USER NTHASH`. Speaks the helper protocol
(YR, KK) and verifies NTLMv2 responses (MS-NLMP, 3.3.2).
"""
import base64
import hmac
import os
import struct
import sys

# Unicode, NTLM, always sign, NTLM2, target information.
FLAGS = 0x00000001 | 0x00000200 | 0x00008000 | 0x00080000 | 0x00800000
FLAGS |= 0x00000004 | 0x00010000  # a target's name, which is a domain
HEAD = b"NTLMSSP\0"
DOMAIN = "LAB".encode("utf-16-le")


def challenge(nonce):
    """A message of type 2 (2.2.1.2), with the target's domain."""
    info = struct.pack("<HH", 2, len(DOMAIN)) + DOMAIN + bytes(4)
    at = 48
    return HEAD + struct.pack(
        "<IHHII8s8xHHI", 2, len(DOMAIN), len(DOMAIN), at, FLAGS, nonce,
        len(info), len(info), at + len(DOMAIN)) + DOMAIN + info


def field(message, at):
    length, _, offset = struct.unpack_from("<HHI", message, at)
    return message[offset:offset + length]


def verify(message, nonce, users):
    """The user of a message of type 3 (2.2.1.3), or None."""
    if message[:12] != HEAD + struct.pack("<I", 3):
        return None
    answer, domain, user = (field(message, at) for at in (20, 28, 36))
    name = user.decode("utf-16-le")
    known = users.get(name)
    if known is None or len(answer) <= 24:
        return None
    who = name.upper().encode("utf-16-le") + domain
    key = hmac.digest(known, who, "md5")
    proof = hmac.digest(key, nonce + answer[16:], "md5")
    return name if hmac.compare_digest(proof, answer[:16]) else None


def main():
    with open(sys.argv[1], encoding="ascii") as lines:
        users = {name: bytes.fromhex(key)
                 for name, key in map(str.split, lines)}
    nonce = bytes(8)
    for line in sys.stdin:
        verb, _, blob = line.strip().partition(" ")
        if verb == "YR":
            nonce = os.urandom(8)
            print("TT", base64.b64encode(challenge(nonce)).decode())
        elif verb == "KK":
            user = verify(base64.b64decode(blob), nonce, users)
            print("AF " + user if user else "NA wrong password")
        else:
            print("BH what?")
        sys.stdout.flush()


main()

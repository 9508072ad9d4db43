#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""turn_facts.py - does coturn (4.6.1, unless a fact says otherwise) answer as
docs/TURN.md says? What tunneld makes up for must be there to make up for.

turn_facts.py FACT --host HOST [...]: asks one server, as no polite client
would. Status 0: it is so; else what was seen is printed.
"""
import argparse
import base64
import hashlib
import hmac
import importlib.machinery
import importlib.util
import os
import pathlib
import socket
import ssl
import struct
import sys
import time

_PATH = (pathlib.Path(__file__).resolve().parents[3] / "contrib" / "relay"
         / "check-mobility")
_LOADER = importlib.machinery.SourceFileLoader("check_mobility", str(_PATH))
turn = importlib.util.module_from_spec(
    importlib.util.spec_from_loader("check_mobility", _LOADER))
_LOADER.exec_module(turn)

BINDING, CREATE_PERMISSION, SEND = 0x001, 0x008, 0x016
INTEGRITY_SHA256, UNKNOWN, FAMILY = 0x01C, 0x00A, 0x017
EVEN_PORT, DONT_FRAGMENT, ADDITIONAL_FAMILY = 0x018, 0x01A, 0x8000
PASSWORD_ALGORITHMS, ALTERNATE_DOMAIN = 0x8002, 0x8003
ALTERNATE_SERVER = 0x8023
UDP = turn.attribute(turn.TRANSPORT, b"\x11\0\0\0")
WAIT_S = 3
SOMEWHERE = ("203.0.113.10", 9)

FACTS = {}


def fact(function):
    FACTS[function.__name__.replace("_", "-")] = function
    return function


def expect(seen, wanted, what=""):
    if seen != wanted:
        sys.exit(f"{what}: {seen!r}, not {wanted!r}")


def connect(o, **more):
    return turn.Connection(argparse.Namespace(**{**vars(o), **more}))


def lifetime(seconds):
    return turn.attribute(turn.LIFETIME, struct.pack("!I", seconds))


def peer(where):
    return turn.attribute(turn.PEER_ADDRESS, turn.xor(where))


def channel(number):
    return turn.attribute(turn.CHANNEL_NUMBER, struct.pack("!HH", number, 0))


def message(c, method, *attributes, user=None, password=None, realm=None,
            digest="sha1", transaction=None):
    """A request as bytes, signed once there was a challenge."""
    body = b"".join(attributes)
    transaction = transaction or os.urandom(12)
    if c.realm is not None:
        user = user or c.options.user
        realm = realm or c.realm
        body += (turn.attribute(turn.USERNAME, user.encode())
                 + turn.attribute(turn.REALM, realm)
                 + turn.attribute(turn.NONCE, c.nonce))
        key = hashlib.md5(b":".join((
            user.encode(), realm,
            (password or c.options.password).encode()))).digest()
        size = 4 + hashlib.new(digest).digest_size
        head = struct.pack("!HHI", method, len(body) + size, turn.COOKIE)
        body += turn.attribute(
            turn.INTEGRITY if digest == "sha1" else INTEGRITY_SHA256,
            hmac.digest(key, head + transaction + body, digest))
    return struct.pack("!HHI", method, len(body), turn.COOKIE) + (
        transaction + body)


def answer(c, request):
    """(code, attributes) of what is answered; the code 0 is a success, None
    no answer. A challenge is remembered."""
    until = time.monotonic() + WAIT_S
    while request[8:20] not in c.answers:
        if time.monotonic() > until:
            return None, {}
        c.read(0.1)
    kind, found = c.answers.pop(request[8:20])
    if kind & turn.ERROR == turn.SUCCESS:
        return 0, found
    value = found[turn.ERROR_CODE]
    c.realm = found.get(turn.REALM, c.realm)
    c.nonce = found.get(turn.NONCE, c.nonce)
    return value[2] * 100 + value[3], found


def ask(c, method, *attributes, **how):
    request = message(c, method, *attributes, **how)
    c.socket.sendall(request)
    return answer(c, request)


def code(c, method, *attributes, **how):
    return ask(c, method, *attributes, **how)[0]


def challenged(o, **more):
    """A connection that has seen its 401, and no allocation yet."""
    c = connect(o, **more)
    expect(code(c, turn.ALLOCATE, UDP), 401, "the first Allocate")
    return c


def allocated(o, *attributes, **more):
    c = connect(o, **more)
    c.allocate(*attributes)
    return c


def ended(c, within_s):
    """Whether the server ends the connection in that time."""
    until = time.monotonic() + within_s
    try:
        while time.monotonic() < until:
            c.read(0.1)
    except OSError:
        return True
    return False


def heard(c, word, within_s=WAIT_S):
    until = time.monotonic() + within_s
    while word not in c.heard and time.monotonic() < until:
        c.read(0.1)
    return word in c.heard


@fact
def challenge(o):
    """401 with REALM and NONCE, and nothing of RFC 8489."""
    got, found = ask(connect(o), turn.ALLOCATE, UDP)
    expect(got, 401)
    expect(len(found[turn.NONCE]), 16, "the nonce")
    expect(found[turn.REALM], b"lab", "the realm")
    expect(PASSWORD_ALGORITHMS in found, False, "PASSWORD-ALGORITHMS")


@fact
def nonce_of_another_connection(o):
    first, second = allocated(o), connect(o)
    second.realm, second.nonce = first.realm, first.nonce
    expect(code(second, turn.ALLOCATE, UDP), 438)
    expect(second.nonce == first.nonce, False, "the same nonce")
    expect(code(second, turn.ALLOCATE, UDP), 0, "with the new one")


@fact
def stale_nonce(o):
    """438 to any request; data flows on."""
    c, other = allocated(o), allocated(o)
    c.bind(other.relayed)
    other.bind(c.relayed)
    time.sleep(5)
    expect(c.hears(other, "stale"), True, "data")
    for method, attributes in ((turn.REFRESH, [lifetime(600)]),
                               (CREATE_PERMISSION, [peer(SOMEWHERE)])):
        expect(code(c, method, *attributes), 438, f"method {method}")
        expect(code(c, method, *attributes), 0, f"method {method}, again")
        time.sleep(5)


@fact
def sha256_is_unknown(o):
    c = challenged(o)
    for _ in range(2):
        expect(code(c, turn.ALLOCATE, UDP, digest="sha256"), 401)
    expect(code(c, turn.ALLOCATE, UDP), 0, "then with SHA-1")


@fact
def wrong_password(o):
    """401 each time; the connection stays."""
    c = challenged(o)
    for _ in range(2):
        expect(code(c, turn.ALLOCATE, UDP, password="wrong"), 401)
    expect(code(c, turn.ALLOCATE, UDP), 0, "then the right one")
    expect(code(challenged(o), turn.ALLOCATE, UDP, user="nobody"), 401,
           "an unknown user")


@fact
def another_user_on_the_connection(o):
    c = allocated(o)
    expect(code(c, turn.ALLOCATE, UDP, user="bob"), 437, "Allocate")
    c = allocated(o)
    expect(code(c, turn.REFRESH, lifetime(600), user="bob"), 441, "Refresh")
    c = allocated(o)
    expect(code(c, CREATE_PERMISSION, peer(SOMEWHERE), realm=b"other"), 441,
           "another realm")


@fact
def second_allocate(o):
    c = challenged(o)
    request = message(c, turn.ALLOCATE, UDP)
    c.socket.sendall(request)
    got, first = answer(c, request)
    expect(got, 0)
    expect(code(c, turn.ALLOCATE, UDP), 437, "another")
    c.socket.sendall(request)
    got, again = answer(c, request)
    expect(got, 0, "the same again")
    expect(again[turn.RELAYED_ADDRESS] == first[turn.RELAYED_ADDRESS], True,
           "the same address")


@fact
def lifetimes(o):
    for asked, wanted in ((0, 600), (1, 600), (60, 600), (600, 600),
                          (1200, 1200), (86400, 3600)):
        found = connect(o).allocate(lifetime(asked))
        expect(struct.unpack("!I", found[turn.LIFETIME])[0], wanted,
               f"{asked} s asked for")


@fact
def lifetimes_clamped(o):
    """max-allocate-lifetime=120"""
    for asked in (0, 60, 600, 86400):
        c = connect(o)
        found = c.allocate(lifetime(asked))
        expect(found[turn.LIFETIME], b"\0\0\0\x78", f"{asked} s asked for")
        c.close()
        time.sleep(0.6)  # there is a quota, too


@fact
def refresh_0_then_reset(o):
    c = allocated(o)
    expect(code(c, turn.REFRESH, lifetime(0)), 0)
    expect(ended(c, 5), True, "the connection ends")


@fact
def no_allocate_then_reset(o):
    """max-allocate-timeout=2, else 60."""
    c = connect(o)
    expect(code(c, BINDING), 0)
    expect(ended(c, 1), False, "it ends at once")
    expect(ended(c, 10), True, "it ends")


@fact
def binding(o):
    """Without a login, and it stays without."""
    c = connect(o)
    for _ in range(3):
        expect(code(c, BINDING), 0)


@fact
def answer_400_for_437(o):
    c = challenged(o)
    expect(code(c, CREATE_PERMISSION, peer(SOMEWHERE)), 400, "permission")
    expect(code(c, turn.CHANNEL_BIND, peer(SOMEWHERE), channel(0x4000)), 400,
           "channel")
    expect(code(c, turn.REFRESH, lifetime(600)), 437, "Refresh")


@fact
def denied_peers(o):
    c = allocated(o)
    for bad in ("10.1.2.3", "127.0.0.1", "0.0.0.0"):
        expect(code(c, CREATE_PERMISSION, peer((bad, 9))), 403, bad)
    expect(code(c, CREATE_PERMISSION, peer(SOMEWHERE), peer(("10.1.2.3", 9))),
           403, "a good one and a bad one")
    expect(code(c, CREATE_PERMISSION, peer(SOMEWHERE)), 0, "the good one")


@fact
def peer_of_the_other_family(o):
    value = b"\0\2" + bytes(18)
    expect(code(allocated(o), CREATE_PERMISSION,
                turn.attribute(turn.PEER_ADDRESS, value)), 443)


@fact
def twelve_peers(o):
    expect(code(allocated(o), CREATE_PERMISSION,
                *(peer((f"203.0.113.{i}", 9)) for i in range(12))), 0)


@fact
def bind_and_data_at_once(o):
    """The bind is a permission, too; and relayed addresses of one server
    reach each other."""
    c, other = allocated(o), allocated(o)
    other.bind(c.relayed)
    frame = struct.pack("!HH", 0x4001, 5) + b"first" + bytes(3)
    request = message(c, turn.CHANNEL_BIND, peer(other.relayed),
                      channel(0x4001))
    c.socket.sendall(request + frame)
    expect(heard(other, b"first"), True, "data behind the bind")
    expect(answer(c, request)[0], 0, "the bind")
    send = struct.pack("!HHI", SEND, 0, turn.COOKIE) + os.urandom(12)
    body = peer(other.relayed) + turn.attribute(turn.DATA, b"second")
    send = send[:2] + struct.pack("!H", len(body)) + send[4:] + body
    c.socket.sendall(message(c, CREATE_PERMISSION, peer(other.relayed)) + send
                     + frame)
    expect(heard(other, b"second"), True, "an indication behind")


@fact
def data_before_the_permission(o):
    c, other = allocated(o), allocated(o)
    c.bind(other.relayed)
    c.say(b"early")
    expect(heard(other, b"early", 1), False, "data to one who did not permit")
    # The address counts, not the port.
    expect(code(other, CREATE_PERMISSION, peer((c.relayed[0], 9))), 0)
    c.say(b"late")
    expect(heard(other, b"late"), True, "any port of the address")


@fact
def rebinding(o):
    c = allocated(o)
    other = ("203.0.113.10", 10)
    for number, where, wanted in (
            (0x4000, SOMEWHERE, 0), (0x4000, SOMEWHERE, 0),
            (0x4001, SOMEWHERE, 400), (0x4000, other, 400),
            (0x4001, other, 0)):
        expect(code(c, turn.CHANNEL_BIND, peer(where), channel(number)),
               wanted, f"{number:x} to {where}")


@fact
def channel_numbers(o):
    expect(code(allocated(o), turn.CHANNEL_BIND, peer(SOMEWHERE),
                channel(0x7fff)), 0)


@fact
def channel_numbers_later(o):
    """From 4.16 on, as RFC 8656 has it."""
    c = allocated(o)
    expect(code(c, turn.CHANNEL_BIND, peer(SOMEWHERE), channel(0x5000)), 400)
    expect(code(c, turn.CHANNEL_BIND, peer(SOMEWHERE), channel(0x4fff)), 0)


@fact
def unpadded(o):
    """The connection is dead, and nobody says so."""
    c = allocated(o)
    c.bind(SOMEWHERE)
    c.socket.sendall(struct.pack("!HH", turn.CHANNEL, 5) + b"abcde")
    try:
        expect(code(c, turn.REFRESH, lifetime(600)), None)
    except ConnectionError:
        pass


@fact
def quota(o):
    """user-quota=2: the connection stays usable, closing makes room."""
    first, second, third = allocated(o), allocated(o), challenged(o)
    expect(code(third, turn.ALLOCATE, UDP), 486)
    first.close()
    time.sleep(0.5)
    expect(code(third, turn.ALLOCATE, UDP), 0, "when there is room")
    second.close()


@fact
def no_port_left(o):
    held = [allocated(o), allocated(o)]
    expect(code(challenged(o), turn.ALLOCATE, UDP), 508)
    del held


def rest(o, user):
    return {"user": user, "password": base64.b64encode(hmac.digest(
        o.password.encode(), user.encode(), "sha1")).decode()}


@fact
def rest_expires(o):
    """Only for new connections."""
    login = rest(o, f"{int(time.time()) + 2}:carol")
    c = allocated(o, **login)
    time.sleep(3.5)
    expect(code(c, turn.REFRESH, lifetime(600)), 0, "Refresh")
    expect(code(c, CREATE_PERMISSION, peer(SOMEWHERE)), 0, "permission")
    expect(code(challenged(o, **login), turn.ALLOCATE, UDP), 401,
           "a new connection")


@fact
def rest_names(o):
    then = int(time.time()) + 600
    allocated(o, **rest(o, f"{then}:carol"))
    allocated(o, **rest(o, f"carol:{then}"))
    expect(code(challenged(o, user="alice"), turn.ALLOCATE, UDP), 401,
           "a static user beside")


@fact
def redirect(o):
    """Before any 401, each time, not signed, an address only."""
    c = connect(o)
    for _ in range(2):
        got, found = ask(c, turn.ALLOCATE, UDP)
        expect(got, 300)
        expect(ALTERNATE_SERVER in found, True, "ALTERNATE-SERVER")
        expect(ALTERNATE_DOMAIN in found, False, "ALTERNATE-DOMAIN")
        expect(turn.INTEGRITY in found, False, "a seal")


@fact
def no_udp(o):
    try:
        connect(o, transport="udp", port=3478).exchange(BINDING, [])
    except (TimeoutError, ConnectionRefusedError):
        pass
    else:
        sys.exit("it answers by UDP")
    allocated(o)


@fact
def tls_and_tcp_on_both_ports(o):
    for transport in ("tcp", "tls"):
        for port in (443, 3478):
            allocated(o, transport=transport, port=port)


def shake(o, **settings):
    context = ssl.create_default_context(cafile=o.ca)
    if "alpn" in settings:
        context.set_alpn_protocols([settings["alpn"]])
    if "minimum" in settings:
        context.minimum_version = settings["minimum"]
    plain = socket.create_connection((o.host, 443), 10)
    return context.wrap_socket(plain, server_hostname=o.host)


@fact
def alpn(o):
    for offered, wanted in (("stun.turn", "stun.turn"),
                            ("stun.nat-discovery", "stun.nat-discovery"),
                            ("http/1.1", "http/1.1"), ("h2", None)):
        expect(shake(o, alpn=offered).selected_alpn_protocol(), wanted,
               offered)


@fact
def tls_1_2_at_most(o):
    expect(shake(o).version(), "TLSv1.2")
    try:
        shake(o, minimum=ssl.TLSVersion.TLSv1_3)
    except ssl.SSLError:
        return
    sys.exit("TLS 1.3 is there")


@fact
def http_get(o):
    c = connect(o)
    c.socket.sendall(b"GET / HTTP/1.1\r\nHost: relay.lab.test\r\n\r\n")
    expect(ended(c, 5), True, "the connection ends")


@fact
def requested_transport(o):
    for value, wanted in ((6, 0), (99, 400)):
        c = challenged(o)
        expect(code(c, turn.ALLOCATE, turn.attribute(
            turn.TRANSPORT, bytes((value, 0, 0, 0)))), wanted,
            f"transport {value}")


@fact
def options_that_nobody_needs(o):
    allocated(o, turn.attribute(EVEN_PORT, b"\x80"))
    allocated(o, turn.attribute(DONT_FRAGMENT, b""))


@fact
def additional_family_is_ignored(o):
    found = connect(o).allocate(turn.attribute(ADDITIONAL_FAMILY,
                                               b"\2\0\0\0"))
    expect(found[turn.RELAYED_ADDRESS][1], 1, "the family")


@fact
def unknown_attribute(o):
    got, found = ask(challenged(o), turn.ALLOCATE, UDP,
                     turn.attribute(0x7ffe, b"abcd"))
    expect(got, 420)
    expect(found[UNKNOWN][:2], b"\x7f\xfe", "the list")


@fact
def mobility_off(o):
    c = challenged(o)
    expect(code(c, turn.ALLOCATE, UDP, turn.attribute(turn.TICKET, b"")), 405)
    expect(code(c, turn.ALLOCATE, UDP), 0, "without, on the same connection")


@fact
def reason_with_nul(o):
    """Padding is counted as text."""
    found = ask(challenged(o), CREATE_PERMISSION, peer(SOMEWHERE))[1]
    expect(found[turn.ERROR_CODE].endswith(b"\0"), True,
           f"{found[turn.ERROR_CODE]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("fact", choices=sorted(FACTS))
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, default=3478)
    parser.add_argument("--transport", default="tcp")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--ca")
    o = parser.parse_args()
    o.insecure = False
    try:
        FACTS[o.fact](o)
    except turn.Refused as refusal:
        sys.exit(f"refused with {refusal.code}")


main()

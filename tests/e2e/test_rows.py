# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_rows.py - what tunneld makes of coturn's habits that are told in
docs/TURN.md, "Servers as they are" (and asked of coturn by test_facts.py)
"""
import collections
import re
import time

import lab as labs
import relays
import service
import talking
from suite import check, skip, test
from test_relay import start

# Nobody says that a port is closed, as behind many a NAT.
MUTE = """
table ip mute {
	chain in {
		type filter hook input priority 0;
		icmp type destination-unreachable drop
	}
}
"""
# Prints credentials that make the service's (REST) user names the other way
# round, and end soon; how often it was asked is in a file.
LOGIN = """\
#!/bin/sh
echo x >>{place}/asked
user=carol:$(($(date +%s) + {life_s}))
echo "username=$user"
printf 'password='
printf %s "$user" | openssl dgst -sha1 -hmac '{secret}' -binary | base64
echo "ttl={life_s}"
"""


def direct(lab, name, uri, **more):
    """A configuration for a relay that is reached without the proxy."""
    return lab.config(f"row-{name}", relay=uri.split(":")[1].split(".")[0],
                      proxy="none", path="direct", uris=(uri,), **more)


def talk(lab, config, *argv, relay=None, daemon=None, name=""):
    """Every peer is heard, on one relayed address all the time."""
    lines = talking.Talk(lab, config, *argv, daemon=daemon, name=name).end()
    for line in lines:
        talking.check_whole(line)
        check(len(line["sources"]) == 1, f"it moved: {line}")
        check(relay is None or line["sources"][0].split()[0] == relay.address,
              f"relayed from {line['sources']}")
    return lines


def ports(lab, name, uri):
    """TLS and plain TCP on both ports."""
    relay = start(lab, name)
    lab.set_mood("open")
    scheme = uri.split(":")[0]
    config = direct(lab, f"ports-{name}-{scheme}",
                    uri.format(name + ".lab.test"), trusted=scheme == "turns")
    talk(lab, config, "--seconds", 2, f"{labs.WORLD}/7001", relay=relay)


for _name in ("older", "direct"):
    for _uri in ("turns:{}:3478?transport=tcp", "turn:{}:443?transport=tcp"):
        test(f"row-ports-{_name}-{_uri.split(':')[0]}", name=_name,
             uri=_uri)(ports)


@test("row-no-udp")
def no_udp(lab):
    """A relay that is deaf to UDP: TCP is a quarter of a second later."""
    relay = start(lab, "denied")
    lab.set_mood("open")
    line, = talk(lab, direct(lab, "no-udp", "turn:denied.lab.test:3478",
                             trusted=False),
                 "--seconds", 4, f"{labs.WORLD}/7001", relay=relay)
    where = f"{relay.address}:3478"
    seen = lab.counted()
    check(where in seen["udp_seen"], f"UDP was not tried: {seen}")
    check(where in seen["tcp_seen"], f"not by TCP: {seen}")
    lab.remark = f"the first echo after {line['first_ms']} ms"


@test("row-400-for-437")
def lost_allocation(lab):
    """4.6.1 over UDP loses its allocations without a word, and says 400 to the
    ChannelBind of a further peer; Refresh gets the 437."""
    relay = start(lab, "older")
    lab.set_mood("udp-relay")
    config = direct(lab, "400-for-437",
                    "turn:older.lab.test:3478?transport=udp", trusted=False)
    said = talking.Talk(lab, config, "--seconds", 10, "--one-by-one", 300,
                        f"{labs.WORLD}/7001-7016")
    said.until("heard")
    lab.inside.do("nft", "-f", "-", stdin=MUTE)
    try:
        relay.stop()
        relay.start()
        lines = said.end()
    finally:
        lab.inside.do("nft", "delete", "table", "ip", "mute")
    line = lines[0]
    check(len(line["sources"]) == 2, f"no second address: {line}")
    lab.remark = f"silent for {line['silence_ms']} ms"
    check(line["silence_ms"] < 5000, lab.remark)
    check(all(other["heard"] for other in lines), "some were never heard")
    check("error 400" in relay.said(), "there was no 400")
    check("error 437" in relay.said(), "Refresh was not asked")


@test("row-short-channels")
def short_channels(lab):
    """Channels that live 15 s and permissions that live 10 s, and traffic that
    renews neither."""
    relay = start(lab, "denied", "channel-lifetime=15\n"
                  "permission-lifetime=10\n")
    talk(lab, relay.config("short-channels"), "--seconds", 24,
         f"{labs.WORLD}/7001", relay=relay)


@test("row-no-allocate")
def no_allocate(lab):
    """A relay that resets connections without an allocation after 2 s: warm
    ones have theirs, and are good for sockets that come later."""
    relay = start(lab, "denied", "max-allocate-timeout=2\n")
    daemon = service.Tunneld(lab, relay.config("no-allocate",
                                               relay_more="warm = 2\n"))
    first = talking.Talk(lab, daemon.config, "--seconds", 8,
                         f"{labs.WORLD}/7001", daemon=daemon)
    first.until("heard")
    time.sleep(4)
    line, = talk(lab, daemon.config, "--seconds", 2, f"{labs.WORLD}/7002",
                 relay=relay, daemon=daemon, name="-second")
    talking.check_whole(first.end()[0])
    daemon.stop()
    log = daemon.log.read_text()
    check("relay denied" not in log.replace("relay denied: works", ""),
          f"connections were lost: {log}")
    lab.remark = f"the first echo of the second after {line['first_ms']} ms"


@test("row-release")
def release(lab):
    """Refresh(0) ends the connection with a reset: the socket's place is free
    at once, nobody warns, and the next socket has a connection of its own."""
    relay = start(lab, "short")
    daemon = service.Tunneld(lab, relay.config("release",
                                               relay_more="warm = 0\n"
                                               "mobility = no\n"))
    for _ in range(3):
        talk(lab, daemon.config, "--seconds", 1.5, "--sockets", 2,
             f"{labs.WORLD}/7001", relay=relay, daemon=daemon)
        # Refresh(0) leaves the allocation a second more.
        time.sleep(1.5)
    daemon.stop()
    check("error 486" not in relay.said(), "what was released took up room")
    check("relay short" not in daemon.log.read_text(),
          f"a release is no failure: {daemon.log.read_text()}")


@test("row-closed")
def closed(lab):
    """The end of a connection frees its place: with a quota of two, tunneld
    that is killed has both again when it returns."""
    relay = start(lab, "short")
    daemon = service.Tunneld(lab, relay.config("closed",
                                               relay_more="warm = 0\n"))
    first = talking.Talk(lab, daemon.config, "--seconds", 8, "--sockets", 2,
                         f"{labs.WORLD}/7001", daemon=daemon)
    first.until("heard", 2)
    daemon.kill()
    time.sleep(0.5)
    daemon.start()
    first.until("moved", 2)
    daemon.stop()


@test("row-twelve-peers")
def twelve(lab):
    """A dozen peers that come all at once, one of them denied: the others do
    not notice."""
    relay = start(lab, "denied")
    lab.outside.do("ip", "address", "replace", labs.ELSEWHERE + "/32", "dev",
                   "eth0")
    lines = talking.Talk(lab, relay.config("twelve-peers"), "--seconds", 4,
                         f"{labs.ELSEWHERE}/7001",
                         f"{labs.WORLD}/7001-7012").end()
    for line in lines:
        if line["peer"] == labs.WORLD:
            talking.check_whole(line)
        else:
            check(not line["heard"], f"a denied peer answered: {line}")
    check("error 403" in relay.said(), "nothing was denied")


def login_config(lab, name, relay, life_s):
    """Credentials of a command instead of a secret."""
    config = lab.config(name, relay=relay)
    place = config.parent
    command = place / "login"
    command.write_text(LOGIN.format(place=place, life_s=life_s,
                                    secret=labs.REST_SECRET))
    command.chmod(0o755)
    text = config.read_text()
    config.write_text(text.replace(
        f"secret_file = {place}/relay.secret",
        f"credential_command = {command}"))
    return config


@test("row-rest-expired")
def rest_expired(lab):
    """Credentials that end after three seconds, with names as `id:time`: the
    allocation that they made lives on; a new connection has new ones."""
    lab.set_mood("drop")
    config = login_config(lab, "rest-expired", "rest", 3)
    daemon = service.Tunneld(lab, config)
    first = talking.Talk(lab, config, "--seconds", 12, f"{labs.WORLD}/7001",
                         daemon=daemon)
    first.until("heard")
    time.sleep(6)
    asked = config.parent / "asked"
    before = asked.read_text().count("x")
    talk(lab, config, "--seconds", 2, f"{labs.WORLD}/7002", daemon=daemon,
         name="-second")
    line, = first.end()
    talking.check_whole(line)
    check(len(line["sources"]) == 1, f"the allocation was given up: {line}")
    check(asked.read_text().count("x") >= 2 and before >= 1,
          "no new credentials were asked for")
    daemon.stop()
    check("401" not in daemon.log.read_text(),
          f"a new connection had old ones: {daemon.log.read_text()}")


@test("row-many-by-udp")
def many_by_udp(lab):
    """Later servers limit how many challenges they send by UDP: thirty sockets
    at once have their allocations all the same."""
    skip(relays.missing("direct"))
    relay = start(lab, "direct")
    lab.set_mood("udp-relay")
    lines = talking.Talk(lab, direct(
        lab, "many-by-udp", "turn:direct.lab.test:3478?transport=udp",
        trusted=False), "--seconds", 5, "--sockets", 30, "--every", 100,
        f"{labs.WORLD}/7001").end()
    deaf = [line for line in lines if not line["heard"]]
    check(not deaf, f"{len(deaf)} of {len(lines)} were not heard")
    check({line["sources"][0].split()[0] for line in lines}
          == {relay.address}, "not all by this relay")
    slowest = max(line["first_ms"] for line in lines)
    lab.remark = f"the last one's first echo after {slowest} ms"


@test("row-other-users")
def other_users(lab):
    """A password that is wrong is sent once on a connection, and no connection
    is used for two users."""
    relay = start(lab, "denied")
    config = relay.config("other-users", relay_password="wrong",
                          relay_more="warm = 0\n")
    lines = talking.Talk(lab, config, "--seconds", 4,
                         f"{labs.WORLD}/7001").end()
    check(not lines[0]["heard"], f"{lines}")
    said = relay.said()
    check("error 441" not in said and "error 437" not in said,
          "one connection, two users")
    # The challenge and the refusal.
    seen = collections.Counter(re.findall(r"session (\d+): .*error 401", said))
    check(seen and set(seen.values()) == {2}, f"{seen}")

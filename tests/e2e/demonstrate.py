#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""demonstrate.py - a call without turnout and one with it, in plain words

What contrib/quickstart shows once everything is built.
"""
import sys

sys.dont_write_bytecode = True

import call  # noqa: E402
import lab as labs  # noqa: E402

WITHOUT_S = 10
SCENE = f"""
The scene, all of it on this machine:
  inside  {labs.INSIDE}     the app, behind a firewall that lets nothing out but
                        TCP to the proxy, {labs.PROXY}:{labs.PLAIN_PORT}
  dmz     {labs.PROXY}    squid, the proxy: CONNECT to port 443 only
          {labs.RELAY}    coturn, the relay: TURN over TLS on port 443
  outside {labs.WORLD}  the other end of the call, and the signaling server
The app is aiortc, as Debian ships it: video and a data channel.
"""


def tell(inside, outside, firewall):
    """What a call was like; returns whether it worked."""
    print("  signaling     " + ("works, through the proxy"
                                if inside.get("joined") else
                                f"fails: {inside['error']}"))
    worked = inside["ok"] and outside["ok"]
    if worked:
        took_ms = 1000 * (inside["connected"] - inside["joined"])
        print(f"  media         CONNECTED, {took_ms:.0f} ms after both were "
              "there")
    else:
        print(f"  media         FAILS: not connected within {WITHOUT_S} s")
    print(f"  video         {inside.get('packets', 0)} packets came in inside,"
          f" {outside.get('packets', 0)} outside")
    if inside.get("rtt_ms"):
        print(f"  round trip    {inside['rtt_ms']} ms on the data channel, the "
              f"median of {inside['echoes']}")
    print(f"  firewall      {firewall['udp_unicast']} UDP packets from inside "
          "reached it", end="\n\n")
    return worked


def main():
    sys.stdout.reconfigure(line_buffering=True)  # a pipe hears it in time, too
    reason = labs.missing() or call.missing("aiortc")
    if reason:
        sys.exit("quickstart: " + reason)
    labs.enclose()
    lab = labs.Lab()
    try:
        with lab:
            print(SCENE)
            lab.set_mood("drop")
            print("1. Without turnout; the app itself was told the proxy for "
                  "its signaling:\n   $ aiortc_call.py --proxy "
                  f"http://{labs.PROXY}:{labs.PLAIN_PORT}")
            without = tell(*call.Call(
                lab, "aiortc", "without", timeout_s=WITHOUT_S,
                proxy=f"http://{labs.PROXY}:{labs.PLAIN_PORT}").finish(),
                lab.counted())
            lab.forget_counts()
            config = lab.config("with")
            print("2. With turnout; the app was told nothing:\n"
                  "   $ turnout run --config tunneld.conf -- aiortc_call.py")
            ends = call.Call(lab, "aiortc", "with",
                             wrap=lab.run(config)).finish()
            through = tell(*ends, lab.counted())
            if not through:
                print("  what was said: " + call.describe(ends[0]))
                with open(ends[0]["log"], encoding="utf-8") as log:
                    print(log.read())
    finally:
        lab.remove()
    if through and not without:
        print("turnout took the call through the proxy and the relay. With "
              "your own:\n  turnout run --proxy http://PROXY:PORT --relay "
              "'turns:RELAY:443?transport=tcp' -- COMMAND")
    return 0 if through and not without else 1


try:
    sys.exit(main())
except KeyboardInterrupt:
    sys.exit(130)

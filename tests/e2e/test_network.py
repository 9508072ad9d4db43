# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_network.py - another network in the middle of a call: one interface goes
with its address and its routes, another one comes, as on the way from one
Wi-Fi to the next or from the dock to the hall
"""
import json
import time

import lab as labs
import surviving
from suite import check, test
from test_calls import check_no_leak
from test_survival import CHANGED_MS, KEPT_MS

CHANGES = 3
# interface inside, at the firewall, first three numbers of the network
NETWORKS = (("eth0", "lan", "10.20.0"), ("wlan0", "hall", "10.21.0"))
# The second network is as closed as `drop`.
HALL = f"""
table inet hall
flush table inet hall
table inet hall {{
	counter stray {{ }}
	chain forward {{
		type filter hook forward priority -5
		iifname hall ip daddr {labs.PROXY} tcp dport {labs.PLAIN_PORT} accept
		iifname hall meta nfproto ipv4 counter name stray drop
	}}
	chain input {{
		type filter hook input priority -5
		iifname hall drop
	}}
}}
"""


class Roaming(surviving.Hazard):
    """Goes to and fro between two networks."""

    def __init__(self, lab, daemon, relay):
        super().__init__(lab, daemon, relay)
        self.at = 0
        device, there, net = NETWORKS[1]
        lab.inside.do("ip", "link", "add", device, "type", "veth", "peer",
                      "name", there, "netns", lab.fw.holder.pid)
        lab.fw.do("ip", "address", "add", net + ".1/24", "dev", there)
        lab.fw.do("ip", "link", "set", there, "up")
        lab.fw.do("nft", "-f", "-", stdin=HALL)

    def roam(self):
        """The old one goes, the new one comes at once."""
        old, new = NETWORKS[self.at], NETWORKS[1 - self.at]
        began = labs.now()
        self.lab.inside.do("sh", "-c", f"""
            ip address flush dev {old[0]}
            ip link set {old[0]} down
            ip address replace {new[2]}.2/24 dev {new[0]}
            ip link set {new[0]} up
            ip route replace default via {new[2]}.1
            ip route replace {labs.PROXY} via {new[2]}.1""")
        self.at = 1 - self.at
        return began

    def roam_bound(self):
        """As roam(), but addresses that apps are bound to do not vanish from
        the machine: Linux sends nothing from a socket that has lost its own,
        and delivers nothing to it, not even over loopback."""
        for _, _, net in NETWORKS:
            self.lab.inside.do("ip", "address", "replace", net + ".2/32",
                               "dev", "lo")
        return self.roam()

    def lose(self):
        """For two seconds there is none at all."""
        old = NETWORKS[self.at]
        self.lab.inside.do("ip", "link", "set", old[0], "down")
        time.sleep(2)
        return self.roam()

    def strays(self):
        listing = json.loads(self.lab.fw.do("nft", "-j", "list", "counters",
                                            "table", "inet", "hall"))
        return [row["counter"]["packets"] for row in listing["nftables"]
                if "counter" in row]

    def home(self):
        if self.at == 1:
            self.roam()
        self.lab.inside.do("ip", "link", "del", NETWORKS[1][0])
        self.lab.inside.do("ip", "address", "flush", "dev", "lo", "to",
                           "10.0.0.0/8")
        self.lab.fw.do("nft", "delete", "table", "inet", "hall")


def roaming(lab, app, relay, hazard="roam", deaf=False):
    """`deaf`: see test_survival."""
    # Roaming is made after the call stands: so there is something to lose.
    seen = surviving.Survival(lab, app, relay, (hazard,) * CHANGES)
    seen.hazard = Roaming(lab, seen.daemon, seen.hazard.relay)
    try:
        cuts = seen.run()
        strays = seen.hazard.strays()
    finally:
        seen.hazard.home()
    lab.remark = ("silent for " + ", ".join(
        f"{cut.in_ms} ms inside and {cut.out_ms} outside"
        + (" (another address)" if cut.changes else "") for cut in cuts))
    check(strays == [0], f"{strays} packets got out beside the proxy")
    for cut in cuts:
        limit_ms = 2 * (KEPT_MS if relay == "mobile" else CHANGED_MS)
        check(not (relay == "mobile" and cut.changes), lab.remark)
        check(deaf or cut.in_ms < limit_ms, lab.remark)
        check(cut.out_ms < limit_ms or not seen.lives, lab.remark)
    check(deaf or seen.lives, "it ended; " + lab.remark)
    check_no_leak(lab)


for _relay in ("mobile", "half"):
    test("network-roam-" + _relay, app="udp", relay=_relay)(roaming)
for _app, _relay in (("aiortc", "mobile"), ("chromium", "mobile"),
                     ("chromium", "half")):
    test(f"network-long-roam-{_relay}-{_app}", long=True, app=_app,
         relay=_relay, hazard="roam_bound")(roaming)
test("network-long-lose-mobile", long=True, app="udp", relay="mobile",
     hazard="lose")(roaming)

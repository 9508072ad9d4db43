# SPDX-License-Identifier: LGPL-2.1-or-later
"""plan.py - who lives where in the lab, and what its programs are told:
addresses, names, secrets, firewall rules, configuration files
"""
INSIDE, LAN_GATEWAY, LAN_DNS = "10.20.0.2", "10.20.0.1", "10.20.0.53"
INTRANET = "10.20.0.80"
PROXY, RELAY, REST_RELAY = "192.0.2.10", "192.0.2.20", "192.0.2.30"
WORLD, ELSEWHERE = "203.0.113.10", "203.0.113.11"
# IPv6, where a test asks for it.
INSIDE6, LAN_GATEWAY6 = "2001:db8:10::2", "2001:db8:10::1"
DMZ6, DMZ_GATEWAY6 = "2001:db8:20::20", "2001:db8:20::1"
WORLD6, WAN_GATEWAY6 = "2001:db8:30::10", "2001:db8:30::1"
PLAIN_PORT, BASIC_PORT = 3128, 3129
# Those of proxies.py, which run when a test asks for them; nobody listens on
# the dead one. What inside may reach besides is the ticket server (Kerberos).
PORTS = {"plain": PLAIN_PORT, "basic": BASIC_PORT, "digest": 3130,
         "ntlm": 3131, "negotiate": 3132, "all": 3133, "passwords": 3134,
         "captive": 3135, "strict": 3136, "dead": 3139, "tls": 3140,
         "tls-basic": 3141, "tls-digest": 3142, "tls-negotiate": 3143,
         "tls-client": 3144, "inspecting": 3150, "tiny": 8888,
         "tiny-basic": 8889, "socks": 1080, "socks-login": 1081}
TICKET_PORT = 88
PROXY_URL = f"http://proxy.lab.test:{PLAIN_PORT}"
BASIC_URL = f"http://proxy.lab.test:{BASIC_PORT}"
PROXY_USER, PROXY_PASSWORD = "paul", "pr0xy ;pass"
RELAY_USER, RELAY_PASSWORD = "alice", "re1ay-pass"
# Those of relays.py, which run when a test asks for them.
RELAY_ADDRESSES = {
    name: f"192.0.2.{number}" for number, name in enumerate((
        "short", "shorter", "mobile", "half", "elsewhere", "here", "there",
        "denied", "ports", "direct", "six", "pion", "sample", "astray",
        "stranger", "older"), 40)}
REST_RELAYS = ("rest", "mobile", "half", "sample")
REST_SECRET = "north-by-northwest"
USERS = ("root", "nobody")

LOCAL_HOSTS = f"""\
127.0.0.1 localhost
::1 localhost
{PROXY} proxy.lab.test
{INTRANET} intranet.lab.test intranet
"""
for _name in ("direct", "older"):
    LOCAL_HOSTS += f"{RELAY_ADDRESSES[_name]} {_name}.lab.test\n"
WORLD_HOSTS = LOCAL_HOSTS + f"""\
{RELAY} relay.lab.test
{REST_RELAY} rest.lab.test
{WORLD} call.lab.test stun.lab.test refused.lab.test
""" + "".join(f"{address} {name}.lab.test\n"
              for name, address in RELAY_ADDRESSES.items()
              if name not in ("direct", "older"))

RULES = """
flush ruleset
table inet lab {{
	counter udp_unicast {{ }}
	counter udp_multicast {{ }}
	counter tcp_stray {{ }}
	set udp_seen {{ type ipv4_addr . inet_service; flags dynamic; }}
	set tcp_seen {{ type ipv4_addr . inet_service; flags dynamic; }}
	chain count {{
		type filter hook prerouting priority -300; policy accept;
		iifname != lan return
		{let_out} return
		{local} return
		meta l4proto udp ip daddr 224.0.0.0/4 counter name udp_multicast return
		meta l4proto udp ip6 daddr ff00::/8 counter name udp_multicast return
		meta l4proto udp counter name udp_unicast
		meta l4proto udp add @udp_seen {{ ip daddr . udp dport }}
		tcp flags & (syn | ack) == syn counter name tcp_stray
		tcp flags & (syn | ack) == syn add @tcp_seen {{ ip daddr . tcp dport }}
	}}
	chain forward {{
		type filter hook forward priority 0; policy accept;
		ct state established,related accept
		iifname lan {local} accept
		iifname lan {let_out} accept
		{forward}
	}}
	chain input {{
		type filter hook input priority 0; policy accept;
		iifname lan {local} accept
		iifname != lan ip daddr {intranet} drop
		{input}
	}}
}}
"""
REJECT = """{match} meta l4proto tcp reject with tcp reset
		{match} reject with icmpx type admin-prohibited"""


# Moods that let one thing out, and are `drop` for the rest.
DIRECT = (f"ip daddr {{ {RELAY_ADDRESSES['direct']}, "
          f"{RELAY_ADDRESSES['older']} }} ")
LET_OUT = {"udp-relay": DIRECT + "udp dport { 443, 3478 }",
           "tcp-relay": DIRECT + "tcp dport { 443, 3478 }",
           "tls-relay": DIRECT + "tcp dport 443"}
NOTHING = "ip daddr 0.0.0.0"
# What is there for everybody inside: address, protocol, port.
LOCAL = "ip daddr . meta l4proto . th dport {{ {} }}".format(", ".join(
    f"{address} . {protocol} . {port}" for address, protocol, port in (
        *((PROXY, "tcp", port) for port in PORTS.values()),
        (PROXY, "tcp", TICKET_PORT), (PROXY, "udp", TICKET_PORT),
        (INTRANET, "tcp", 80), (INTRANET, "tcp", 443))))


def rules(mood):
    closed = {"open": "", "reject": REJECT}.get(mood, "{match} drop")
    # Neither side may start anything through the firewall.
    forward = "\n\t\t".join(closed.format(match=match) for match in
                            ("iifname lan", "oifname lan")) if closed else ""
    return RULES.format(local=LOCAL, intranet=INTRANET, forward=forward,
                        let_out=LET_OUT.get(mood, NOTHING),
                        input=closed.format(match="iifname lan"))


SQUID = """
http_port {proxy}:{plain} name=plain
http_port {proxy}:{basic} name=basic
auth_param basic program /usr/lib/squid/basic_ncsa_auth {dir}/squid.users
auth_param basic realm lab
acl basic_port myportname basic
acl users proxy_auth REQUIRED
acl SSL_ports port 443
acl CONNECT method CONNECT
acl refused dstdomain refused.lab.test
http_access deny CONNECT !SSL_ports
http_access deny refused
http_access deny basic_port !users
http_access allow all
hosts_file /etc/hosts
cache deny all
cache_log {dir}/squid.log
access_log stdio:{dir}/squid.access
pid_filename {dir}/squid.pid
coredump_dir {dir}
pinger_enable off
max_filedescriptors 4096
shutdown_lifetime 0 seconds
"""

COTURN = """
listening-ip={address}
relay-ip={address}
listening-port=3478
tls-listening-port=443
min-port=50000
max-port=50999
realm=lab
fingerprint
cert={dir}/server.pem
pkey={dir}/server.key
no-cli
no-udp
no-dtls
no-multicast-peers
denied-peer-ip=10.0.0.0-10.255.255.255
userdb={dir}/{name}.sqlite
pidfile={dir}/{name}.pid
log-file={dir}/{name}.log
simple-log
verbose
{credentials}
"""

TUNNELD = """\
[proxy]
url = {proxy}
{proxy_more}
{relays}[names]
mode = {names}
[daemon]
log_level = info
"""

RELAY_SECTION = """\
[relay {name}]
uri = {uri}
{ca}{credentials}path = {path}
"""

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor_advice.c - a table: the cause of a failure -> who must act, and what
 * exactly to change
 *
 * In a line {proxy} is the proxy as HOST:PORT, {proxy-host} its host; {relay}
 * is NAME of [relay NAME], {host} and {port} are the relay's. Keys are those of
 * tunneld.conf(5), the others squid's and coturn's.
 */
#include <config.h>

#include "doctor_advice.h"

#include "doctor_line.h"

#include <turnout/compiler.h>

#include <stdio.h>
#include <string.h>

#define LINES_MAX 4

static const struct {
	enum doctor_who who;
	const char *change[LINES_MAX];
} table[DOCTOR_NUM_CAUSES] = {
	[DOCTOR_CAUSE_NO_RELAY] = {
		.who = DOCTOR_IT,
		.change = {
			"tunneld.conf: [relay NAME] uri = turns:RELAY:443?transport=tcp",
			"and username = USER, password_file = FILE (or secret_file = FILE)",
		},
	},
	[DOCTOR_CAUSE_NO_SUCH_RELAY] = {
		.who = DOCTOR_YOU,
		.change = {
			"name one of the relays that `turnout status` shows",
		},
	},
	[DOCTOR_CAUSE_RELOAD] = {
		.who = DOCTOR_IT,
		.change = {
			"put right what `tunneld --check` says, then `turnout reload`",
		},
	},
	[DOCTOR_CAUSE_RESOLVER] = {
		.who = DOCTOR_IT,
		.change = {
			"/etc/resolv.conf: nameserver ADDRESS of one that answers here",
		},
	},
	[DOCTOR_CAUSE_NO_PROXY] = {
		.who = DOCTOR_IT,
		.change = {
			"tunneld.conf: [proxy] url = http://PROXY:PORT",
			"or firewall: allow TCP from this machine to {host}:{port}",
		},
	},
	[DOCTOR_CAUSE_PAC] = {
		.who = DOCTOR_IT,
		.change = {
			"put the proxy auto-config script right, or name the proxy itself: [proxy] url = http://PROXY:PORT",
		},
	},
	[DOCTOR_CAUSE_PROXY_NAME] = {
		.who = DOCTOR_IT,
		.change = {
			"tunneld.conf: [proxy] url: a name that is known here, instead of {proxy-host}",
			"or make the name server know {proxy-host}",
		},
	},
	[DOCTOR_CAUSE_PROXY_REFUSED] = {
		.who = DOCTOR_PROXY_ADMIN,
		.change = {
			"start the proxy at {proxy}, or let it listen there (squid: http_port)",
			"if it stands elsewhere, tunneld.conf: [proxy] url",
		},
	},
	[DOCTOR_CAUSE_PROXY_SILENT] = {
		.who = DOCTOR_IT,
		.change = {
			"firewall: allow TCP from this machine to {proxy}",
		},
	},
	[DOCTOR_CAUSE_PROXY_UNTRUSTED] = {
		.who = DOCTOR_IT,
		.change = {
			"tunneld.conf: [proxy] ca_file = FILE with the CA that signed the certificate of {proxy}",
		},
	},
	[DOCTOR_CAUSE_PROXY_TLS] = {
		.who = DOCTOR_PROXY_ADMIN,
		.change = {
			"give {proxy} a certificate that is valid for its name, and TLS 1.2 or later (squid: https_port tls-cert=)",
		},
	},
	[DOCTOR_CAUSE_PROXY_NOT_TLS] = {
		.who = DOCTOR_IT,
		.change = {
			"tunneld.conf: [proxy] url = http://{proxy} (it speaks no TLS)",
		},
	},
	[DOCTOR_CAUSE_PROXY_CERT_WANTED] = {
		.who = DOCTOR_IT,
		.change = {
			"tunneld.conf: [proxy] client_cert_file = FILE, client_key_file = FILE",
		},
	},
	[DOCTOR_CAUSE_PROXY_CERT_REFUSED] = {
		.who = DOCTOR_PROXY_ADMIN,
		.change = {
			"accept the certificate in [proxy] client_cert_file, or issue one that {proxy} accepts",
		},
	},
	[DOCTOR_CAUSE_LOGIN_MISSING] = {
		.who = DOCTOR_YOU,
		.change = {
			"tunneld.conf: [proxy] username = USER, password_file = FILE",
			"or let {proxy} pass this machine without a login",
		},
	},
	[DOCTOR_CAUSE_LOGIN_REFUSED] = {
		.who = DOCTOR_YOU,
		.change = {
			"put the right password into [proxy] password_file (or where [proxy] says that it comes from)",
			"if it is right by now: `turnout proxy retry`",
		},
	},
	[DOCTOR_CAUSE_LOGIN_UNKNOWN] = {
		.who = DOCTOR_PROXY_ADMIN,
		.change = {
			"offer Negotiate, NTLM, Digest or Basic at {proxy} (squid: auth_param)",
			"and let [proxy] auth name it",
		},
	},
	[DOCTOR_CAUSE_BASIC_OVER_HTTP] = {
		.who = DOCTOR_IT,
		.change = {
			"tunneld.conf: [proxy] url = https://PROXY:PORT, if the proxy can",
			"or, if everybody on the way may read the password: basic_over_http = yes",
		},
	},
	[DOCTOR_CAUSE_TICKET] = {
		.who = DOCTOR_YOU,
		.change = {
			"kinit, and start again what needs the connection",
		},
	},
	[DOCTOR_CAUSE_TICKET_REFUSED] = {
		.who = DOCTOR_PROXY_ADMIN,
		.change = {
			"squid: negotiate_kerberos_auth -s HTTP/{proxy-host}, with that principal in its keytab",
		},
	},
	[DOCTOR_CAUSE_TICKET_BY_IP] = {
		.who = DOCTOR_IT,
		.change = {
			"tunneld.conf: [proxy] url with the proxy's name instead of {proxy-host}: Kerberos knows no addresses",
		},
	},
	[DOCTOR_CAUSE_KDC] = {
		.who = DOCTOR_IT,
		.change = {
			"/etc/krb5.conf: a KDC that answers from this machine (firewall: TCP and UDP 88)",
		},
	},
	[DOCTOR_CAUSE_NTLM] = {
		.who = DOCTOR_IT,
		.change = {
			"put cntlm or px between, and tunneld.conf: [proxy] url = http://127.0.0.1:3128",
			"or let the proxy offer Negotiate as well",
		},
	},
	[DOCTOR_CAUSE_DENIED] = {
		.who = DOCTOR_PROXY_ADMIN,
		.change = {
			"allow-list: CONNECT {host}:{port}",
			"squid: acl SSL_ports port {port}",
			"squid: acl turnout_relay dstdomain {host}",
			"squid: http_access allow CONNECT turnout_relay SSL_ports (before http_access deny)",
		},
	},
	[DOCTOR_CAUSE_SOCKS_DENIED] = {
		.who = DOCTOR_PROXY_ADMIN,
		.change = {
			"allow-list: CONNECT {host}:{port}",
			"Dante: in a `socks pass` rule, to: {host} port = {port}, command: connect",
		},
	},
	[DOCTOR_CAUSE_PORTAL] = {
		.who = DOCTOR_YOU,
		.change = {
			"sign in to the network with a browser, then try again",
		},
	},
	[DOCTOR_CAUSE_NO_CONNECT_ANSWER] = {
		.who = DOCTOR_PROXY_ADMIN,
		.change = {
			"find out why {proxy} does not answer CONNECT {host}:{port}: its log, and whether it reaches the relay",
		},
	},
	[DOCTOR_CAUSE_NOT_A_PROXY] = {
		.who = DOCTOR_IT,
		.change = {
			"tunneld.conf: [proxy] url: what answers at {proxy} is no HTTP proxy",
		},
	},
	[DOCTOR_CAUSE_RELAY_UNREACHED] = {
		.who = DOCTOR_RELAY_ADMIN,
		.change = {
			"let the relay listen for TLS at {host}:{port} (coturn: tls-listening-port={port}), with a name that the proxy can look up",
			"and let the proxy's own firewall pass TCP to {host}:{port}",
		},
	},
	[DOCTOR_CAUSE_RELAY_NAME] = {
		.who = DOCTOR_IT,
		.change = {
			"tunneld.conf: [relay {relay}] uri: a name that is known here, or path = proxy, so that the proxy looks it up",
		},
	},
	[DOCTOR_CAUSE_RELAY_REFUSED] = {
		.who = DOCTOR_RELAY_ADMIN,
		.change = {
			"start the relay, and let it listen at {host}:{port} (coturn: listening-port, tls-listening-port)",
		},
	},
	[DOCTOR_CAUSE_RELAY_SILENT] = {
		.who = DOCTOR_IT,
		.change = {
			"tunneld.conf: [relay {relay}] path = proxy",
			"or firewall: allow TCP from this machine to {host}:{port}",
		},
	},
	[DOCTOR_CAUSE_RELAY_INSPECTED] = {
		.who = DOCTOR_PROXY_ADMIN,
		.change = {
			"do not inspect TLS to {host}",
			"squid: acl turnout_relay ssl::server_name {host}",
			"squid: ssl_bump splice turnout_relay (before ssl_bump bump)",
		},
	},
	[DOCTOR_CAUSE_RELAY_UNTRUSTED] = {
		.who = DOCTOR_IT,
		.change = {
			"tunneld.conf: [relay {relay}] ca_file = FILE with the CA that signed the certificate of {host}",
		},
	},
	[DOCTOR_CAUSE_RELAY_CERTIFICATE] = {
		.who = DOCTOR_RELAY_ADMIN,
		.change = {
			"coturn: cert=FILE, pkey=FILE with a certificate that is valid now and for the name {host}",
		},
	},
	[DOCTOR_CAUSE_RELAY_TLS] = {
		.who = DOCTOR_RELAY_ADMIN,
		.change = {
			"let {host}:{port} speak TLS 1.2 or later (coturn: tls-listening-port={port}, cert=, pkey=)",
		},
	},
	[DOCTOR_CAUSE_NOT_TURN] = {
		.who = DOCTOR_RELAY_ADMIN,
		.change = {
			"let a TURN server answer at {host}:{port}; what does speaks something else",
			"or, where a proxy inspects TLS: squid: ssl_bump splice for {host}",
		},
	},
	[DOCTOR_CAUSE_TURN_SILENT] = {
		.who = DOCTOR_RELAY_ADMIN,
		.change = {
			"find out why the relay at {host}:{port} takes the connection and says nothing (coturn: its log; a balancer before it)",
		},
	},
	[DOCTOR_CAUSE_NO_LOGIN_ASKED] = {
		.who = DOCTOR_RELAY_ADMIN,
		.change = {
			"coturn: lt-cred-mech (or use-auth-secret) and realm=REALM: the relay asks nobody who he is",
		},
	},
	[DOCTOR_CAUSE_CREDENTIALS] = {
		.who = DOCTOR_IT,
		.change = {
			"tunneld.conf: [relay {relay}] credentials_uri or credential_command: make it answer",
		},
	},
	[DOCTOR_CAUSE_RELAY_PASSWORD] = {
		.who = DOCTOR_IT,
		.change = {
			"tunneld.conf: [relay {relay}] username and password_file as the relay has them",
			"or coturn: user=USER:PASSWORD, and realm= as it was when the user was added (turnadmin -l)",
		},
	},
	[DOCTOR_CAUSE_RELAY_SECRET] = {
		.who = DOCTOR_IT,
		.change = {
			"tunneld.conf: [relay {relay}] secret_file with the secret of coturn: static-auth-secret=, use-auth-secret",
			"and the clocks of both within minutes (NTP): the time is part of the user name",
		},
	},
	[DOCTOR_CAUSE_RELAY_CLOCK] = {
		.who = DOCTOR_IT,
		.change = {
			"set the clock of this machine (NTP): the time is part of the user name, and it has passed",
		},
	},
	[DOCTOR_CAUSE_CLOCK] = {
		.who = DOCTOR_IT,
		.change = {
			"set the clock of this machine (NTP: timedatectl set-ntp true)",
		},
	},
	[DOCTOR_CAUSE_QUOTA] = {
		.who = DOCTOR_RELAY_ADMIN,
		.change = {
			"coturn: a higher user-quota= (allocations of one user) or total-quota=",
			"one allocation is needed for each socket of a call, and [relay {relay}] warm keeps some ready",
		},
	},
	[DOCTOR_CAUSE_CAPACITY] = {
		.who = DOCTOR_RELAY_ADMIN,
		.change = {
			"coturn: a wider range min-port= to max-port=, a higher total-quota= or bps-capacity=, or another relay",
		},
	},
	[DOCTOR_CAUSE_FORBIDDEN] = {
		.who = DOCTOR_RELAY_ADMIN,
		.change = {
			"let the user of [relay {relay}] make allocations (coturn: its log says why not)",
		},
	},
	[DOCTOR_CAUSE_STALE] = {
		.who = DOCTOR_RELAY_ADMIN,
		.change = {
			"{host}:{port}: nothing in front of the relay may put two clients on one connection",
			"coturn: a lower max-allocate-lifetime= ends what a lost connection has left",
		},
	},
	[DOCTOR_CAUSE_FAMILY] = {
		.who = DOCTOR_RELAY_ADMIN,
		.change = {
			"coturn: relay-ip= with an IPv4 address (and, behind NAT, external-ip=)",
		},
	},
	[DOCTOR_CAUSE_NO_UDP_RELAY] = {
		.who = DOCTOR_RELAY_ADMIN,
		.change = {
			"coturn: without no-udp-relay, as media is relayed by UDP",
		},
	},
	[DOCTOR_CAUSE_ALLOCATE] = {
		.who = DOCTOR_RELAY_ADMIN,
		.change = {
			"see the log of the relay at {host}:{port} for why Allocate failed",
		},
	},
	[DOCTOR_CAUSE_OWN_ADDRESS] = {
		.who = DOCTOR_RELAY_ADMIN,
		.change = {
			"coturn: allowed-peer-ip= with the relay's own address, where a denied-peer-ip= holds it",
			"coturn behind NAT: external-ip=PUBLIC/PRIVATE, and the NAT must let it reach its public address",
		},
	},
	[DOCTOR_CAUSE_LOSS] = {
		.who = DOCTOR_IT,
		.change = {
			"find where packets are lost between here and {host}:{port}: a link that is full, or a proxy that is",
		},
	},
	[DOCTOR_CAUSE_DELAY] = {
		.who = DOCTOR_RELAY_ADMIN,
		.change = {
			"a relay nearer to those who call, or a shorter way to {host}",
		},
	},
	[DOCTOR_CAUSE_NARROW] = {
		.who = DOCTOR_IT,
		.change = {
			"give connections to {host}:{port} more bandwidth (proxy: no delay_pools for it; the link itself)",
		},
	},
	[DOCTOR_CAUSE_UDP_CLOSED] = {
		.who = DOCTOR_IT,
		.change = {
			"firewall: allow UDP from this machine to {host}, port {port}, and back: media would be faster than over TCP",
		},
	},
	[DOCTOR_CAUSE_LOCAL] = {
		.who = DOCTOR_IT,
		.change = {
			"the log of tunneld says what this machine lacks (`turnout log`)",
		},
	},
};

static const char *value_of(const char *name, size_t len,
			    const struct doctor_names *n, char port[8])
{
	const struct {
		const char *name, *value;
	} values[] = {
		{ "proxy", n->proxy }, { "proxy-host", n->proxy_host },
		{ "relay", n->relay }, { "host", n->host },
		{ "port", port },
	};

	snprintf(port, 8, "%u", n->port);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (strlen(values[i].name) == len &&
		    memcmp(values[i].name, name, len) == 0)
			return values[i].value != NULL ? values[i].value : "?";
	return "?";
}

/* `line` with what its {names} stand for. */
static void expand(char *out, size_t max, const char *line,
		   const struct doctor_names *names)
{
	size_t used = 0;
	char port[8];

	out[0] = '\0';
	while (*line != '\0' && used + 1 < max) {
		size_t plain = strcspn(line, "{"), name;

		used += (size_t)snprintf(out + used, max - used, "%.*s",
					 (int)plain, line);
		line += plain;
		if (*line == '\0' || used + 1 >= max)
			return;
		name = strcspn(line + 1, "}");
		used += (size_t)snprintf(out + used, max - used, "%s",
					 value_of(line + 1, name, names, port));
		line += name + 1 + (line[name + 1] == '}');
	}
}

void doctor_advise(struct doctor_line *l, enum doctor_cause cause,
		   const struct doctor_names *names)
{
	char text[DIAL_WORDS_MAX];

	doctor_who(l, table[cause].who);
	for (size_t i = 0; i < LINES_MAX && table[cause].change[i] != NULL;
	     i++) {
		expand(text, sizeof(text), table[cause].change[i], names);
		doctor_change(l, "%s", text);
	}
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_value.c - the table of keys, and a setter for each
 *
 * Turns the text of one value into its place in struct conf, or into words
 * that say what is wrong and what would be right. What one value alone shows
 * is checked here, files that it names included; conf.c checks the rest.
 */
#include <config.h>

#include "conf_value.h"

#include "addr.h"
#include "conf_env.h"
#include "conf_kind.h"
#include "conf_proxy.h"
#include "conf_relay.h"
#include "conf_uri.h"

#include <turnout/paths.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

static int set_pool(struct conf_target *t, struct endpoint *pool,
		    uint8_t *pool_bits, uint8_t family, const char *value)
{
	static const struct endpoint none;
	uint8_t min = family == ENDPOINT_IPV4 ? 8 : 32;
	uint8_t max = family == ENDPOINT_IPV4 ? 28 : 120;
	struct endpoint ip;
	uint8_t bits;

	if (strcmp(value, "none") == 0) {
		*pool = none;
		*pool_bits = 0;
		return 0;
	}
	if (!addr_parse_prefix(value, &ip, &bits) || ip.family != family)
		return conf_wrong(t,
				  "`%s` is not an IPv%d network: write "
				  "ADDRESS/BITS with zero bits behind the "
				  "prefix, or none",
				  value, family);
	if (bits < min || bits > max)
		return conf_wrong(t, "write a prefix of %d to %d bits", min,
				  max);
	if (addr_is_loopback(&ip) || ip.ip[0] == 0xff ||
	    (family == ENDPOINT_IPV4 && (ip.ip[0] == 0 || ip.ip[0] >= 224)))
		return conf_wrong(t,
				  "`%s` holds addresses that no host has: "
				  "write a network that is free",
				  value);
	*pool = ip;
	*pool_bits = bits;
	return 0;
}

/* ---- [proxy] ---- */

static int set_proxy_no_proxy(struct conf_target *t, const char *value)
{
	return conf_add_no_proxy(t, value, false);
}

/* ---- [media], [names], [rules], [metrics], [daemon] ---- */

static int set_media_mode(struct conf_target *t, const char *value)
{
	static const char *const choices[] = {
		[CONF_MEDIA_ALWAYS] = "always",
		[CONF_MEDIA_AUTO] = "auto",
		[CONF_MEDIA_NEVER] = "never",
		NULL,
	};
	int n = conf_kind_choice(t, choices, "always, auto, never", value);

	if (n < 0)
		return n;
	t->conf->media = (enum conf_media)n;
	return 0;
}

static int set_names_mode(struct conf_target *t, const char *value)
{
	static const char *const choices[] = {
		[RULES_LOOKUP_SYNTHETIC] = "synthetic",
		[RULES_LOOKUP_AUTO] = "auto",
		[RULES_LOOKUP_SYSTEM] = "system",
		NULL,
	};
	int n = conf_kind_choice(t, choices, "auto, synthetic, system", value);

	if (n < 0)
		return n;
	t->conf->lookup = (enum rules_lookup)n;
	return 0;
}

static int set_names_resolver(struct conf_target *t, const char *value)
{
	static const char *const choices[] = {
		[CONF_RESOLVER_AUTO] = "auto",
		[CONF_RESOLVER_SYSTEM] = "system",
		[CONF_RESOLVER_HTTPS] = "https",
		[CONF_RESOLVER_RELAY] = "relay",
		NULL,
	};
	int n = conf_kind_choice(t, choices, "auto, system, https, relay",
				 value);

	if (n < 0)
		return n;
	t->conf->resolver = (enum conf_resolver)n;
	return 0;
}

static int set_names_doh_uri(struct conf_target *t, const char *value)
{
	const char *host = value + 8;

	if (strncasecmp(value, "https://", 8) != 0 ||
	    strcspn(host, ":/?#@") == 0 ||
	    memchr(host, '@', strcspn(host, "/?#")) != NULL)
		return conf_wrong(t, "not the URL of a DNS service: write "
				     "https://HOST/PATH");
	for (const char *c = value; *c != '\0'; c++)
		if (*c <= 0x20 || *c >= 0x7f)
			return conf_wrong(t, "a URL has no blanks and no "
					     "letters beyond ASCII");
	return conf_kind_text(t, t->conf->doh_uri, CONF_TEXT_MAX, value);
}

static int set_names_relay_dns(struct conf_target *t, const char *value)
{
	if (!addr_parse_ip(value, &t->conf->relay_dns))
		return conf_wrong(t,
				  "`%s` is not an address: write that of a "
				  "public name server",
				  value);
	t->conf->relay_dns.port_be = htons(53);
	return 0;
}

static int set_names_pool4(struct conf_target *t, const char *value)
{
	return set_pool(t, &t->conf->pool4, &t->conf->pool4_bits, ENDPOINT_IPV4,
			value);
}

static int set_names_pool6(struct conf_target *t, const char *value)
{
	return set_pool(t, &t->conf->pool6, &t->conf->pool6_bits, ENDPOINT_IPV6,
			value);
}

static int set_rules_rule(struct conf_target *t, const char *value)
{
	struct rule rule;
	int error = rules_parse_line(value, &rule, t->words, t->words_max);

	if (error < 0)
		return error;
	snprintf(rule.origin, sizeof(rule.origin), "%s", t->origin);
	return rules_add(&t->conf->rules, &rule);
}

static int set_metrics_textfile(struct conf_target *t, const char *value)
{
	static const char tail[] = ".prom";
	size_t len = strlen(value), end = sizeof(tail) - 1;

	if (len <= end || strcmp(value + len - end, tail) != 0)
		return conf_wrong(t, "node_exporter reads files only whose "
				     "names end in .prom");
	return conf_kind_path(t, t->conf->metrics.textfile, value);
}

static int set_metrics_interval(struct conf_target *t, const char *value)
{
	return conf_kind_number(t, 5, 240, &t->conf->metrics.interval_s, value);
}

static int set_metrics_listen(struct conf_target *t, const char *value)
{
	static const char digits[] = "0123456789";
	struct endpoint *at = &t->conf->metrics.listen;
	char text[ADDR_TEXT_MAX], host[ADDR_TEXT_MAX];
	uint16_t port = 0;

	snprintf(text, sizeof(text), "%s%s",
		 value[strspn(value, digits)] == '\0' ? "127.0.0.1:" : "",
		 value);
	if (!addr_split_host_port(text, host, sizeof(host), &port) ||
	    port == 0 || !addr_parse_ip(host, at))
		return conf_wrong(t,
				  "`%s` is no place to listen at: write PORT, "
				  "ADDRESS:PORT or [IPV6]:PORT",
				  value);
	at->port_be = htons(port);
	return 0;
}

static int set_daemon_socket(struct conf_target *t, const char *value)
{
	size_t len = strlen(value);

	if (value[0] != '/')
		return conf_wrong(t, "`%s` is not an absolute path", value);
	if (len > SOCKET_PATH_MAX)
		return conf_wrong(t,
				  "%zu characters are too many for a socket: "
				  "at most %d are possible",
				  len, SOCKET_PATH_MAX);
	strcpy(t->conf->socket, value);
	return 0;
}

static int set_daemon_run_as(struct conf_target *t, const char *value)
{
	if (strlen(value) >= sizeof(t->conf->run_as))
		return conf_wrong(t, "`%s` is too long for a user's name",
				  value);
	strcpy(t->conf->run_as, value);
	return 0;
}

static int set_daemon_log_level(struct conf_target *t, const char *value)
{
	if (log_level_parse(value, &t->conf->log_level))
		return 0;
	return conf_wrong(t, "`%s` is none of error, warn, info, debug", value);
}

/* The proxy, and logging in there, are at home in conf_proxy.c. */
#define set_proxy_url                 conf_proxy_url
#define set_proxy_username            conf_proxy_username
#define set_proxy_password_file       conf_proxy_password_file
#define set_proxy_password_credential conf_proxy_password_credential
#define set_proxy_credential_command  conf_proxy_credential_command
#define set_proxy_netrc_file          conf_proxy_netrc_file
#define set_proxy_auth                conf_proxy_auth
#define set_proxy_basic_over_http     conf_proxy_basic_over_http
#define set_proxy_ca_file             conf_proxy_ca_file
#define set_proxy_client_cert_file    conf_proxy_client_cert_file
#define set_proxy_client_key_file     conf_proxy_client_key_file
#define set_proxy_alpn_header         conf_proxy_alpn_header
/* [relay NAME] is at home in conf_relay.c. */
#define set_relay_uri                      conf_relay_uri
#define set_relay_username                 conf_relay_username
#define set_relay_password_file            conf_relay_password_file
#define set_relay_secret_file              conf_relay_secret_file
#define set_relay_credentials_uri          conf_relay_credentials_uri
#define set_relay_credentials_headers_file conf_relay_credentials_headers_file
#define set_relay_credentials_body         conf_relay_credentials_body
#define set_relay_credential_command       conf_relay_credential_command
#define set_relay_ca_file                  conf_relay_ca_file
#define set_relay_path                     conf_relay_path
#define set_relay_mobility                 conf_relay_mobility
#define set_relay_redirect                 conf_relay_redirect
#define set_relay_keepalive                conf_relay_keepalive
#define set_relay_warm                     conf_relay_warm

const struct conf_key conf_keys[] = {
#define CONF_KEY(section, key, repeatable, initial, form, help)             \
	{                                                                   \
		#section, #key, set_##section##_##key, repeatable, initial, \
		form,     help                                              \
	},
#include "conf_keys.def"
#undef CONF_KEY
};
const size_t conf_key_count = ARRAY_SIZE(conf_keys);

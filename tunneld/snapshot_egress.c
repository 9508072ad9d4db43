/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* snapshot_egress.c - the [proxy] section into proxies, their logins and the
 * egress that chooses among them */
#include <config.h>

#include "conf.h"
#include "desktop.h"
#include "egress.h"
#include "pac.h"
#include "pac_http.h"
#include "proxy.h"
#include "proxy_creds.h"
#include "snapshot_private.h"
#include "tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct proxy_creds *make_login(const struct conf *conf,
				      const struct conf_proxy_server *server,
				      char path[CONF_PATH_MAX])
{
	struct proxy_creds_opts opts = { .kind = PROXY_CREDS_FIXED,
					 .username = conf->proxy.username,
					 .password = "" };
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (conf->proxy.password_file[0] != '\0') {
		opts.kind = PROXY_CREDS_FILE;
		opts.source = conf->proxy.password_file;
	} else if (conf->proxy.password_credential[0] != '\0') {
		snprintf(path, CONF_PATH_MAX, "%s/%s", dir != NULL ? dir : "",
			 conf->proxy.password_credential);
		opts.kind = PROXY_CREDS_FILE;
		opts.source = path;
	} else if (conf->proxy.credential_command[0] != '\0') {
		opts.kind = PROXY_CREDS_COMMAND;
		opts.source = conf->proxy.credential_command;
	} else if (conf->proxy.netrc_file[0] != '\0') {
		opts.kind = PROXY_CREDS_NETRC;
		opts.source = conf->proxy.netrc_file;
	} else {
		opts.username = server->username;
		opts.password = server->password;
	}
	if (opts.kind == PROXY_CREDS_FIXED && opts.username[0] == '\0') {
		errno = 0;
		return NULL;
	}
	return proxy_creds_new(&opts);
}

static int make_proxy_tls(struct proxy *p, const struct conf *conf, char *out)
{
	const char *words = "out of memory", *key = "ca_file";
	const char *cert = conf->proxy.client_cert_file;

	if (p->kind != PROXY_HTTPS)
		return 0;
	p->tls = tls_ctx_new(
		conf->proxy.ca_file[0] != '\0' ? conf->proxy.ca_file : NULL,
		&words);
	if (p->tls != NULL) {
		key = "client_cert_file, client_key_file";
		if (cert[0] == '\0' ||
		    tls_ctx_identify(p->tls, cert, conf->proxy.client_key_file,
				     &words))
			return 0;
	}
	snprintf(out, SNAPSHOT_WORDS_MAX, "[proxy] %s: %.400s", key, words);
	return -EINVAL;
}

static struct proxy *make_proxy(const struct conf *conf,
				const struct conf_proxy_server *server,
				char *words)
{
	static const enum proxy_kind kinds[] = {
		[CONF_PROXY_HTTP] = PROXY_HTTP,
		[CONF_PROXY_HTTPS] = PROXY_HTTPS,
		[CONF_PROXY_SOCKS5] = PROXY_SOCKS5,
	};
	struct proxy *p = proxy_new();
	char path[CONF_PATH_MAX];

	if (p == NULL)
		return NULL;
	p->kind = kinds[server->kind];
	strcpy(p->host, server->host);
	p->port = server->port;
	memcpy(p->scheme, conf->proxy.scheme, sizeof(p->scheme));
	p->scheme_count = conf->proxy.scheme_count;
	p->basic_over_http = conf->proxy.basic_over_http;
	p->alpn_header = conf->proxy.alpn_header;
	p->creds = make_login(conf, server, path);
	if ((p->creds == NULL && errno != 0) ||
	    make_proxy_tls(p, conf, words) < 0) {
		proxy_put(p);
		return NULL;
	}
	return p;
}

/* Who is asked which proxy leads to a destination. */
static int make_asked(const struct conf *conf, struct egress_opts *opts,
		      char source[CONF_PATH_MAX + 16])
{
	struct pac_options pac = {
		.from = { .place = conf->proxy.pac,
			  .ca_file = conf->proxy.ca_file[0] != '\0'
					     ? conf->proxy.ca_file
					     : NULL },
		.fetch_url = pac_http_fetch,
	};

	opts->source = source;
	if (conf->proxy.source == CONF_PROXY_PAC) {
		opts->pac = pac_new(&pac);
		if (opts->pac != NULL)
			pac_name(opts->pac, source, CONF_PATH_MAX + 16);
		return opts->pac != NULL ? 0 : -ENOMEM;
	}
	strcpy(source, "the desktop's settings");
	opts->desktop = desktop_new();
	return opts->desktop != NULL ? 0 : -ENOMEM;
}

/* What the proxies that are named then have in common: also how to trust one
 * that wants TLS. */
static const struct conf_proxy_server any_server = { .kind = CONF_PROXY_HTTPS };

int snapshot_make_egress(struct snapshot *s, const struct conf *conf,
			 char words[SNAPSHOT_WORDS_MAX])
{
	struct proxy *list[CONF_PROXIES_MAX] = { NULL };
	struct egress_opts opts = { .proxy = list };
	bool asked = conf->proxy.source == CONF_PROXY_PAC ||
		     conf->proxy.source == CONF_PROXY_DESKTOP;
	const struct conf_proxy_server *server = asked ? &any_server
						       : conf->proxy.server;
	size_t count = asked ? 1 : conf->proxy.server_count;
	char source[CONF_PATH_MAX + 16];
	int err = 0;

	if (conf->proxy.source == CONF_PROXY_NONE)
		return 0;
	for (; opts.count < count && err == 0; opts.count++) {
		list[opts.count] = make_proxy(conf, &server[opts.count], words);
		err = list[opts.count] == NULL ? -EINVAL : 0;
	}
	if (err == 0 && conf->proxy.has_plain) {
		opts.plain = make_proxy(conf, &conf->proxy.plain, words);
		err = opts.plain == NULL ? -EINVAL : 0;
	}
	if (err == 0 && asked)
		err = make_asked(conf, &opts, source);
	if (err == 0) {
		s->egress = egress_new(&opts);
		err = s->egress == NULL ? -errno : 0;
	}
	for (size_t i = 0; i < opts.count; i++)
		proxy_put(list[i]);
	proxy_put(opts.plain);
	pac_put(opts.pac);
	desktop_put(opts.desktop);
	return err;
}

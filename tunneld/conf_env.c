/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_env.c - `url = env`: the proxy that the environment names
 *
 * Turns https_proxy, all_proxy, http_proxy (first one that is set, in lower or
 * upper case) and no_proxy into the [proxy] section, credentials included.
 */
#include <config.h>

#include "conf_uri.h"
#include "conf_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *lookup(const char *lower, const char *upper)
{
	const char *value = getenv(lower);

	if (value == NULL || *value == '\0')
		value = upper ? getenv(upper) : NULL;
	return value != NULL && *value != '\0' ? value : NULL;
}

static void take(struct conf *conf, const struct conf_uri *uri)
{
	strcpy(conf->proxy.host, uri->host);
	conf->proxy.port = uri->port;
	conf->proxy.configured = true;
	strcpy(conf->proxy.username, uri->username);
	strcpy(conf->proxy.password, uri->password);
}

int conf_env_proxy(struct conf_target *t)
{
	/* A web server puts the Proxy: header of any client into HTTP_PROXY
	 * (httpoxy, CVE-2016-5385). */
	const char *http_upper = getenv("REQUEST_METHOD") ? NULL : "HTTP_PROXY";
	const char *const names[][2] = {
		{ "https_proxy", "HTTPS_PROXY" },
		{ "all_proxy", "ALL_PROXY" },
		{ "http_proxy", http_upper },
	};
	const char *value, *bad = NULL;
	struct conf_uri uri;
	char words[300], first[300] = "";

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		value = lookup(names[i][0], names[i][1]);
		if (value == NULL)
			continue;
		if (conf_uri_proxy(value, true, &uri, words, sizeof(words)) ==
		    0) {
			take(t->conf, &uri);
			bad = NULL;
			break;
		}
		/* all_proxy often is a SOCKS proxy beside an HTTP one. */
		if (bad == NULL) {
			bad = names[i][0];
			strcpy(first, words);
		}
	}
	explicit_bzero(&uri, sizeof(uri));
	if (bad != NULL)
		return conf_wrong(t, "%s in the environment: %s", bad, first);
	value = lookup("no_proxy", "NO_PROXY");
	return value ? conf_add_no_proxy(t, value, true) : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_env.c - `url = env`: the proxy that the environment names
 *
 * Turns https_proxy, all_proxy and http_proxy (that one goes first for port
 * 80), in lower or upper case, and no_proxy into the [proxy] section,
 * credentials included.
 */
#include <config.h>

#include "conf_env.h"

#include "conf_uri.h"
#include "log.h"
#include "rules.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_entry(struct conf_target *t, const char *entry)
{
	char **list = t->conf->proxy.no_proxy;
	size_t n = 0;

	while (list != NULL && list[n] != NULL)
		n++;
	list = reallocarray(list, n + 2, sizeof(*list));
	if (list == NULL)
		return -ENOMEM;
	t->conf->proxy.no_proxy = list;
	list[n] = strdup(entry);
	list[n + 1] = NULL;
	return list[n] == NULL ? -ENOMEM : 0;
}

int conf_add_no_proxy(struct conf_target *t, const char *list, bool lenient)
{
	static const char between[] = RULES_NO_PROXY_BETWEEN;
	char *copy = strdup(list), *entry, *rest = NULL;
	struct rule rule;
	int error = copy ? 0 : -ENOMEM;

	for (entry = copy ? strtok_r(copy, between, &rest) : NULL;
	     entry != NULL && error == 0;
	     entry = strtok_r(NULL, between, &rest)) {
		error = rules_parse_no_proxy(entry, &rule, t->words,
					     t->words_max);
		if (error == 0) {
			error = add_entry(t, entry);
		} else if (lenient) {
			log_warn("no_proxy of the environment: %s; ignored",
				 t->words);
			error = 0;
		}
	}
	free(copy);
	return error;
}

struct variable {
	const char *name, *value; /* value NULL: not set */
};

static struct variable lookup(const char *lower, const char *upper)
{
	const char *names[] = { lower, upper };
	const char *value;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		value = names[i] != NULL ? getenv(names[i]) : NULL;
		if (value != NULL && *value != '\0')
			return (struct variable){ names[i], value };
	}
	return (struct variable){ lower, NULL };
}

/* A web server puts the Proxy: header of any client into HTTP_PROXY (httpoxy,
 * CVE-2016-5385). */
static struct variable http_proxy(void)
{
	return lookup("http_proxy",
		      getenv("REQUEST_METHOD") ? NULL : "HTTP_PROXY");
}

/* The first that is set and well formed. 1: there is one, 0: none is set. */
static int first_of(struct conf_target *t, const struct variable *v, size_t n,
		    struct conf_proxy_server *out)
{
	const char *bad = NULL;
	char words[300], first[300] = "";
	struct conf_uri uri;

	for (size_t i = 0; i < n; i++) {
		if (v[i].value == NULL)
			continue;
		if (conf_uri_proxy(v[i].value, true, &uri, words,
				   sizeof(words)) == 0) {
			*out = (struct conf_proxy_server){
				.kind = uri.kind,
				.port = uri.port,
				.variable = v[i].name,
			};
			strcpy(out->host, uri.host);
			strcpy(out->username, uri.username);
			strcpy(out->password, uri.password);
			explicit_bzero(&uri, sizeof(uri));
			return 1;
		}
		if (bad == NULL) {
			bad = v[i].name;
			strcpy(first, words);
		}
	}
	explicit_bzero(&uri, sizeof(uri));
	if (bad != NULL)
		return conf_wrong(t, "%s in the environment: %s", bad, first);
	return 0;
}

static bool same_server(const struct conf_proxy_server *a,
			const struct conf_proxy_server *b)
{
	return a->kind == b->kind && a->port == b->port &&
	       strcmp(a->host, b->host) == 0 &&
	       strcmp(a->username, b->username) == 0 &&
	       strcmp(a->password, b->password) == 0;
}

int conf_env_proxy(struct conf_target *t)
{
	const struct variable https = lookup("https_proxy", "HTTPS_PROXY");
	const struct variable all = lookup("all_proxy", "ALL_PROXY");
	const struct variable http = http_proxy();
	const struct variable none = lookup("no_proxy", "NO_PROXY");
	/* One that is meant for another port still is a way out. */
	const struct variable any_port[] = { https, all, http };
	const struct variable port_80[] = { http, all, https };
	struct conf *conf = t->conf;
	int n;

	n = first_of(t, any_port, ARRAY_SIZE(any_port), &conf->proxy.server[0]);
	if (n > 0)
		n = first_of(t, port_80, ARRAY_SIZE(port_80),
			     &conf->proxy.plain);
	if (n < 0)
		return n;
	if (n > 0) {
		conf->proxy.source = CONF_PROXY_LIST;
		conf->proxy.server_count = 1;
		conf->proxy.has_plain = !same_server(&conf->proxy.server[0],
						     &conf->proxy.plain);
	}
	return none.value ? conf_add_no_proxy(t, none.value, true) : 0;
}

/* "VARIABLE: URL", the password as stars. */
static void put_server(FILE *to, const char *before,
		       const struct conf_proxy_server *s)
{
	static const char *const kinds[] = {
		[CONF_PROXY_HTTP] = "http",
		[CONF_PROXY_HTTPS] = "https",
		[CONF_PROXY_SOCKS5] = "socks5",
	};
	bool brackets = strchr(s->host, ':') != NULL;

	fprintf(to, "%s%s: %s://", before, s->variable, kinds[s->kind]);
	if (s->username[0] != '\0')
		fprintf(to, "%s%s@", s->username,
			s->password[0] != '\0' ? ":***" : "");
	fprintf(to, "%s%s%s:%u", brackets ? "[" : "", s->host,
		brackets ? "]" : "", s->port);
}

char *conf_env_format(const struct conf *conf)
{
	const struct variable none = lookup("no_proxy", "NO_PROXY");
	const struct conf_proxy_server *s = conf->proxy.server;
	char *text = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&text, &bytes);

	if (to == NULL)
		return NULL;
	if (conf->proxy.source == CONF_PROXY_LIST && s->variable != NULL)
		put_server(to, "", s);
	else
		fputs("no proxy", to);
	if (conf->proxy.has_plain)
		put_server(to, "; for port 80, ", &conf->proxy.plain);
	if (none.value != NULL)
		fprintf(to, "; %s: %s", none.name, none.value);
	if (fclose(to) == 0)
		return text;
	free(text);
	return NULL;
}

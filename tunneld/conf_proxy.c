/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_proxy.c - which proxy, and logging in there: keys of [proxy], one setter
 * for each
 */
#include <config.h>

#include "conf_proxy.h"

#include "conf_env.h"
#include "conf_uri.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The name alone, found by the system; no other way of WPAD is taken. */
#define WPAD_URL "http://wpad/wpad.dat"

/* The host of a web server, with no login before it. */
static int check_pac_host(struct conf_target *t, const char *url)
{
	const char *host = strstr(url, "://") + 3;
	size_t len = strcspn(host, "/?#");

	if (memchr(host, '@', len) != NULL)
		return conf_wrong(t, "a script is fetched without a login, and "
				     "secrets never stand here");
	return len > 0 ? 0 : conf_wrong(t, "the host is missing");
}

static int take_pac(struct conf_target *t, const char *value)
{
	static const char file[] = "file://";
	bool web = strncasecmp(value, "http://", 7) == 0 ||
		   strncasecmp(value, "https://", 8) == 0;

	if (strncasecmp(value, file, sizeof(file) - 1) == 0 &&
	    value[sizeof(file) - 1] == '/')
		value += sizeof(file) - 1;
	else if (!web)
		return conf_wrong(t, "write pac+http://HOST/PATH, "
				     "pac+https://HOST/PATH or "
				     "pac+file:///PATH");
	else if (check_pac_host(t, value) < 0)
		return -EINVAL;
#ifndef HAVE_PAC
	return conf_wrong(t, "this tunneld runs no scripts: it was built "
			     "without libpacparser (Debian: libpacparser-dev; "
			     "configure --with-pac)");
#endif
	t->conf->proxy.source = CONF_PROXY_PAC;
	return conf_kind_text(t, t->conf->proxy.pac, sizeof(t->conf->proxy.pac),
			      value);
}

static int take_server(struct conf_target *t, const char *text)
{
	struct conf *conf = t->conf;
	struct conf_proxy_server *server;
	struct conf_uri uri;
	int error = conf_uri_proxy(text, false, &uri, t->words, t->words_max);

	if (error < 0)
		return error;
	if (conf->proxy.server_count == CONF_PROXIES_MAX)
		return conf_wrong(t, "at most %d proxies can be given",
				  CONF_PROXIES_MAX);
	server = &conf->proxy.server[conf->proxy.server_count++];
	*server = (struct conf_proxy_server){ .kind = uri.kind,
					      .port = uri.port };
	strcpy(server->host, uri.host);
	return 0;
}

static int take_servers(struct conf_target *t, const char *value)
{
	char *copy = strdup(value), *rest = NULL, *text;
	int error = copy != NULL ? 0 : -ENOMEM;

	t->conf->proxy.source = CONF_PROXY_LIST;
	text = copy != NULL ? strtok_r(copy, " \t", &rest) : NULL;
	if (copy != NULL && text == NULL)
		error = conf_wrong(t, "the value is empty: write none for no "
				      "proxy");
	for (; text != NULL && error == 0; text = strtok_r(NULL, " \t", &rest))
		error = take_server(t, text);
	free(copy);
	return error;
}

int conf_proxy_url(struct conf_target *t, const char *value)
{
	t->conf->proxy.source = CONF_PROXY_NONE;
	t->conf->proxy.server_count = 0;
	if (strcmp(value, "env") == 0)
		return conf_env_proxy(t);
	if (strcmp(value, "none") == 0)
		return 0;
	if (strcmp(value, "wpad") == 0)
		return take_pac(t, WPAD_URL);
	if (strncmp(value, "pac+", 4) == 0)
		return take_pac(t, value + 4);
	if (strcmp(value, "desktop") == 0) {
		t->conf->proxy.source = CONF_PROXY_DESKTOP;
		return 0;
	}
	return take_servers(t, value);
}

const char *const conf_proxy_logins[CONF_PROXY_LOGINS] = {
	"password_file",
	"password_credential",
	"credential_command",
	"netrc_file",
};

int conf_proxy_username(struct conf_target *t, const char *value)
{
	if (strchr(value, ':') != NULL) /* RFC 7617, 2 */
		return conf_wrong(t, "a user name has no colon");
	return conf_kind_text(t, t->conf->proxy.username,
			      sizeof(t->conf->proxy.username), value);
}

int conf_proxy_password_file(struct conf_target *t, const char *value)
{
	return conf_kind_secret(t, t->conf->proxy.password_file, value);
}

/* systemd.exec(5): the name of a file in a directory that is ours alone. */
int conf_proxy_password_credential(struct conf_target *t, const char *value)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char path[CONF_PATH_MAX], file[CONF_PATH_MAX];
	int error = conf_kind_text(t, t->conf->proxy.password_credential,
				   sizeof(t->conf->proxy.password_credential),
				   value);

	if (error < 0)
		return error;
	if (strchr(value, '/') != NULL || value[0] == '.')
		return conf_wrong(t,
				  "`%s` is not the name of a credential: write "
				  "password_file for a path",
				  value);
	if (dir == NULL || dir[0] == '\0') {
		conf_wrong(t,
			   "systemd has given no credentials: add "
			   "LoadCredential=%s:FILE to the unit",
			   value);
		return t->no_secrets ? 1 : -EINVAL;
	}
	if (snprintf(path, sizeof(path), "%s/%s", dir, value) >=
	    (int)sizeof(path))
		return conf_wrong(t, "the path is too long");
	return conf_kind_secret(t, file, path);
}

int conf_proxy_credential_command(struct conf_target *t, const char *value)
{
	return conf_kind_text(t, t->conf->proxy.credential_command,
			      CONF_TEXT_MAX, value);
}

int conf_proxy_netrc_file(struct conf_target *t, const char *value)
{
	return conf_kind_private(t, t->conf->proxy.netrc_file, value);
}

static int add_scheme(struct conf_target *t, const char *word)
{
	static const char *const choices[] = { "negotiate", "ntlm", "digest",
					       "basic", NULL };
	int n = conf_kind_choice(t, choices, "negotiate, ntlm, digest, basic",
				 word);
	uint8_t *scheme = t->conf->proxy.scheme;
	uint8_t *count = &t->conf->proxy.scheme_count;

	if (n < 0)
		return n;
	if (memchr(scheme, 1 << n, *count) != NULL)
		return conf_wrong(t, "`%s` stands here twice", word);
	/* Each of the four once: there is room. */
	scheme[(*count)++] = (uint8_t)(1 << n);
	return 0;
}

_Static_assert(CONF_AUTH_NEGOTIATE == 1 << 0 && CONF_AUTH_NTLM == 1 << 1 &&
		       CONF_AUTH_DIGEST == 1 << 2 && CONF_AUTH_BASIC == 1 << 3,
	       "schemes as add_scheme() numbers them");

int conf_proxy_auth(struct conf_target *t, const char *value)
{
	static const char between[] = ", \t";
	char *copy = strdup(value), *word, *rest = NULL;
	int error = copy ? 0 : -ENOMEM;

	t->conf->proxy.scheme_count = 0;
	for (word = copy ? strtok_r(copy, between, &rest) : NULL;
	     word != NULL && error == 0; word = strtok_r(NULL, between, &rest))
		error = add_scheme(t, word);
	if (error == 0 && t->conf->proxy.scheme_count == 0)
		error = conf_wrong(t, "the value is empty: leave the line out");
	free(copy);
	return error;
}

int conf_proxy_basic_over_http(struct conf_target *t, const char *value)
{
	return conf_kind_switch(t, &t->conf->proxy.basic_over_http, value);
}

int conf_proxy_ca_file(struct conf_target *t, const char *value)
{
	return conf_kind_file(t, t->conf->proxy.ca_file, value);
}

int conf_proxy_client_cert_file(struct conf_target *t, const char *value)
{
	return conf_kind_file(t, t->conf->proxy.client_cert_file, value);
}

int conf_proxy_client_key_file(struct conf_target *t, const char *value)
{
	return conf_kind_private(t, t->conf->proxy.client_key_file, value);
}

int conf_proxy_alpn_header(struct conf_target *t, const char *value)
{
	return conf_kind_switch(t, &t->conf->proxy.alpn_header, value);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_proxy.c - logging in at the proxy: keys of [proxy], one setter for each
 */
#include <config.h>

#include "conf_proxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_relay.c - the keys of [relay NAME], one setter for each
 */
#include <config.h>

#include "conf_relay.h"

#include "conf_uri.h"

#include <string.h>
#include <strings.h>

int conf_relay_uri(struct conf_target *t, const char *value)
{
	struct conf_uri uri;
	int error = conf_uri_turn(value, &uri, t->words, t->words_max);

	if (error < 0)
		return error;
	t->relay->uri = uri;
	return 0;
}

int conf_relay_username(struct conf_target *t, const char *value)
{
	return conf_kind_text(t, t->relay->username, sizeof(t->relay->username),
			      value);
}

int conf_relay_password_file(struct conf_target *t, const char *value)
{
	return conf_kind_secret(t, t->relay->password_file, value);
}

int conf_relay_secret_file(struct conf_target *t, const char *value)
{
	return conf_kind_secret(t, t->relay->secret_file, value);
}

int conf_relay_ca_file(struct conf_target *t, const char *value)
{
	return conf_kind_file(t, t->relay->ca_file, value);
}

int conf_relay_path(struct conf_target *t, const char *value)
{
	static const char *const choices[] = {
		[CONF_PATH_AUTO] = "auto",
		[CONF_PATH_DIRECT] = "direct",
		[CONF_PATH_PROXY] = "proxy",
		NULL,
	};
	int n = conf_kind_choice(t, choices, "auto, direct, proxy", value);

	if (n < 0)
		return n;
	t->relay->path = (enum conf_path)n;
	return 0;
}

/* `http://` would show everybody on the way what the relay's credentials are:
 * only for a server on this machine. */
static bool stays_here(const char *url)
{
	static const char *const hosts[] = { "127.0.0.1", "[::1]",
					     "localhost" };

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		size_t len = strlen(hosts[i]);

		if (strncasecmp(url, hosts[i], len) == 0 &&
		    strchr(":/?", url[len]) != NULL)
			return true;
	}
	return false;
}

int conf_relay_credentials_uri(struct conf_target *t, const char *value)
{
	const char *host = NULL;

	if (strncasecmp(value, "https://", 8) == 0)
		host = value + 8;
	else if (strncasecmp(value, "http://", 7) == 0 && stays_here(value + 7))
		host = value + 7;
	if (host == NULL || strcspn(host, ":/?#") == 0)
		return conf_wrong(t, "not the URL of a server: write "
				     "https://HOST/PATH");
	if (memchr(host, '@', strcspn(host, "/?#")) != NULL)
		return conf_wrong(t, "secrets never stand in the file: write "
				     "header lines in credentials_headers_"
				     "file");
	for (const char *c = value; *c != '\0'; c++)
		if (*c <= 0x20 || *c >= 0x7f)
			return conf_wrong(t, "a URL has neither blanks nor "
					     "letters beyond ASCII: "
					     "percent-encode them");
	return conf_kind_text(t, t->relay->credentials_uri, CONF_TEXT_MAX,
			      value);
}

int conf_relay_credentials_headers_file(struct conf_target *t,
					const char *value)
{
	return conf_kind_headers(t, t->relay->credentials_headers_file, value);
}

int conf_relay_credentials_body(struct conf_target *t, const char *value)
{
	return conf_kind_text(t, t->relay->credentials_body, CONF_TEXT_MAX,
			      value);
}

int conf_relay_credential_command(struct conf_target *t, const char *value)
{
	return conf_kind_text(t, t->relay->credential_command, CONF_TEXT_MAX,
			      value);
}

int conf_relay_warm(struct conf_target *t, const char *value)
{
	return conf_kind_number(t, 0, 8, &t->relay->warm, value);
}

int conf_relay_keepalive(struct conf_target *t, const char *value)
{
	return conf_kind_number(t, 2, 25, &t->relay->keepalive_s, value);
}

int conf_relay_mobility(struct conf_target *t, const char *value)
{
	static const char *const choices[] = { "no", "auto", NULL };
	int n = conf_kind_choice(t, choices, "auto, no", value);

	if (n < 0)
		return n;
	t->relay->mobility = n == 1;
	return 0;
}

int conf_relay_redirect(struct conf_target *t, const char *value)
{
	return conf_kind_switch(t, &t->relay->redirect, value);
}

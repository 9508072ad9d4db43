/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf.c - the configuration, applied and checked
 *
 * Turns the entries of files and --set into struct conf: the last one of each
 * key, or its default, then what only several keys together show.
 */
#include <config.h>

#include "conf.h"

#include "conf_entries.h"
#include "conf_proxy.h"
#include "conf_read.h"
#include "conf_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_BYTES 4608 /* a path and words */

static void apply(struct conf_entries *e, struct conf_target *t,
		  const struct conf_key *key, const char *value,
		  const char *origin)
{
	bool comment = strstr(value, " ;") || strstr(value, " #");
	int error;

	t->origin = origin;
	error = key->set(t, value);
	if (error == -EINVAL)
		conf_entries_report(e, origin, "%s: %s%s", key->name, t->words,
				    comment ? " (a comment stands on a line "
					      "of its own)"
					    : "");
	else if (error < 0)
		conf_entries_report(e, origin, "%s: %s", key->name,
				    strerror(-error));
	else if (error > 0)
		conf_entries_warn(e, origin, "%s: %s", key->name, t->words);
}

static void apply_entry(struct conf_entries *e, struct conf_target *t,
			const struct conf_entry *entry)
{
	t->dir = entry->dir;
	apply(e, t, entry->key, entry->value, entry->origin);
}

/* The first match wins: those that are locked, then those of the command line,
 * then those of files. */
static void apply_all(struct conf_entries *e, struct conf_target *t,
		      const struct conf_key *key)
{
	for (int layer = CONF_NUM_LAYERS - 1; layer >= 0; layer--)
		for (size_t i = 0; i < e->count; i++)
			if (e->entry[i].key == key &&
			    (int)e->entry[i].layer == layer)
				apply_entry(e, t, &e->entry[i]);
}

static void apply_last(struct conf_entries *e, struct conf_target *t,
		       const struct conf_key *key, const char *relay)
{
	const struct conf_entry *entry = conf_entries_find(e, key, relay);
	char origin[64];

	if (entry != NULL) {
		apply_entry(e, t, entry);
	} else if (key->initial[0] != '\0') {
		snprintf(origin, sizeof(origin), "default of [%s]",
			 key->section);
		t->dir = NULL;
		apply(e, t, key, key->initial, origin);
	}
}

static void apply_key(struct conf_entries *e, struct conf_target *t,
		      const struct conf_key *key)
{
	if (key->repeatable) {
		apply_all(e, t, key);
	} else if (strcmp(key->section, "relay") != 0) {
		apply_last(e, t, key, NULL);
	} else {
		for (size_t i = 0; i < t->conf->relay_count; i++) {
			t->relay = &t->conf->relay[i];
			apply_last(e, t, key, t->relay->name);
		}
	}
}

/* Does a file or --set give this key? */
static const char *given(const struct conf_entries *e, const char *section,
			 const char *name, const char *relay)
{
	const struct conf_entry *entry;

	for (size_t i = 0; i < conf_key_count; i++) {
		if (strcmp(conf_keys[i].section, section) != 0 ||
		    strcmp(conf_keys[i].name, name) != 0)
			continue;
		entry = conf_entries_find(e, &conf_keys[i], relay);
		return entry ? entry->origin : NULL;
	}
	return NULL;
}

/* Which of `keys` is given; a second one is reported. NULL: none. */
static const char *given_once(struct conf_entries *e, const char *section,
			      const char *const *keys, size_t count,
			      const char *relay)
{
	const char *first = NULL, *origin;

	for (size_t i = 0; i < count; i++) {
		origin = given(e, section, keys[i], relay);
		if (origin != NULL && first != NULL)
			conf_entries_report(e, origin,
					    "%s: %s is given as well: leave "
					    "one of them",
					    keys[i], first);
		else if (origin != NULL)
			first = keys[i];
	}
	return first;
}

static void forget_login(struct conf_proxy_server *server)
{
	explicit_bzero(server->username, sizeof(server->username));
	explicit_bzero(server->password, sizeof(server->password));
}

/* A source of the login takes the place of what the environment told: nobody
 * gets the password of another name. */
static void settle_login(struct conf *conf, const char *username,
			 const char *source)
{
	if (username == NULL && source == NULL)
		return;
	for (size_t i = 0; i < conf->proxy.server_count; i++)
		forget_login(&conf->proxy.server[i]);
	forget_login(&conf->proxy.plain);
}

static void check_login(struct conf_entries *e, struct conf *conf)
{
	const char *username = given(e, "proxy", "username", NULL);
	const char *source = given_once(e, "proxy", conf_proxy_logins,
					CONF_PROXY_LOGINS, NULL);

	if (username != NULL && source == NULL)
		conf_entries_report(e, username,
				    "username: password_file is missing in "
				    "[proxy]");
	/* The others can tell the name as well. */
	if (username == NULL && source != NULL &&
	    strncmp(source, "password_", 9) == 0)
		conf_entries_report(e, given(e, "proxy", source, NULL),
				    "%s: username is missing in [proxy]",
				    source);
	settle_login(conf, username, source);
}

static void check_proxy(struct conf_entries *e, struct conf *conf)
{
	static const char *const pair[] = { "client_cert_file",
					    "client_key_file" };

	check_login(e, conf);
	for (size_t i = 0; i < ARRAY_SIZE(pair); i++) {
		const char *origin = given(e, "proxy", pair[i], NULL);

		if (origin != NULL && given(e, "proxy", pair[!i], NULL) == NULL)
			conf_entries_report(e, origin,
					    "%s: %s is missing in [proxy]",
					    pair[i], pair[!i]);
	}
}

/* One source of credentials, and what belongs to it. None at all is told when
 * the relay is made: the secrets are read there. */
static void check_credentials(struct conf_entries *e, const char *name)
{
	static const char *const kinds[] = { "password_file", "secret_file",
					     "credentials_uri",
					     "credential_command" };
	const char *username = given(e, "relay", "username", name);
	const char *password = given(e, "relay", "password_file", name);
	const char *secret = given(e, "relay", "secret_file", name);
	const char *first = given_once(e, "relay", kinds, ARRAY_SIZE(kinds),
				       name);

	if (password != NULL && username == NULL)
		conf_entries_report(e, password,
				    "password_file: username is missing");
	if (username != NULL && first == NULL)
		conf_entries_report(e, username,
				    "username: password_file or secret_file "
				    "is missing");
	else if (username != NULL && password == NULL && secret == NULL)
		conf_entries_report(e, username,
				    "username: %s gives it: leave it out",
				    first);
}

static void check_fetch(struct conf_entries *e, const char *name)
{
	static const char *const keys[] = { "credentials_headers_file",
					    "credentials_body" };

	if (given(e, "relay", "credentials_uri", name) != NULL)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *origin = given(e, "relay", keys[i], name);

		if (origin != NULL)
			conf_entries_report(e, origin,
					    "%s: credentials_uri is missing",
					    keys[i]);
	}
}

static void check_path(struct conf_entries *e, const struct conf *conf,
		       const struct conf_relay *relay)
{
	if (relay->path != CONF_PATH_PROXY)
		return;
	if (conf->proxy.source == CONF_PROXY_NONE &&
	    given(e, "proxy", "url", NULL) != NULL)
		conf_entries_report(e, relay->origin,
				    "path: there is no proxy: set url in "
				    "[proxy]");
	if (relay->uri.transport == CONF_TRANSPORT_UDP)
		conf_entries_report(e, given(e, "relay", "uri", relay->name),
				    "uri: the proxy carries no UDP: write "
				    "?transport=tcp, or another path");
}

static void check_relay(struct conf_entries *e, const struct conf *conf,
			const struct conf_relay *relay)
{
	const char *uri = given(e, "relay", "uri", relay->name);
	const char *ca = given(e, "relay", "ca_file", relay->name);

	if (uri == NULL &&
	    given(e, "relay", "credentials_uri", relay->name) == NULL)
		conf_entries_report(e, relay->origin,
				    "relay %s has no uri: write uri = "
				    "turns:HOST:443?transport=tcp",
				    relay->name);
	check_credentials(e, relay->name);
	check_fetch(e, relay->name);
	if (ca != NULL && relay->uri.host[0] != '\0' && !relay->uri.tls)
		conf_entries_report(e, ca,
				    "ca_file: the relay is not reached over "
				    "TLS: write turns: in uri");
	check_path(e, conf, relay);
}

/* The relays that sections and settings name, in order. */
static int make_relays(struct conf *conf, const struct conf_entries *e)
{
	conf->relay = calloc(e->relay_count + 1, sizeof(*conf->relay));
	if (conf->relay == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < e->relay_count; i++) {
		struct conf_relay *relay = &conf->relay[i];

		snprintf(relay->name, sizeof(relay->name), "%s",
			 e->relay[i].name);
		snprintf(relay->origin, sizeof(relay->origin), "%s",
			 e->relay[i].origin);
	}
	conf->relay_count = e->relay_count;
	return 0;
}

struct conf *conf_load(const struct conf_source *source, conf_report_fn *report,
		       void *arg)
{
	struct conf *conf = calloc(1, sizeof(*conf));
	char words[WORDS_BYTES] = "";
	struct conf_target t = {
		.conf = conf,
		.words = words,
		.words_max = sizeof(words),
		.no_secrets = source->no_secrets,
	};
	struct conf_entries e;
	bool failed;

	conf_entries_init(&e, report, arg);
	conf_read(&e, source);
	if (conf == NULL || make_relays(conf, &e) < 0) {
		conf_entries_report(&e, "tunneld", "out of memory");
	} else {
		for (size_t i = 0; i < conf_key_count; i++)
			apply_key(&e, &t, &conf_keys[i]);
		check_proxy(&e, conf);
		for (size_t i = 0; i < conf->relay_count; i++)
			check_relay(&e, conf, &conf->relay[i]);
	}
	failed = e.failed;
	if (conf != NULL) {
		conf->file = e.file;
		e.file = NULL;
	}
	conf_entries_fini(&e);
	if (!failed)
		return conf;
	conf_free(conf);
	return NULL;
}

void conf_free(struct conf *conf)
{
	if (conf == NULL)
		return;
	for (size_t i = 0; i < CONF_PROXIES_MAX; i++)
		forget_login(&conf->proxy.server[i]);
	forget_login(&conf->proxy.plain);
	for (char **p = conf->proxy.no_proxy; p != NULL && *p != NULL; p++)
		free(*p);
	free(conf->proxy.no_proxy);
	for (char **p = conf->file; p != NULL && *p != NULL; p++)
		free(*p);
	free(conf->file);
	free(conf->relay);
	rules_fini(&conf->rules);
	free(conf);
}

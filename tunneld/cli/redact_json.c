/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * redact_json.c - a JSON document reduced to members that are on a list
 *
 * Turns a document of tunneld into one with the same shape, in which a member
 * is there only if its key stands here, and has only what its kind allows. A
 * member that somebody adds to a document later is left out until it is added
 * here as well.
 */
#include <config.h>

#include "redact_json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum kind {
	KIND_PLAIN = 0, /* number, boolean, null; containers are gone into */
	KIND_TEXT,      /* the same, and text by redact_text() */
	KIND_ID,        /* words of turnout with dots between: "proxy.tcp" */
	KIND_WORD,      /* this and all below become pseudonyms */
	KIND_HOST,
	KIND_RELAY,
	KIND_PATH,
	/* an object whose keys are words of turnout, with numbers in it */
	KIND_COUNTS,
};

static const struct member {
	const char *key;
	enum kind kind;
} members[] = {
	/* of all documents */
	{ "schema", KIND_TEXT },
	{ "version", KIND_TEXT },
	{ "at", KIND_TEXT },
	{ "state", KIND_TEXT },
	/* turnout-status/1 */
	{ "complete", KIND_PLAIN },
	{ "everybody", KIND_PLAIN },
	{ "daemon", KIND_PLAIN },
	{ "pid", KIND_PLAIN },
	{ "kind", KIND_TEXT },
	{ "socket", KIND_TEXT },
	{ "config", KIND_TEXT },
	{ "ready", KIND_PLAIN },
	{ "uptime_ms", KIND_PLAIN },
	{ "sandbox", KIND_TEXT },
	{ "reload", KIND_PLAIN },
	{ "ok", KIND_PLAIN },
	{ "network", KIND_PLAIN },
	{ "proxy", KIND_TEXT },
	{ "proxy_source", KIND_TEXT },
	{ "media_mode", KIND_TEXT },
	{ "media", KIND_TEXT },
	{ "direct_udp", KIND_TEXT },
	{ "proxies", KIND_PLAIN },
	{ "url", KIND_TEXT },
	{ "configured", KIND_PLAIN },
	{ "rests", KIND_PLAIN },
	{ "answered_ms", KIND_PLAIN },
	{ "login", KIND_PLAIN },
	{ "scheme", KIND_TEXT },
	{ "realm", KIND_WORD },
	{ "refused_at", KIND_TEXT },
	{ "relays", KIND_PLAIN },
	{ "name", KIND_TEXT }, /* of relays they are known */
	{ "host", KIND_HOST },
	{ "port", KIND_PLAIN },
	{ "transport", KIND_TEXT },
	{ "way", KIND_TEXT },
	{ "preferred", KIND_PLAIN },
	{ "worked", KIND_PLAIN },
	{ "failing", KIND_PLAIN },
	{ "rtt_ms", KIND_PLAIN },
	{ "keepalive_s", KIND_PLAIN },
	{ "keepalive_learned", KIND_PLAIN },
	{ "mobility", KIND_TEXT },
	{ "apps", KIND_PLAIN },
	{ "program", KIND_PATH },
	{ "since_ms", KIND_PLAIN },
	{ "asked_ms", KIND_PLAIN },
	{ "connects", KIND_PLAIN },
	{ "connects_failed", KIND_PLAIN },
	{ "lookups", KIND_PLAIN },
	{ "sockets", KIND_PLAIN },
	{ "flows", KIND_PLAIN },
	{ "age_ms", KIND_PLAIN },
	{ "talks", KIND_PLAIN },
	{ "up", KIND_PLAIN },
	{ "down", KIND_PLAIN },
	{ "datagrams", KIND_PLAIN },
	{ "bytes", KIND_PLAIN },
	{ "last_ms", KIND_PLAIN },
	{ "dropped", KIND_PLAIN },
	{ "malformed", KIND_PLAIN },
	{ "unresolved", KIND_PLAIN },
	{ "rtp", KIND_PLAIN },
	{ "streams", KIND_PLAIN },
	{ "expected", KIND_PLAIN },
	{ "lost", KIND_PLAIN },
	{ "uplinks", KIND_PLAIN },
	{ "flows_left_out", KIND_PLAIN },
	{ "tcp", KIND_PLAIN },
	{ "connecting", KIND_PLAIN },
	{ "opened", KIND_PLAIN },
	{ "failed", KIND_PLAIN },
	{ "refused", KIND_PLAIN },
	{ "failed_by", KIND_COUNTS },
	{ "pump", KIND_PLAIN },
	{ "connections", KIND_PLAIN },
	{ "names", KIND_PLAIN },
	{ "counters", KIND_COUNTS },
	/* turnout-doctor/1 */
	{ "took_ms", KIND_PLAIN },
	{ "verdict", KIND_PLAIN },
	{ "calls", KIND_TEXT },
	{ "words", KIND_TEXT },
	{ "who", KIND_TEXT },
	{ "path", KIND_PLAIN },
	{ "lines", KIND_PLAIN },
	{ "id", KIND_ID },
	{ "title", KIND_TEXT },
	{ "about", KIND_TEXT },
	{ "relay", KIND_RELAY },
	{ "figure", KIND_TEXT },
	{ "values", KIND_COUNTS },
	{ "change", KIND_TEXT },
	{ "evidence", KIND_TEXT },
	{ "series", KIND_PLAIN },
	{ "echo_rtt_ms", KIND_PLAIN },
	{ "up_kbps", KIND_PLAIN },
	{ "down_kbps", KIND_PLAIN },
	/* tunneld --show-config --json */
	{ "section", KIND_TEXT },
	{ "key", KIND_TEXT },
	{ "value", KIND_TEXT },
	{ "environment", KIND_TEXT },
	{ "origin", KIND_TEXT },
	{ "locked", KIND_PLAIN },
	{ "overrides", KIND_TEXT },
};

struct reducing {
	struct redact *r;
	const char *key; /* that is looked at */
	char *left_out;  /* "uid, cookie" */
};

static json_t *reduce(struct reducing *x, const json_t *value, enum kind kind);

static bool is_told(const char *told, const char *name)
{
	size_t len = strlen(name);

	for (; told != NULL; told = strchr(told, ',')) {
		told += strspn(told, ", ");
		if (strncmp(told, name, len) == 0 &&
		    (told[len] == ',' || told[len] == '\0'))
			return true;
	}
	return false;
}

static void leave_out(struct reducing *x, const char *key)
{
	size_t len = strlen(x->left_out);
	char name[REDACT_NAME_MAX];

	if (!redact_is_ours(key, strlen(key)))
		key = redact_name(x->r, REDACT_WORD, key, name);
	if (is_told(x->left_out, key))
		return;
	if (len + strlen(key) + 8 > REDACT_JSON_OUT_MAX)
		key = "more";
	if (!is_told(x->left_out, key))
		sprintf(x->left_out + len, "%s%s", len > 0 ? ", " : "", key);
}

static json_t *text_of(struct reducing *x, const json_t *value)
{
	char *out = NULL;
	size_t bytes = 0;
	FILE *to = open_memstream(&out, &bytes);
	json_t *text;

	if (to == NULL)
		return NULL;
	redact_text(x->r, json_string_value(value), json_string_length(value),
		    false, to);
	if (fclose(to) != 0)
		return NULL;
	text = json_stringn(out, bytes);
	free(out);
	return text;
}

static json_t *name_of(struct reducing *x, const json_t *value, enum kind kind)
{
	static const enum redact_kind kinds[] = {
		[KIND_WORD] = REDACT_WORD,
		[KIND_HOST] = REDACT_HOST,
		[KIND_RELAY] = REDACT_RELAY,
		[KIND_PATH] = REDACT_PATH,
	};
	char name[REDACT_NAME_MAX];

	return json_string(
		redact_name(x->r, kinds[kind], json_string_value(value), name));
}

/* With dots it would be taken for a host. */
static bool is_id(const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, ".");

		if (!redact_is_ours(text, len))
			return false;
		text += len + (text[len] == '.');
	}
	return true;
}

static json_t *reduce_string(struct reducing *x, const json_t *value,
			     enum kind kind)
{
	if (kind == KIND_ID && is_id(json_string_value(value)))
		return json_copy((json_t *)(uintptr_t)value);
	if (kind == KIND_TEXT || kind == KIND_ID)
		return text_of(x, value);
	if (kind != KIND_PLAIN && kind != KIND_COUNTS)
		return name_of(x, value, kind);
	leave_out(x, x->key);
	return json_null();
}

static const struct member *find(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (strcmp(members[i].key, key) == 0)
			return &members[i];
	return NULL;
}

static json_t *reduce_object(struct reducing *x, json_t *object, enum kind kind)
{
	json_t *out = json_object(), *value;
	const char *key;

	json_object_foreach(object, key, value)
	{
		const struct member *m = find(key);
		bool ours = m == NULL && kind == KIND_COUNTS &&
			    redact_is_ours(key, strlen(key));

		x->key = key;
		if ((m == NULL && !ours) ||
		    json_object_set_new(
			    out, key, reduce(x, value, ours ? kind : m->kind)) <
			    0)
			leave_out(x, key);
	}
	return out;
}

static json_t *reduce_array(struct reducing *x, const json_t *array,
			    enum kind kind)
{
	json_t *out = json_array();

	for (size_t i = 0; i < json_array_size(array); i++)
		if (json_array_append_new(
			    out, reduce(x, json_array_get(array, i), kind)) < 0)
			leave_out(x, x->key);
	return out;
}

/* The document is tunneld's, and jansson reads no deeper than 2048. */
static json_t *reduce(struct reducing *x, const json_t *value, enum kind kind)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return reduce_object(x, (json_t *)(uintptr_t)value, kind);
	case JSON_ARRAY:
		return reduce_array(x, value, kind);
	case JSON_STRING:
		return reduce_string(x, value, kind);
	default:
		return json_copy((json_t *)(uintptr_t)value);
	}
}

json_t *redact_json(struct redact *r, const json_t *doc,
		    char left_out[REDACT_JSON_OUT_MAX])
{
	struct reducing x = { .r = r, .key = "", .left_out = left_out };

	left_out[0] = '\0';
	return reduce(&x, doc, KIND_PLAIN);
}

/* Names */

static void learn_uri_host(struct redact *r, const char *uri)
{
	const char *host = strstr(uri, "://");
	char text[256];
	size_t len;

	host = host != NULL ? host + 3 : strchr(uri, ':');
	if (host == NULL)
		return;
	if (*host == ':')
		host++;
	len = strcspn(host, ":/?# ");
	if (memchr(host, '@', len) != NULL || len == 0 || len >= sizeof(text))
		return;
	memcpy(text, host, len);
	text[len] = '\0';
	redact_know(r, REDACT_HOST, text);
}

static void learn_row(struct redact *r, const char *key, const char *value)
{
	if (strcmp(key, "username") == 0)
		redact_know(r, REDACT_USER, value);
	else if (strcmp(key, "password_credential") == 0)
		redact_know(r, REDACT_WORD, value);
	else if (strcmp(key, "url") == 0 || strstr(key, "uri") != NULL)
		learn_uri_host(r, value);
}

void redact_json_learn(struct redact *r, const json_t *doc)
{
	const json_t *rows = json_object_get(doc, "values");
	const json_t *relays = json_object_get(doc, "relays");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *key, *value;

		redact_know(r, REDACT_RELAY,
			    json_string_value(json_object_get(row, "name")));
		key = json_string_value(json_object_get(row, "key"));
		value = json_string_value(json_object_get(row, "value"));
		if (key != NULL && value != NULL)
			learn_row(r, key, value);
	}
	for (size_t i = 0; i < json_array_size(relays); i++) {
		const json_t *relay = json_array_get(relays, i);

		redact_know(r, REDACT_RELAY,
			    json_string_value(json_object_get(relay, "name")));
		redact_know(r, REDACT_HOST,
			    json_string_value(json_object_get(relay, "host")));
	}
}

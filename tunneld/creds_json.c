/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * creds_json.c - what services and commands say about credentials, in
 *
 * One walk serves all forms: an object may hold a login, URIs and a time of
 * its own, and a list of servers that hold the same. The login of the first
 * that is good for TURN counts, and of the others the URIs that go with it.
 */
#include <config.h>

#include "creds_json.h"

#include "creds_private.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

/* Lists longer than this are no list of relays. */
#define SERVERS_MAX 64
/* {"d": {"v": {"iceServers": … */
#define WRAPPERS_MAX 3
#define DEPTH_MAX    16
/* A year. Also keeps sums of times far from their ends. */
#define TTL_MAX_S 31536000.0
/* Numbers in usernames that are times: 2001 … 5138. */
#define EPOCH_MIN 1000000000LL
#define EPOCH_MAX 100000000000LL

struct login {
	const char *username, *password;
};

/* What the parser holds is secret. */
static void wipe_free(void *p)
{
	if (p != NULL)
		OPENSSL_cleanse(p, malloc_usable_size(p));
	free(p);
}

static void use_wiping_memory(void)
{
	json_set_alloc_funcs(malloc, wipe_free);
}

/* The parser calls itself for each level. */
static bool too_deep(const char *text, size_t len)
{
	int depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len && depth <= DEPTH_MAX; i++) {
		if (quoted && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && (text[i] == '{' || text[i] == '['))
			depth++;
		else if (!quoted && (text[i] == '}' || text[i] == ']'))
			depth--;
	}
	return depth > DEPTH_MAX;
}

/* The first of these members that is a string; NULL: none. */
static const char *text_of(const json_t *object, const char *a, const char *b)
{
	const char *text = json_string_value(json_object_get(object, a));

	return text != NULL ? text
			    : json_string_value(json_object_get(object, b));
}

static bool get_login(const json_t *object, struct login *l)
{
	l->username = text_of(object, "username", "userName");
	l->password = text_of(object, "credential", "password");
	return l->username != NULL && l->username[0] != '\0' &&
	       l->password != NULL;
}

static bool is_turn(const char *uri)
{
	if (strncasecmp(uri, "turn:", 5) != 0 &&
	    strncasecmp(uri, "turns:", 6) != 0)
		return false;
	for (const char *c = uri; *c != '\0'; c++)
		if (*c <= 0x20 || *c >= 0x7f)
			return false;
	return strlen(uri) < CREDS_URI_MAX;
}

/* Some write the URIs of Uberti's draft without their scheme, or a STUN server
 * among them: neither is a relay. */
static void add_uri(struct creds_served *out, const char *uri)
{
	if (uri == NULL || !is_turn(uri) || out->uri_count == CREDS_URIS_MAX)
		return;
	for (size_t i = 0; i < out->uri_count; i++)
		if (strcmp(out->uri[i], uri) == 0)
			return;
	memcpy(out->uri[out->uri_count++], uri, strlen(uri) + 1);
}

static const json_t *uris_of(const json_t *object)
{
	static const char *const names[] = { "urls", "url", "uris", "uri" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const json_t *v = json_object_get(object, names[i]);

		if (json_is_string(v) || json_is_array(v))
			return v;
	}
	return NULL;
}

static void add_uris(struct creds_served *out, const json_t *uris)
{
	if (json_is_string(uris))
		add_uri(out, json_string_value(uris));
	for (size_t i = 0; json_is_array(uris) && i < json_array_size(uris) &&
			   i < SERVERS_MAX;
	     i++)
		add_uri(out, json_string_value(json_array_get(uris, i)));
}

static bool has_turn(const json_t *uris)
{
	const char *one = json_string_value(uris);

	if (one != NULL)
		return is_turn(one);
	for (size_t i = 0; i < json_array_size(uris) && i < SERVERS_MAX; i++) {
		one = json_string_value(json_array_get(uris, i));
		if (one != NULL && is_turn(one))
			return true;
	}
	return false;
}

/* 86400, "86400", "86400s" */
static int64_t seconds_of(const json_t *value)
{
	double s = 0;

	if (json_is_number(value))
		s = json_number_value(value);
	else if (json_is_string(value))
		s = strtod(json_string_value(value), NULL);
	if (!(s >= 1)) /* a NaN, too */
		return 0;
	return (int64_t)(s < TTL_MAX_S ? s : TTL_MAX_S);
}

static void take_ttl(struct creds_served *out, const json_t *object)
{
	static const char *const names[] = { "ttl", "expires_in", "expiresIn",
					     "lifetimeDuration" };

	for (size_t i = 0; out->ttl_s == 0 && i < ARRAY_SIZE(names); i++)
		out->ttl_s = seconds_of(json_object_get(object, names[i]));
}

/* draft-uberti-behave-turn-rest-00, 2.2: "expiry:id"; coturn takes "id:expiry"
 * as well. 0: no such thing. */
static int64_t expiry_in(const char *username)
{
	const char *colon = strrchr(username, ':');
	char *end;
	long long t = strtoll(username, &end, 10);

	if (!isdigit((unsigned char)*username) || (*end != ':' && *end != '\0'))
		t = colon != NULL && isdigit((unsigned char)colon[1])
			    ? strtoll(colon + 1, &end, 10)
			    : 0;
	return t > EPOCH_MIN && t < EPOCH_MAX ? t : 0;
}

static const char *set_login(struct creds_served *out, const char *username,
			     const char *password)
{
	if (strlen(username) > CREDS_USERNAME_MAX)
		return "the username in it is too long";
	if (strlen(password) > CREDS_PASSWORD_MAX)
		return "the password in it is too long";
	memcpy(out->username, username, strlen(username) + 1);
	memcpy(out->password, password, strlen(password) + 1);
	if (out->expires_s == 0)
		out->expires_s = expiry_in(username);
	return NULL;
}

/* The list of servers in an object, or the value that is one; NULL: none. */
static const json_t *servers_of(const json_t *value)
{
	static const char *const names[] = { "iceServers", "ice_servers",
					     "iceservers" };
	const json_t *v = NULL;

	if (json_is_array(value))
		return value;
	for (size_t i = 0; v == NULL && i < ARRAY_SIZE(names); i++)
		v = json_object_get(value, names[i]);
	return json_is_object(v) || json_is_array(v) ? v : NULL;
}

static size_t server_count(const json_t *servers)
{
	size_t n = json_is_array(servers) ? json_array_size(servers) : 1;

	if (servers == NULL)
		return 0;
	return n < SERVERS_MAX ? n : SERVERS_MAX;
}

static const json_t *server_at(const json_t *servers, size_t i)
{
	return json_is_array(servers) ? json_array_get(servers, i) : servers;
}

/* The URIs of servers with this login, or with none of their own. */
static void add_servers(struct creds_served *out, const json_t *servers,
			const struct login *login)
{
	for (size_t i = 0; i < server_count(servers); i++) {
		const json_t *server = server_at(servers, i);
		struct login l;

		if (get_login(server, &l) &&
		    (strcmp(l.username, login->username) != 0 ||
		     strcmp(l.password, login->password) != 0))
			continue;
		add_uris(out, uris_of(server));
	}
}

static bool first_login(const json_t *servers, struct login *login)
{
	for (size_t i = 0; i < server_count(servers); i++) {
		const json_t *server = server_at(servers, i);

		if (has_turn(uris_of(server)) && get_login(server, login))
			return true;
	}
	return false;
}

static const char *what_is_missing(const json_t *value, const json_t *servers)
{
	struct login l;

	for (size_t i = 0; i < server_count(servers); i++)
		if (has_turn(uris_of(server_at(servers, i))))
			return "a TURN server is in it, but no username and "
			       "credential for it";
	if (server_count(servers) > 0)
		return "no server in it is for TURN (turn: or turns:)";
	if (servers != NULL)
		return "its list of servers is empty";
	get_login(value, &l);
	if (l.username != NULL && l.password == NULL)
		return "a username is in it, but no password (or credential)";
	if (l.password != NULL)
		return "a password is in it, but no username";
	return "neither a username and password nor a list of servers "
	       "(iceServers) is in it";
}

static const char *take(struct creds_served *out, const json_t *value)
{
	const json_t *servers = servers_of(value);
	struct login login;

	if (!get_login(value, &login) && !first_login(servers, &login))
		return what_is_missing(value, servers);
	take_ttl(out, value);
	for (size_t i = 0; i < server_count(servers); i++)
		take_ttl(out, server_at(servers, i));
	add_uris(out, uris_of(value));
	add_servers(out, servers, &login);
	return set_login(out, login.username, login.password);
}

/* What wraps the answer, off. */
static const json_t *unwrap(const json_t *value)
{
	static const char *const names[] = { "v", "d", "data", "result" };
	struct login l;

	for (int depth = 0; depth < WRAPPERS_MAX; depth++) {
		const json_t *inner = NULL;

		if (servers_of(value) != NULL || get_login(value, &l))
			break;
		for (size_t i = 0; inner == NULL && i < ARRAY_SIZE(names); i++)
			inner = json_object_get(value, names[i]);
		if (!json_is_object(inner) && !json_is_array(inner))
			break;
		value = inner;
	}
	return value;
}

static int done(struct creds_served *out, const char **words)
{
	if (*words == NULL)
		return 0;
	OPENSSL_cleanse(out, sizeof(*out));
	return -EBADMSG;
}

int creds_json_parse(const char *text, size_t len, struct creds_served *out,
		     const char **words)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	json_t *root = NULL;

	pthread_once(&once, use_wiping_memory);
	memset(out, 0, sizeof(*out));
	*words = "too long";
	if (len > CREDS_JSON_BYTES_MAX)
		return -EBADMSG;
	*words = "nested too deep";
	if (too_deep(text, len))
		return -EBADMSG;
	*words = "not JSON";
	/* RFC 8259, 8.1: parsers may ignore a byte order mark */
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	root = json_loadb(text, len, 0, NULL);
	if (root != NULL)
		*words = take(out, unwrap(root));
	json_decref(root);
	return done(out, words);
}

/* Lines */

static void take_line(struct creds_served *out, struct login *l, char *line)
{
	char *value = strchr(line, '=');

	if (value == NULL)
		return;
	*value++ = '\0';
	value[strcspn(value, "\r")] = '\0';
	if (strcmp(line, "username") == 0)
		l->username = value;
	else if (strcmp(line, "password") == 0)
		l->password = value;
	else if (strcmp(line, "uri") == 0)
		add_uri(out, value);
	else if (strcmp(line, "ttl") == 0)
		out->ttl_s = (int64_t)strtoll(value, NULL, 10);
	else if (strcmp(line, "password_expiry_utc") == 0)
		out->expires_s = (int64_t)strtoll(value, NULL, 10);
}

static int parse_lines(char *text, struct creds_served *out, const char **words)
{
	struct login l = { NULL, NULL };
	char *save = NULL, *line;

	for (line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save))
		take_line(out, &l, line);
	if (out->ttl_s < 0 || out->ttl_s > (int64_t)TTL_MAX_S)
		out->ttl_s = 0;
	if (out->expires_s < EPOCH_MIN || out->expires_s > EPOCH_MAX)
		out->expires_s = 0;
	if (l.username == NULL || *l.username == '\0')
		*words = "no line username=… is in it";
	else if (l.password == NULL)
		*words = "no line password=… is in it";
	else
		*words = set_login(out, l.username, l.password);
	return done(out, words);
}

int creds_json_parse_any(const char *text, size_t len, struct creds_served *out,
			 const char **words)
{
	size_t start = 0;
	char *copy;
	int rc;

	memset(out, 0, sizeof(*out));
	while (start < len &&
	       strchr(" \t\r\n\xef\xbb\xbf", text[start]) != NULL)
		start++;
	*words = "nothing is in it";
	if (start == len)
		return -EBADMSG;
	if (text[start] == '{' || text[start] == '[')
		return creds_json_parse(text + start, len - start, out, words);
	*words = "too long, or a NUL is in it";
	if (len > CREDS_JSON_BYTES_MAX || memchr(text, '\0', len) != NULL)
		return -EBADMSG;
	*words = "out of memory";
	copy = strndup(text, len);
	if (copy == NULL)
		return -ENOMEM;
	rc = parse_lines(copy, out, words);
	OPENSSL_cleanse(copy, len);
	free(copy);
	return rc;
}

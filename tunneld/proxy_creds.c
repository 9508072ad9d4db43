/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_creds.c - where the username and the password at the proxy come from
 *
 * Theory of operation
 *
 * Files are read at each need: so nothing has to tell that one has changed,
 * and no copy of the secret stays behind. A command costs too much for that,
 * and may put a question on somebody's screen: what it printed for a proxy is
 * kept in `answers` until it is refused, and it runs at most every PAUSE_MS,
 * in one thread, while the others that need it wait. Its failure is kept as
 * well. A dial that is cancelled meanwhile has asked nothing.
 */
#include <config.h>

#include "proxy_creds.h"

#include "cancel.h"
#include "clock.h"
#include "command.h"
#include "conf_secret.h"
#include "proxy_creds_parse.h"

#include <turnout/control.h>

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/crypto.h>

#define PAUSE_MS    30000
#define ANSWERS     8 /* proxies that one command is asked about */
#define WORDS_MAX   160
#define NETRC_BYTES 65536

/* What the command said about one proxy. */
struct answer {
	char host[CONTROL_NAME_MAX + 1]; /* "": a free place */
	uint16_t port;
	bool stale; /* refused since */
	uint64_t asked_ms;
	int result;
	char words[WORDS_MAX];
	struct proxy_login_text login;
};

struct proxy_creds {
	atomic_uint refs;
	enum proxy_creds_kind kind;
	char *source;
	struct proxy_login_text configured;
	pthread_mutex_t lock;
	/* the rest is locked */
	pthread_cond_t settled;
	bool asking;
	unsigned int oldest; /* of `answers`: replaced next */
	struct answer answers[ANSWERS];
};

static const char *const kind_words[] = {
	[PROXY_CREDS_FIXED] = "proxy URL",
	[PROXY_CREDS_FILE] = "password file",
	[PROXY_CREDS_COMMAND] = "credential_command",
	[PROXY_CREDS_NETRC] = "netrc_file",
};
_Static_assert(ARRAY_SIZE(kind_words) == PROXY_CREDS_NUM_KINDS,
	       "words for each kind");

static int fail(char *words, size_t max, int error, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

static int fail(char *words, size_t max, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, max, fmt, ap);
	va_end(ap);
	return error;
}

static bool copy(char *out, size_t max, const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	if (len >= max)
		return false;
	memcpy(out, text != NULL ? text : "", len + 1);
	return true;
}

static void init_settled(struct proxy_creds *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->settled, &attr);
	pthread_condattr_destroy(&attr);
}

struct proxy_creds *proxy_creds_new(const struct proxy_creds_opts *opts)
{
	struct proxy_creds *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	atomic_init(&c->refs, 1);
	c->kind = opts->kind;
	pthread_mutex_init(&c->lock, NULL);
	init_settled(c);
	c->source = strdup(opts->source != NULL ? opts->source : "");
	if (c->source == NULL ||
	    !copy(c->configured.username, sizeof(c->configured.username),
		  opts->username) ||
	    !copy(c->configured.password, sizeof(c->configured.password),
		  opts->password)) {
		int error = c->source == NULL ? ENOMEM : EINVAL;

		proxy_creds_put(c);
		errno = error;
		return NULL;
	}
	return c;
}

struct proxy_creds *proxy_creds_get(struct proxy_creds *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void proxy_creds_put(struct proxy_creds *c)
{
	if (c == NULL || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	pthread_cond_destroy(&c->settled);
	pthread_mutex_destroy(&c->lock);
	free(c->source);
	OPENSSL_cleanse(c, sizeof(*c));
	free(c);
}

/* Files */

static int from_file(const struct proxy_creds *c, struct proxy_login_text *out,
		     char *words, size_t max)
{
	int rc = conf_read_secret(c->source, out->password,
				  sizeof(out->password));

	return rc == 0 ? 0
		       : fail(words, max, rc, "%s %.80s: %s",
			      kind_words[c->kind], c->source,
			      conf_secret_words(rc));
}

static int from_netrc(const struct proxy_creds *c, const char *host,
		      struct proxy_login_text *out, char *words, size_t max)
{
	char *text = malloc(NETRC_BYTES);
	const char *why = NULL;
	int rc = -ENOMEM;

	if (text != NULL)
		rc = conf_read_secret_text(c->source, text, NETRC_BYTES);
	if (rc == 0)
		rc = proxy_creds_parse_netrc(text, host, out, &why);
	if (text != NULL)
		OPENSSL_cleanse(text, NETRC_BYTES);
	free(text);
	if (rc == 0)
		return 0;
	return fail(words, max, rc, "%s %.80s: %s", kind_words[c->kind],
		    c->source, why != NULL ? why : conf_secret_words(rc));
}

/* The command */

/* `a` is not in the table. */
static void ask(const struct proxy_creds *c, struct answer *a,
		uint64_t deadline_ms, struct cancel *cancel)
{
	const char *user = c->configured.username, *why = NULL;
	bool v6 = strchr(a->host, ':') != NULL;
	char input[CONTROL_NAME_MAX + PROXY_USERNAME_MAX + 80];
	struct command cmd = { .text = c->source,
			       .input = input,
			       .deadline_ms = deadline_ms,
			       .cancel = cancel };

	snprintf(input, sizeof(input),
		 "protocol=http\nhost=%s%s%s:%u\n%s%s%s\n", v6 ? "[" : "",
		 a->host, v6 ? "]" : "", (unsigned int)a->port,
		 user[0] != '\0' ? "username=" : "", user,
		 user[0] != '\0' ? "\n" : "");
	a->login = (struct proxy_login_text){ .username = "" };
	strcpy(a->login.username, user);
	a->asked_ms = clock_now_ms();
	a->stale = false;
	a->result = command_run(&cmd);
	if (a->result == 0) {
		a->result = proxy_creds_parse_git(cmd.out, &a->login, &why);
		command_fini(&cmd);
	}
	if (a->result < 0)
		snprintf(a->words, sizeof(a->words), "%s: %.130s",
			 kind_words[c->kind], why != NULL ? why : cmd.words);
}

/* Locked. */
static struct answer *find(struct proxy_creds *c, const char *host,
			   uint16_t port)
{
	for (struct answer *a = c->answers; a < c->answers + ANSWERS; a++)
		if (a->port == port && a->host[0] != '\0' &&
		    strcasecmp(a->host, host) == 0)
			return a;
	return NULL;
}

/* Locked. Is there nothing to gain by asking? */
static bool may_do(const struct answer *a)
{
	bool good = a->result == 0 && !a->stale;

	return good || clock_now_ms() - a->asked_ms < PAUSE_MS;
}

/* Locked, but not while the command runs. */
static void ask_unlocked(struct proxy_creds *c, const char *host, uint16_t port,
			 uint64_t deadline_ms, struct cancel *cancel,
			 struct answer *fresh)
{
	struct answer *place;

	c->asking = true;
	pthread_mutex_unlock(&c->lock);
	*fresh = (struct answer){ .port = port };
	(void)copy(fresh->host, sizeof(fresh->host), host);
	ask(c, fresh, deadline_ms, cancel);
	pthread_mutex_lock(&c->lock);
	c->asking = false;
	pthread_cond_broadcast(&c->settled);
	if (fresh->result == -ECANCELED)
		return;
	place = find(c, host, port);
	if (place == NULL)
		place = &c->answers[c->oldest++ % ANSWERS];
	*place = *fresh;
}

/* Locked. 0, -ECANCELED or -ETIMEDOUT. */
static int wait_settled(struct proxy_creds *c, uint64_t deadline_ms,
			struct cancel *cancel)
{
	uint64_t now = clock_now_ms(), until = now + CANCEL_POLL_MS;
	struct timespec ts = { .tv_sec = (time_t)(until / 1000),
			       .tv_nsec = (long)(until % 1000) * 1000000 };

	if (cancel_is_set(cancel))
		return -ECANCELED;
	if (now >= deadline_ms)
		return -ETIMEDOUT;
	pthread_cond_timedwait(&c->settled, &c->lock, &ts);
	return 0;
}

static int from_command(struct proxy_creds *c, const char *host, uint16_t port,
			uint64_t deadline_ms, struct cancel *cancel,
			struct answer *out)
{
	const struct answer *known;
	int rc = 0;

	pthread_mutex_lock(&c->lock);
	known = find(c, host, port);
	while (rc == 0 && c->asking && (known == NULL || !may_do(known))) {
		rc = wait_settled(c, deadline_ms, cancel);
		known = find(c, host, port);
	}
	if (rc < 0)
		*out = (struct answer){ .result = rc,
					.words = "credential_command: it "
						 "still runs" };
	else if (known != NULL && may_do(known))
		*out = *known;
	else
		ask_unlocked(c, host, port, deadline_ms, cancel, out);
	pthread_mutex_unlock(&c->lock);
	return out->result;
}

static int by_command(struct proxy_creds *c, const char *host, uint16_t port,
		      uint64_t deadline_ms, struct cancel *cancel,
		      struct proxy_login_text *out, char *words, size_t max)
{
	struct answer answer;
	int rc = from_command(c, host, port, deadline_ms, cancel, &answer);

	if (rc == 0)
		*out = answer.login;
	else
		snprintf(words, max, "%s", answer.words);
	OPENSSL_cleanse(&answer, sizeof(answer));
	return rc;
}

int proxy_creds_obtain(struct proxy_creds *c, const char *host, uint16_t port,
		       uint64_t deadline_ms, struct cancel *cancel,
		       struct proxy_login_text *out, char *words,
		       size_t words_max)
{
	*out = c->configured;
	switch (c->kind) {
	case PROXY_CREDS_FILE:
		return from_file(c, out, words, words_max);
	case PROXY_CREDS_NETRC:
		return from_netrc(c, host, out, words, words_max);
	case PROXY_CREDS_COMMAND:
		return by_command(c, host, port, deadline_ms, cancel, out,
				  words, words_max);
	case PROXY_CREDS_FIXED:
	case PROXY_CREDS_NUM_KINDS:
		break;
	}
	return 0;
}

bool proxy_creds_peek(struct proxy_creds *c, const char *host, uint16_t port,
		      struct proxy_login_text *out)
{
	const struct answer *a;
	bool known = false;
	char words[8];

	*out = c->configured;
	if (c->kind == PROXY_CREDS_FILE)
		return from_file(c, out, words, sizeof(words)) == 0;
	if (c->kind == PROXY_CREDS_NETRC)
		return from_netrc(c, host, out, words, sizeof(words)) == 0;
	if (c->kind != PROXY_CREDS_COMMAND)
		return true;
	pthread_mutex_lock(&c->lock);
	a = find(c, host, port);
	known = a != NULL && a->result == 0 && may_do(a);
	if (known)
		*out = a->login;
	pthread_mutex_unlock(&c->lock);
	return known;
}

void proxy_creds_refused(struct proxy_creds *c)
{
	pthread_mutex_lock(&c->lock);
	for (struct answer *a = c->answers; a < c->answers + ANSWERS; a++)
		a->stale = true;
	pthread_mutex_unlock(&c->lock);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pac.c - a host and port into the proxies that the script names for them
 *
 * Theory of operation. The script runs in processes of its own, of which each
 * answers one question at a time. There are up to four, made when they are
 * needed: a script that looks names up blocks for seconds where the resolver
 * is silent, and then those who ask for other hosts shall not stand behind it.
 * One that does not answer in time is killed, and the next question finds a
 * fresh one. When this happens time after time the script itself hangs:
 * nobody is asked for a while then, and all are told so at once.
 */
#include <config.h>

#include "pac.h"

#include "cancel.h"
#include "clock.h"
#include "log.h"
#include "pac_process.h"
#include "pac_source.h"
#include "pac_url.h"
#include "pac_wait.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM       "turnout-pac"
#define PROCESSES_MAX 4
#define ANSWER_MS     5000
#define REST_MIN_MS   1000
#define REST_MAX_MS   60000
#define LOG_PERIOD_MS 60000

enum slot_state {
	SLOT_EMPTY = 0,
	SLOT_IDLE,
	SLOT_BUSY, /* its owner alone touches the rest */
};

struct slot {
	enum slot_state state;
	struct pac_process process;
	struct pac_script *script; /* that it runs; NULL: no process */
	/* in which it was started: it may remember names of another */
	unsigned int network;
};

struct pac {
	atomic_uint refs;
	struct pac_source *source;
	char program[PATH_MAX];
	uint32_t answer_ms;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	/* under the lock */
	struct slot slot[PROCESSES_MAX];
	unsigned int network;  /* counts changes */
	unsigned int hangs;    /* in a row, without an answer */
	uint64_t last_hang_ms; /* the last that counted */
	uint64_t rest_until_ms;
	struct log_limit skipped;
};

bool pac_is_built_in(void)
{
#ifdef HAVE_PAC
	return true;
#else
	return false;
#endif
}

/* Slots; locked */

static struct slot *pick(struct pac *p, const struct pac_script *script)
{
	struct slot *empty = NULL, *other = NULL;

	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		struct slot *s = &p->slot[i];

		if (s->state == SLOT_IDLE && s->script == script &&
		    s->network == p->network)
			return s;
		if (s->state == SLOT_EMPTY)
			empty = s;
		else if (s->state == SLOT_IDLE)
			other = s;
	}
	return other != NULL ? other : empty;
}

static int may_run(struct pac *p, const struct pac_script *script,
		   struct pac_wait *w)
{
	uint64_t now = clock_now_ms();

	if (script->broken[0] != '\0')
		return pac_wait_fail(w, -EBADMSG, "%s", script->broken);
	if (now < p->rest_until_ms)
		return pac_wait_fail(
			w, -ETIMEDOUT,
			"the script hangs or crashes; it is run again in %u s",
			(unsigned int)((p->rest_until_ms - now + 999) / 1000));
	return pac_wait_over(w);
}

static int take_slot(struct pac *p, const struct pac_script *script,
		     struct pac_wait *w, struct slot **slot,
		     unsigned int *network)
{
	int rc;

	pthread_mutex_lock(&p->lock);
	while ((rc = may_run(p, script, w)) == 0 &&
	       (*slot = pick(p, script)) == NULL)
		pac_wait_cond(&p->freed, &p->lock);
	if (rc == 0)
		(*slot)->state = SLOT_BUSY;
	*network = p->network;
	pthread_mutex_unlock(&p->lock);
	return rc;
}

/* The first hang may be the host's alone, whose name nobody resolves; those
 * that began before it ended are one with it. */
static void note_hang(struct pac *p, uint64_t asked_ms)
{
	uint64_t rest_ms;

	if (asked_ms < p->last_hang_ms)
		return;
	p->last_hang_ms = clock_now_ms();
	if (p->hangs < 16)
		p->hangs++;
	if (p->hangs < 2)
		return;
	rest_ms = (uint64_t)REST_MIN_MS << (p->hangs - 2);
	if (rest_ms > REST_MAX_MS)
		rest_ms = REST_MAX_MS;
	p->rest_until_ms = p->last_hang_ms + rest_ms;
	log_warn("proxy auto-config: %s: the script hangs or crashes; it is "
		 "not run for "
		 "%llu s",
		 pac_source_name(p->source),
		 (unsigned long long)(rest_ms / 1000));
}

static void clear(struct slot *s)
{
	if (s->script != NULL)
		pac_process_close(&s->process);
	pac_script_put(s->script);
	s->script = NULL;
}

/* `alive`: for the next question. `hung`: it had all the time that it may
 * have, or it has crashed. */
static void give_slot(struct pac *p, struct slot *s, bool alive, bool hung,
		      uint64_t asked_ms)
{
	if (!alive)
		clear(s);
	pthread_mutex_lock(&p->lock);
	s->state = alive ? SLOT_IDLE : SLOT_EMPTY;
	if (alive)
		p->hangs = 0;
	else if (hung)
		note_hang(p, asked_ms);
	pthread_cond_signal(&p->freed);
	pthread_mutex_unlock(&p->lock);
}

/* Running */

static int start(struct pac *p, struct slot *s, struct pac_script *script,
		 unsigned int network, struct pac_wait *w)
{
	int rc;

	clear(s);
	s->network = network;
	rc = pac_process_open(&s->process, p->program);
	if (rc < 0)
		return pac_wait_fail(w, rc, "%.120s: %s", p->program,
				     strerror(-rc));
	s->script = pac_script_get(script);
	rc = pac_process_load(&s->process, script->text, script->len, w);
	if (rc != -EBADMSG)
		return rc;
	/* It will not be better in another process. */
	pthread_mutex_lock(&p->lock);
	if (script->broken[0] == '\0')
		log_err("proxy auto-config: %s: %s", pac_source_name(p->source),
			w->words);
	memcpy(script->broken, w->words, sizeof(script->broken));
	pthread_mutex_unlock(&p->lock);
	return rc;
}

static int run(struct pac *p, struct pac_script *script, const char *url,
	       const char *host, char answer[PAC_LIST_BYTES_MAX + 1],
	       struct pac_wait *w)
{
	uint64_t deadline_ms = w->deadline_ms, asked_ms, limit_ms;
	bool alive, hung;
	unsigned int network;
	struct slot *s;
	int rc = take_slot(p, script, w, &s, &network);

	if (rc < 0)
		return rc;
	asked_ms = clock_now_ms();
	limit_ms = asked_ms + p->answer_ms;
	if (limit_ms < deadline_ms)
		w->deadline_ms = limit_ms;
	alive = s->script == script && s->network == network;
	if (alive)
		rc = pac_process_ask(&s->process, url, host, answer, w);
	/* it may have ended while it was idle: that is nobody's fault */
	if (!alive || rc == -EPIPE) {
		rc = start(p, s, script, network, w);
		alive = rc == 0;
		if (alive)
			rc = pac_process_ask(&s->process, url, host, answer, w);
	}
	alive = alive && (rc == 0 || rc == -EBADMSG);
	hung = rc == -EPIPE || (rc == -ETIMEDOUT && limit_ms <= deadline_ms);
	if (rc == -ETIMEDOUT)
		pac_wait_fail(w, rc, "the script did not answer in time");
	give_slot(p, s, alive, hung, asked_ms);
	w->deadline_ms = deadline_ms;
	return rc;
}

/* Questions and answers */

static void tell_skipped(struct pac *p, const struct pac_list *list)
{
	unsigned int more;
	bool tell;

	pthread_mutex_lock(&p->lock);
	tell = list->skipped > 0 &&
	       log_limit_ok(&p->skipped, clock_now_ms(), LOG_PERIOD_MS, &more);
	pthread_mutex_unlock(&p->lock);
	if (tell)
		log_warn("proxy auto-config: %s: \"%s\" is not used (DIRECT, "
			 "PROXY, HTTPS and SOCKS5 are)",
			 pac_source_name(p->source), list->first_skipped);
}

static int find(struct pac *p, const char *host, uint16_t port,
		struct pac_list *list, struct pac_wait *w)
{
	char url[PAC_URL_MAX], name[CONTROL_NAME_MAX + 1];
	char answer[PAC_LIST_BYTES_MAX + 1];
	struct pac_script *script;
	int rc;

	if (!pac_url_make(host, port, url, name))
		return pac_wait_fail(w, -EINVAL, "not a host name");
	rc = pac_source_take(p->source, w, &script);
	if (rc < 0)
		return rc;
	rc = run(p, script, url, name, answer, w);
	pac_script_put(script);
	if (rc < 0)
		return rc;
	rc = pac_list_parse(answer, list);
	tell_skipped(p, list);
	if (rc < 0)
		return pac_wait_fail(w, rc,
				     "the script names no proxy that "
				     "can be used: \"%.100s\"",
				     answer);
	return 0;
}

int pac_find(struct pac *p, const char *host, uint16_t port,
	     uint64_t deadline_ms, struct cancel *cancel, struct pac_list *list,
	     char words[200])
{
	struct pac_wait w = { .deadline_ms = deadline_ms, .cancel = cancel };
	int rc = find(p, host, port, list, &w);

	_Static_assert(sizeof(w.words) == 200, "as the caller's");
	memcpy(words, w.words, sizeof(w.words));
	return rc;
}

void pac_name(const struct pac *p, char *out, size_t max)
{
	const char *name = pac_source_name(p->source);

	snprintf(out, max, "pac+%s%s", name[0] == '/' ? "file://" : "", name);
}

void pac_network_changed(struct pac *p)
{
	pac_source_network_changed(p->source);
	pthread_mutex_lock(&p->lock);
	p->network++;
	p->hangs = 0;
	p->rest_until_ms = 0;
	pthread_mutex_unlock(&p->lock);
}

/* Making */

/* Beside this program, so that a build tree uses its own; else where it was
 * installed. */
static void find_program(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash != NULL &&
	    (size_t)(slash + 1 - path) + sizeof(PROGRAM) <= PATH_MAX) {
		strcpy(slash + 1, PROGRAM);
		if (access(path, X_OK) == 0)
			return;
	}
	strcpy(path, PKGLIBEXECDIR "/" PROGRAM);
}

struct pac *pac_new(const struct pac_options *options)
{
	struct pac *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->source = pac_source_new(&options->from, options->fetch_url);
	if (p->source == NULL) {
		free(p);
		return NULL;
	}
	atomic_init(&p->refs, 1);
	pthread_mutex_init(&p->lock, NULL);
	pac_wait_cond_init(&p->freed);
	p->answer_ms = options->answer_ms != 0 ? options->answer_ms : ANSWER_MS;
	if (options->program != NULL)
		snprintf(p->program, sizeof(p->program), "%s",
			 options->program);
	else
		find_program(p->program);
	return p;
}

struct pac *pac_get(struct pac *p)
{
	if (p != NULL)
		atomic_fetch_add(&p->refs, 1);
	return p;
}

void pac_put(struct pac *p)
{
	if (p == NULL || atomic_fetch_sub(&p->refs, 1) != 1)
		return;
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		clear(&p->slot[i]);
	pac_source_free(p->source);
	pthread_cond_destroy(&p->freed);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* doctor_line.c - the lines of a report, and the branches that write them */
#include <config.h>

#include "doctor_line.h"

#include "clock.h"
#include "json_clean.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *id, *title;
} probes[] = {
#define DOCTOR_PROBE(name, id, title) [DOCTOR_##name] = { id, title },
	DOCTOR_PROBES(DOCTOR_PROBE)
#undef DOCTOR_PROBE
};

const char *doctor_probe_id(enum doctor_probe probe)
{
	return probes[probe].id;
}

const char *doctor_probe_title(enum doctor_probe probe)
{
	return probes[probe].title;
}

const char *doctor_who_id(enum doctor_who who)
{
	static const char *const ids[] = {
		[DOCTOR_YOU] = "you",
		[DOCTOR_IT] = "it",
		[DOCTOR_PROXY_ADMIN] = "proxy-admin",
		[DOCTOR_RELAY_ADMIN] = "relay-admin",
	};

	return ids[who];
}

static struct doctor_line *add(struct doctor_branch *b, enum doctor_probe probe,
			       const char *about)
{
	struct doctor_line *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->probe = probe;
	if (b->relay != NULL)
		memcpy(l->relay, b->relay->name, sizeof(l->relay));
	snprintf(l->about, sizeof(l->about), "%s", about != NULL ? about : "");
	*b->end = l;
	b->end = &l->next;
	return l;
}

void doctor_skip(struct doctor_branch *b, enum doctor_probe probe,
		 const char *why)
{
	struct doctor_line *l = add(b, probe, NULL);

	if (l != NULL)
		doctor_state(l, DOCTOR_SKIPPED, "%s", why);
}

struct doctor_line *doctor_begin(struct doctor_branch *b,
				 enum doctor_probe probe, const char *about)
{
	struct doctor_line *l = add(b, probe, about);

	if (l == NULL)
		return NULL;
	if (b->root != NULL) {
		doctor_state(l, DOCTOR_SKIPPED, "not reached: %s failed",
			     doctor_probe_title(b->root->probe));
		return NULL;
	}
	if (cancel_is_set(&b->cancel) || clock_now_ms() >= b->deadline_ms) {
		doctor_state(l, DOCTOR_SKIPPED, "no time was left for it");
		return NULL;
	}
	doctor_tell(b->doctor, l);
	return l;
}

void doctor_state(struct doctor_line *l, enum doctor_state state,
		  const char *fmt, ...)
{
	va_list ap;

	l->state = state;
	va_start(ap, fmt);
	vsnprintf(l->words, sizeof(l->words), fmt, ap);
	va_end(ap);
}

void doctor_figure(struct doctor_line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->figure, sizeof(l->figure), fmt, ap);
	va_end(ap);
}

void doctor_value(struct doctor_line *l, const char *name, double value)
{
	if (l->values == NULL)
		l->values = json_object();
	json_object_set_new(l->values, name, json_real(value));
}

static void append(json_t **to, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

static void append(json_t **to, const char *fmt, va_list ap)
{
	char text[DIAL_WORDS_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (*to == NULL)
		*to = json_array();
	json_array_append_new(*to, json_clean(text));
}

void doctor_evidence(struct doctor_line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(&l->evidence, fmt, ap);
	va_end(ap);
}

void doctor_change(struct doctor_line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(&l->change, fmt, ap);
	va_end(ap);
}

void doctor_who(struct doctor_line *l, enum doctor_who who)
{
	l->who = who;
}

void doctor_fail(struct doctor_branch *b, struct doctor_line *l,
		 const char *fmt, ...)
{
	va_list ap;

	l->state = DOCTOR_FAILED;
	va_start(ap, fmt);
	vsnprintf(l->words, sizeof(l->words), fmt, ap);
	va_end(ap);
	b->root = l;
}

uint64_t doctor_deadline_ms(const struct doctor_branch *b, uint32_t most_ms)
{
	uint64_t at_ms = clock_now_ms() + most_ms;

	return at_ms < b->deadline_ms ? at_ms : b->deadline_ms;
}

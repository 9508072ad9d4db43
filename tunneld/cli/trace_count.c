/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* trace_count.c - events of a trace -> sums, and a set of what has been told */
#include <config.h>

#include "trace_count.h"

#include <turnout/page.h>

#include <string.h>

/* FNV-1a; who wants two events to collide can hide one line of his own. */
static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

uint64_t trace_hash(const struct trace_event *event)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	hash = mix(hash, &event->kind, sizeof(event->kind));
	hash = mix(hash, &event->action, sizeof(event->action));
	hash = mix(hash, &event->protocol, sizeof(event->protocol));
	hash = mix(hash, &event->pid, sizeof(event->pid));
	hash = mix(hash, &event->dest, sizeof(event->dest));
	hash = mix(hash, event->program, strlen(event->program));
	hash = mix(hash, event->words, strlen(event->words));
	return hash != 0 ? hash : 1;
}

static void sum(struct trace_count *c, const struct trace_event *event)
{
	switch (event->kind) {
	case TRACE_DECIDED:
		if (event->action == POLICY_PROXY ||
		    event->action == POLICY_TUNNEL)
			c->intercepted++;
		else if (event->action == POLICY_BLOCK)
			c->blocked++;
		else
			c->direct++;
		break;
	case TRACE_UNSEEN:
		c->unseen++;
		break;
	case TRACE_NAME:
		c->names++;
		break;
	case TRACE_PROGRAM:
		c->without++;
		break;
	default:
		break;
	}
}

bool trace_count_add(struct trace_count *c, const struct trace_event *event)
{
	uint64_t hash = trace_hash(event);
	size_t at = hash % TRACE_COUNT_KEYS;

	sum(c, event);
	while (c->key[at] != 0) {
		if (c->key[at] == hash)
			return false;
		at = (at + 1) % TRACE_COUNT_KEYS;
	}
	if (c->keys < TRACE_COUNT_KEYS / 2) {
		c->key[at] = hash;
		c->keys++;
	}
	return true;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor_report.c - branches with their lines -> turnout-doctor/1: the lines in
 * the order of the way, the path as it can be drawn, and what it means for
 * calls
 *
 * Calls go by the best of the relays: what is wrong with another one is told,
 * and does not make them impossible.
 */
#include <config.h>

#include "doctor_report.h"

#include "doctor_line.h"
#include "json_clean.h"
#include "status_json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum calls {
	CALLS_GOOD = 0,
	CALLS_POOR,
	CALLS_IMPOSSIBLE,
};

static const char *const calls_ids[] = { "good", "poor", "impossible" };

static const char *const state_ids[] = {
	[DOCTOR_SKIPPED] = "skipped", [DOCTOR_OK] = "ok",
	[DOCTOR_SLOW] = "slow",       [DOCTOR_FAILED] = "failed",
	[DOCTOR_INFO] = "info",
};

/* Lines */

static json_t *or_empty(json_t *value, json_t *(*empty)(void))
{
	return value != NULL ? json_incref(value) : empty();
}

static json_t *line(const struct doctor_line *l)
{
	json_t *o = json_pack(
		"{s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
		doctor_probe_id(l->probe), "title",
		doctor_probe_title(l->probe), "about",
		json_clean(l->about[0] != '\0' ? l->about : NULL), "state",
		state_ids[l->state], "figure",
		json_clean(l->figure[0] != '\0' ? l->figure : NULL), "values",
		or_empty(l->values, json_object), "words", json_clean(l->words),
		"who", json_clean(doctor_who_id(l->who)), "change",
		or_empty(l->change, json_array), "evidence",
		or_empty(l->evidence, json_array));

	if (o != NULL && l->relay[0] != '\0')
		json_object_set_new(o, "relay", json_clean(l->relay));
	return o;
}

/* Relay after relay, with what is of none in particular around them. */
static json_t *lines(const struct doctor_branch *b, size_t count)
{
	json_t *all = json_array();

	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < count; i++)
			for (const struct doctor_line *l = b[i].first;
			     l != NULL; l = l->next) {
				int where = l->probe == DOCTOR_UDP_DIRECT ? 2
					    : b[i].relay != NULL          ? 1
									  : 0;

				if (where == round)
					json_array_append_new(all, line(l));
			}
	return all;
}

/* The verdict */

static const struct doctor_line *find(const struct doctor_branch *b,
				      enum doctor_state state)
{
	const struct doctor_line *l = b->first;

	while (l != NULL && l->state != state)
		l = l->next;
	return l;
}

static bool is_usable(const struct doctor_branch *b)
{
	for (const struct doctor_line *l = b->first; l != NULL; l = l->next)
		if (l->probe == DOCTOR_RELAY_ALLOCATE)
			return b->root == NULL && (l->state == DOCTOR_OK ||
						   l->state == DOCTOR_SLOW);
	return false;
}

static enum calls calls_by(const struct doctor_branch *b)
{
	if (!is_usable(b))
		return CALLS_IMPOSSIBLE;
	return find(b, DOCTOR_SLOW) != NULL ? CALLS_POOR : CALLS_GOOD;
}

/* The branch that calls would take; NULL: there is no relay. */
static const struct doctor_branch *best(const struct doctor_branch *b,
					size_t count)
{
	const struct doctor_branch *found = NULL;

	for (size_t i = 0; i < count; i++)
		if (b[i].relay != NULL &&
		    (found == NULL || calls_by(&b[i]) < calls_by(found)))
			found = &b[i];
	return found;
}

static const struct doctor_line *culprit(const struct doctor_branch *b,
					 size_t count,
					 const struct doctor_branch *way)
{
	const struct doctor_line *l;

	if (way != NULL && way->root != NULL)
		return way->root;
	for (size_t i = 0; i < count; i++)
		if (b[i].relay == NULL && b[i].root != NULL)
			return b[i].root;
	l = way != NULL ? find(way, DOCTOR_SLOW) : NULL;
	return l;
}

static json_t *verdict(const struct doctor_branch *b, size_t count,
		       const struct doctor_branch *way)
{
	enum calls calls = way != NULL ? calls_by(way) : CALLS_IMPOSSIBLE;
	const struct doctor_line *l = culprit(b, count, way);
	char words[2 * DIAL_WORDS_MAX];
	const char *who = l != NULL ? doctor_who_id(l->who) : NULL;

	if (calls == CALLS_GOOD)
		snprintf(words, sizeof(words),
			 "media reach the relay %s and back in time",
			 way->relay->name);
	else if (l != NULL)
		snprintf(words, sizeof(words), "%s%s%s: %s",
			 doctor_probe_title(l->probe),
			 l->about[0] != '\0' ? ", " : "", l->about, l->words);
	else
		snprintf(words, sizeof(words),
			 "not all of it could be looked at in time");
	return json_pack("{s:s, s:o, s:o}", "calls", calls_ids[calls], "words",
			 json_clean(words), "who",
			 calls != CALLS_GOOD && who != NULL
				 ? json_pack("[s]", who)
				 : json_array());
}

/* The path */

static const char *worse(const char *a, enum doctor_state state)
{
	if (state == DOCTOR_FAILED || strcmp(a, "failed") == 0)
		return "failed";
	if (state == DOCTOR_SLOW || strcmp(a, "slow") == 0)
		return "slow";
	return state == DOCTOR_OK ? "ok" : a;
}

/* Of the lines from `first` to `last`; "unknown" where none was reached. */
static const char *state_of(const struct doctor_branch *b,
			    enum doctor_probe first, enum doctor_probe last,
			    const char **about)
{
	const char *state = "unknown";

	for (const struct doctor_line *l = b->first; l != NULL; l = l->next) {
		if (l->probe < first || l->probe > last)
			continue;
		state = worse(state, l->state);
		if (*about == NULL && l->about[0] != '\0')
			*about = l->about;
	}
	return state;
}

static void stop(json_t *path, const char *kind, const char *name,
		 const char *state)
{
	json_array_append_new(path,
			      json_pack("{s:s, s:o, s:s}", "kind", kind, "name",
					json_clean(name), "state", state));
}

static json_t *path(const struct doctor_branch *way)
{
	json_t *path = json_array();
	const char *proxy = NULL, *relay = NULL, *world = NULL, *state;

	stop(path, "app", "app", "ok");
	stop(path, "tunneld", "tunneld", "ok");
	if (way == NULL)
		return path;
	state = state_of(way, DOCTOR_PROXY_NAME, DOCTOR_PROXY_CONNECT, &proxy);
	if (proxy != NULL)
		stop(path, "proxy", proxy, state);
	state = state_of(way, DOCTOR_RELAY_NAME, DOCTOR_RELAY_QUOTA, &relay);
	stop(path, "relay", relay != NULL ? relay : way->relay->host, state);
	state = state_of(way, DOCTOR_RELAY_ECHO, DOCTOR_RELAY_THROUGHPUT,
			 &world);
	stop(path, "world", "the other side", state);
	return path;
}

json_t *doctor_report(const struct doctor_branch *branches, size_t count,
		      uint64_t took_ms)
{
	const struct doctor_branch *way = best(branches, count);

	return json_pack(
		"{s:s, s:s, s:o, s:I, s:o, s:o, s:o, s:o}", "schema",
		"turnout-doctor/1", "version", PACKAGE_VERSION, "at",
		status_json_utc((int64_t)time(NULL)), "took_ms",
		(json_int_t)took_ms, "verdict", verdict(branches, count, way),
		"path", path(way), "lines", lines(branches, count), "series",
		or_empty(way != NULL ? way->series : NULL, json_object));
}

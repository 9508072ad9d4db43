/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* report.c - the document turnout-doctor/1, from whoever has made it */
#include <config.h>

#include "report.h"

#include "status_doc.h"
#include "term.h"

#include <string.h>
#include <time.h>

#define SCHEMA "turnout-doctor/1"

static const char *const states[REPORT_NUM_STATES] = {
	[REPORT_UNKNOWN] = "unknown", [REPORT_OK] = "ok",
	[REPORT_SLOW] = "slow",       [REPORT_FAILED] = "failed",
	[REPORT_SKIPPED] = "skipped", [REPORT_INFO] = "info",
};

static const char *const calls[] = {
	[REPORT_CALLS_GOOD] = "good",
	[REPORT_CALLS_POOR] = "poor",
	[REPORT_CALLS_IMPOSSIBLE] = "impossible",
};

static const char *const calls_words[] = {
	[REPORT_CALLS_GOOD] = "Calls will be good",
	[REPORT_CALLS_POOR] = "Calls will be poor",
	[REPORT_CALLS_IMPOSSIBLE] = "Calls are impossible",
};

static const struct {
	const char *id, *words;
} people[] = {
	{ "you", "you" },
	{ "it", "IT" },
	{ "proxy-admin", "the proxy's admin" },
	{ "relay-admin", "the relay's admin" },
};

/* The index of `word`, or that of the first one. */
static size_t find(const char *const *words, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return 0;
}

json_t *report_parse(const char *text, size_t bytes)
{
	json_t *report = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
	const char *word = doc_text(report, "verdict.calls", "");

	if (strcmp(doc_text(report, "schema", ""), SCHEMA) == 0 &&
	    json_is_array(json_object_get(report, "lines")) &&
	    strcmp(calls[find(calls, ARRAY_SIZE(calls), word)], word) == 0)
		return report;
	json_decref(report);
	return NULL;
}

json_t *report_unstarted(void)
{
	static const char words[] =
		"tunneld does not start with this configuration; it has said "
		"why";
	char at[32];
	time_t now = time(NULL);
	struct tm utc;

	strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	return json_pack(
		"{s:s, s:s, s:s, s:i, s:{s:s, s:s, s:[s]}, s:[{s:s, s:s, s:s},"
		" {s:s, s:s, s:s}], s:[{s:s, s:s, s:n, s:s, s:n, s:{}, s:s,"
		" s:s, s:[s], s:[]}], s:{}}",
		"schema", SCHEMA, "version", PACKAGE_VERSION, "at", at,
		"took_ms", 0, "verdict", "calls", "impossible", "words", words,
		"who", "it", "path", "kind", "app", "name", "app", "state",
		"ok", "kind", "tunneld", "name", "tunneld", "state", "failed",
		"lines", "id", "config", "title", "configuration", "about",
		"state", "failed", "figure", "values", "words", words, "who",
		"it", "change", "put right what `turnout config check` says",
		"evidence", "series");
}

enum report_calls report_calls(const json_t *report)
{
	return (enum report_calls)find(calls, ARRAY_SIZE(calls),
				       doc_text(report, "verdict.calls", ""));
}

const char *report_calls_words(const json_t *report)
{
	return calls_words[report_calls(report)];
}

enum report_state report_state(const json_t *o)
{
	return (enum report_state)find(states, REPORT_NUM_STATES,
				       doc_text(o, "state", ""));
}

const char *report_state_word(enum report_state state)
{
	return states[state];
}

const char *report_who(const json_t *line)
{
	const char *id = doc_text(line, "who", "");

	for (size_t i = 0; i < ARRAY_SIZE(people); i++)
		if (strcmp(people[i].id, id) == 0)
			return people[i].words;
	return NULL;
}

bool report_is_owed(const json_t *line)
{
	enum report_state state = report_state(line);

	return state == REPORT_FAILED ||
	       (state == REPORT_SLOW && report_who(line) != NULL);
}

const char *report_text(const json_t *o, const char *member,
			char out[REPORT_TEXT_MAX])
{
	return term_clean(out, REPORT_TEXT_MAX, doc_text(o, member, ""));
}

size_t report_count(const json_t *o, const char *member, size_t max)
{
	size_t n = json_array_size(doc_at(o, member));

	return n < max ? n : max;
}

const char *report_item(const json_t *o, const char *member, size_t i,
			char out[REPORT_TEXT_MAX])
{
	const char *text = json_string_value(
		json_array_get(doc_at(o, member), i));

	return term_clean(out, REPORT_TEXT_MAX, text != NULL ? text : "");
}

void report_escape(FILE *to, const char *text)
{
	for (; *text != '\0'; text++)
		switch (*text) {
		case '&':
			fputs("&amp;", to);
			break;
		case '<':
			fputs("&lt;", to);
			break;
		case '>':
			fputs("&gt;", to);
			break;
		case '"':
			fputs("&quot;", to);
			break;
		case '\'':
			fputs("&#39;", to);
			break;
		default:
			fputc(*text, to);
		}
}

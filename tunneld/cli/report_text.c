/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * report_text.c - turnout-doctor/1 -> a line for each hop, then what it means
 *
 * What failed is followed by who must act and what to change. Hops that were
 * not looked at for one and the same reason share a line.
 */
#include <config.h>

#include "report_text.h"

#include "report.h"
#include "term.h"

#include <string.h>

#define STATE_COLUMNS  8
#define TITLE_COLUMNS  26
#define FIGURE_COLUMNS 14
#define WORDS_AT       (STATE_COLUMNS + TITLE_COLUMNS + FIGURE_COLUMNS)
#define ADVICE_AT      STATE_COLUMNS
#define WORDS_MAX      (2 * REPORT_TEXT_MAX + 2)
#define WORDS_MIN      24 /* narrower: words have lines of their own */

static const char *const colours[REPORT_NUM_STATES] = {
	[REPORT_OK] = "\033[32m",
	[REPORT_SLOW] = "\033[33m",
	[REPORT_FAILED] = "\033[1;31m",
	[REPORT_SKIPPED] = "\033[2m",
};

static void paint(const struct report_text *t, const char *colour,
		  const char *text)
{
	if (t->colours && colour != NULL)
		fprintf(t->to, "%s%s\033[0m", colour, text);
	else
		fputs(text, t->to);
}

static void pad(const struct report_text *t, size_t columns)
{
	fprintf(t->to, "%*s", (int)columns, "");
}

/* Padded to `columns`, one blank at least. Returns how many it took. */
static size_t put_cell(const struct report_text *t, const char *text,
		       size_t columns)
{
	size_t has = term_columns(text);
	size_t takes = has < columns ? columns : has + 1;

	fputs(text, t->to);
	pad(t, takes - has);
	return takes;
}

/* Clean words from column `at` on, with lines that begin at `indent`. */
static void put_words(const struct report_text *t, size_t at, size_t indent,
		      const char *words)
{
	bool first = true;

	while (*words != '\0') {
		size_t len = strcspn(words, " ");
		char word[REPORT_TEXT_MAX];
		size_t columns;

		snprintf(word, sizeof(word), "%.*s", (int)len, words);
		columns = term_columns(word);
		if (!first && at + 1 + columns > t->columns) {
			fputc('\n', t->to);
			pad(t, indent);
			at = indent;
			first = true;
		}
		fprintf(t->to, "%s%s", first ? "" : " ", word);
		at += columns + !first;
		first = false;
		words += len + strspn(words + len, " ");
	}
	fputc('\n', t->to);
}

/* What can be copied is not broken. */
static void put_advice(const struct report_text *t, const json_t *line)
{
	size_t n = report_count(line, "change", REPORT_ITEMS_MAX);
	const char *who = report_who(line);
	char text[REPORT_TEXT_MAX];

	if (who != NULL) {
		pad(t, ADVICE_AT);
		paint(t, "\033[1m", "who must act: ");
		fprintf(t->to, "%s\n", who);
	}
	for (size_t i = 0; i < n; i++) {
		pad(t, ADVICE_AT);
		paint(t, "\033[1m",
		      i == 0 ? "change:       " : "              ");
		fprintf(t->to, "%s\n", report_item(line, "change", i, text));
	}
	n = report_count(line, "evidence", REPORT_ITEMS_MAX);
	for (size_t i = 0; i < n; i++) {
		pad(t, ADVICE_AT);
		fprintf(t->to, "%s%s\n",
			i == 0 ? "seen:         " : "              ",
			report_item(line, "evidence", i, text));
	}
}

/* "words", or "about: words" where that tells who is meant. */
static const char *words_of(const json_t *line, char out[WORDS_MAX])
{
	char about[REPORT_TEXT_MAX], words[REPORT_TEXT_MAX];

	report_text(line, "about", about);
	report_text(line, "words", words);
	snprintf(out, WORDS_MAX, "%s%s%s", about,
		 about[0] != '\0' && words[0] != '\0' ? ": " : "", words);
	return out;
}

static void put_line(const struct report_text *t, const json_t *line)
{
	enum report_state state = report_state(line);
	char text[REPORT_TEXT_MAX], words[WORDS_MAX];
	const char *word = report_state_word(state);
	size_t at = STATE_COLUMNS, indent = WORDS_AT;

	paint(t, colours[state], word);
	pad(t, STATE_COLUMNS - strlen(word));
	at += put_cell(t, report_text(line, "title", text), TITLE_COLUMNS);
	at += put_cell(t, report_text(line, "figure", text), FIGURE_COLUMNS);
	if (at + WORDS_MIN > t->columns) {
		fputc('\n', t->to);
		pad(t, STATE_COLUMNS);
		at = indent = STATE_COLUMNS;
	}
	put_words(t, at, indent, words_of(line, words));
	if (report_is_owed(line))
		put_advice(t, line);
}

static bool is_like(const json_t *a, const json_t *b)
{
	static const char *const members[] = { "words", "relay" };
	char left[REPORT_TEXT_MAX], right[REPORT_TEXT_MAX];

	if (report_state(b) != REPORT_SKIPPED)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (strcmp(report_text(a, members[i], left),
			   report_text(b, members[i], right)) != 0)
			return false;
	return true;
}

/* Those from `i` on that were skipped for one reason; the first other one. */
static size_t put_skipped(const struct report_text *t, const json_t *lines,
			  size_t i, size_t count)
{
	const json_t *first = json_array_get(lines, i), *line = first;
	char text[REPORT_TEXT_MAX], all[WORDS_MAX];
	size_t n = 0;

	while (i < count && is_like(first, line)) {
		report_text(line, "title", text);
		if (n + strlen(text) + sizeof(", ") < REPORT_TEXT_MAX)
			n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s",
					      n > 0 ? ", " : "", text);
		line = json_array_get(lines, ++i);
	}
	report_text(first, "words", text);
	snprintf(all + n, sizeof(all) - n, "%s%s", text[0] != '\0' ? ": " : "",
		 text);
	paint(t, colours[REPORT_SKIPPED], report_state_word(REPORT_SKIPPED));
	pad(t, STATE_COLUMNS - strlen(report_state_word(REPORT_SKIPPED)));
	put_words(t, STATE_COLUMNS, STATE_COLUMNS, all);
	return i;
}

/* A heading where the lines of another relay begin. */
static void put_relay(const struct report_text *t, const json_t *line,
		      char last[REPORT_TEXT_MAX])
{
	char relay[REPORT_TEXT_MAX];

	report_text(line, "relay", relay);
	if (strcmp(relay, last) == 0)
		return;
	if (relay[0] != '\0')
		fprintf(t->to, "\nrelay %s\n", relay);
	else
		fputc('\n', t->to);
	memcpy(last, relay, sizeof(relay));
}

void report_text_lines(const struct report_text *t, const json_t *report)
{
	static const enum report_state like[] = {
		[REPORT_CALLS_GOOD] = REPORT_OK,
		[REPORT_CALLS_POOR] = REPORT_SLOW,
		[REPORT_CALLS_IMPOSSIBLE] = REPORT_FAILED,
	};
	const json_t *lines = json_object_get(report, "lines");
	size_t count = report_count(report, "lines", REPORT_LINES_MAX), i = 0;
	const char *calls = report_calls_words(report);
	char relay[REPORT_TEXT_MAX] = "", words[REPORT_TEXT_MAX];

	while (i < count) {
		const json_t *line = json_array_get(lines, i);

		put_relay(t, line, relay);
		if (report_state(line) == REPORT_SKIPPED)
			i = put_skipped(t, lines, i, count);
		else
			put_line(t, json_array_get(lines, i++));
	}
	fputc('\n', t->to);
	report_text(report, "verdict.words", words);
	paint(t, colours[like[report_calls(report)]], calls);
	fputs(words[0] != '\0' ? ": " : "", t->to);
	put_words(t, strlen(calls) + 2, 0, words);
}

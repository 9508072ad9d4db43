/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * report_ticket.c - turnout-doctor/1 -> a text to paste for whoever must act
 *
 * Plain lines, for mail and for forms alike. The report holds no secret and
 * names no user, so neither does this.
 */
#include <config.h>

#include "report.h"
#include "report_text.h"
#include "status_doc.h"

static void put_items(FILE *to, const char *heading, const json_t *line,
		      const char *member)
{
	size_t n = report_count(line, member, REPORT_ITEMS_MAX);
	char text[REPORT_TEXT_MAX];

	if (n > 0)
		fprintf(to, "%s:\n", heading);
	for (size_t i = 0; i < n; i++)
		fprintf(to, "    %s\n", report_item(line, member, i, text));
}

static void put_problem(FILE *to, const json_t *line)
{
	const char *who = report_who(line);
	char text[REPORT_TEXT_MAX];

	fprintf(to, "\nWhere: %s", report_text(line, "title", text));
	if (report_text(line, "about", text)[0] != '\0')
		fprintf(to, ", %s", text);
	if (report_text(line, "relay", text)[0] != '\0')
		fprintf(to, " (relay %s)", text);
	fprintf(to, "\nWhat was seen: %s\n", report_text(line, "words", text));
	if (who != NULL)
		fprintf(to, "Who must act: %s\n", who);
	put_items(to, "What to change", line, "change");
	put_items(to, "Evidence", line, "evidence");
}

/* "The way: app (ok), tunneld (ok), proxy.example.com:3128 (failed)" */
static void put_way(FILE *to, const json_t *report)
{
	size_t count = report_count(report, "path", REPORT_STOPS_MAX);
	const json_t *path = json_object_get(report, "path");
	char name[REPORT_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		const json_t *stop = json_array_get(path, i);

		fprintf(to, "%s%s (%s)", i == 0 ? "\nThe way: " : ", ",
			report_text(stop, "name", name),
			report_state_word(report_state(stop)));
	}
	fputs(count > 0 ? "\n" : "", to);
}

/* "configuration, names, TCP to the proxy (3.2 ms)" */
static void put_working(FILE *to, const json_t *report)
{
	const json_t *lines = json_object_get(report, "lines"), *line;
	size_t count = report_count(report, "lines", REPORT_LINES_MAX);
	char text[REPORT_TEXT_MAX];
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		line = json_array_get(lines, i);
		if (report_state(line) != REPORT_OK)
			continue;
		fprintf(to, "%s%s", any ? ", " : "\nWhat works: ",
			report_text(line, "title", text));
		if (report_text(line, "figure", text)[0] != '\0')
			fprintf(to, " (%s)", text);
		any = true;
	}
	fputs(any ? "\n" : "", to);
}

void report_text_ticket(FILE *to, const json_t *report)
{
	const json_t *lines = json_object_get(report, "lines"), *line;
	size_t count = report_count(report, "lines", REPORT_LINES_MAX);
	char text[REPORT_TEXT_MAX];

	fprintf(to, "%s: ", report_calls_words(report));
	fprintf(to, "%s\n", report_text(report, "verdict.words", text));
	for (size_t i = 0; i < count; i++) {
		line = json_array_get(lines, i);
		if (report_is_owed(line))
			put_problem(to, line);
	}
	put_way(to, report);
	put_working(to, report);
	fprintf(to, "\nSeen at %s", report_text(report, "at", text));
	fprintf(to, " by turnout %s, within %.1f s\n",
		report_text(report, "version", text),
		(double)doc_int(report, "took_ms") / 1000);
}

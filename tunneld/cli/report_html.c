/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * report_html.c - turnout-doctor/1 -> one page: what it means, the way drawn,
 * what to do, every hop, plots
 *
 * The page needs no script, and its policy forbids it to load anything. Texts
 * of the report are cleaned (report.h), then escaped, wherever they stand.
 */
#include <config.h>

#include "report_html.h"

#include "report.h"
#include "report_svg.h"
#include "status_doc.h"

#include <string.h>

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"
	"\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
	"'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
	"form-action 'none'\">\n<meta name=\"viewport\" "
	"content=\"width=device-width, initial-scale=1\">\n"
	"<meta name=\"referrer\" content=\"no-referrer\">\n"
	"<link rel=\"icon\" href=\"data:,\">\n";

/* The member between two strings; nothing where it is empty. */
static void put_text(FILE *to, const char *before, const json_t *o,
		     const char *member, const char *after)
{
	char text[REPORT_TEXT_MAX];

	if (report_text(o, member, text)[0] == '\0')
		return;
	fputs(before, to);
	report_escape(to, text);
	fputs(after, to);
}

static void put_items(FILE *to, const json_t *line, const char *member,
		      const char *before, const char *after)
{
	size_t n = report_count(line, member, REPORT_ITEMS_MAX);
	char text[REPORT_TEXT_MAX];

	if (n > 0)
		fputs("<ul>", to);
	for (size_t i = 0; i < n; i++) {
		fprintf(to, "<li>%s", before);
		report_escape(to, report_item(line, member, i, text));
		fprintf(to, "%s</li>", after);
	}
	fputs(n > 0 ? "</ul>\n" : "", to);
}

static void put_verdict(FILE *to, const json_t *report)
{
	static const char *const kinds[] = {
		[REPORT_CALLS_GOOD] = "good",
		[REPORT_CALLS_POOR] = "poor",
		[REPORT_CALLS_IMPOSSIBLE] = "impossible",
	};

	fprintf(to, "<header><div class=\"verdict %s\"><h1>%s</h1>\n",
		kinds[report_calls(report)], report_calls_words(report));
	put_text(to, "<p>", report, "verdict.words", "</p>");
	fputs("</div></header>\n<main>\n", to);
}

static void put_way(FILE *to, const json_t *report)
{
	if (report_count(report, "path", REPORT_STOPS_MAX) == 0)
		return;
	fputs("<section aria-labelledby=\"way\"><h2 id=\"way\">The way of a "
	      "call</h2><figure>\n",
	      to);
	report_svg_path(to, report, false);
	report_svg_path(to, report, true);
	fputs("</figure></section>\n", to);
}

static void put_to_change(FILE *to, const json_t *line)
{
	const char *who = report_who(line);

	put_text(to, "<article><h3>", line, "title", "");
	put_text(to, ", ", line, "about", "");
	put_text(to, " (relay ", line, "relay", ")");
	put_text(to, "</h3><p>", line, "words", "</p>");
	if (who != NULL)
		fprintf(to, "<p>Who must act: <strong>%s</strong></p>\n", who);
	if (report_count(line, "change", REPORT_ITEMS_MAX) > 0)
		fputs("<p>What to change:</p>", to);
	put_items(to, line, "change", "<pre>", "</pre>");
	if (report_count(line, "evidence", REPORT_ITEMS_MAX) > 0)
		fputs("<p class=\"seen\">What was seen:</p>", to);
	put_items(to, line, "evidence", "<span class=\"seen\">", "</span>");
	fputs("</article>\n", to);
}

static void put_all_to_change(FILE *to, const json_t *report)
{
	size_t count = report_count(report, "lines", REPORT_LINES_MAX);
	const json_t *lines = json_object_get(report, "lines"), *line;
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		line = json_array_get(lines, i);
		if (!report_is_owed(line))
			continue;
		if (!any)
			fputs("<section class=\"change\" aria-labelledby="
			      "\"change\"><h2 id=\"change\">What to do</h2>\n",
			      to);
		put_to_change(to, line);
		any = true;
	}
	fputs(any ? "</section>\n" : "", to);
}

static void put_hop(FILE *to, const json_t *line)
{
	const char *state = report_state_word(report_state(line));
	char about[REPORT_TEXT_MAX];

	fprintf(to, "<li class=\"%s\"><span class=\"state %s\">%s</span>",
		state, state, state);
	put_text(to, "<span>", line, "title", "</span>");
	fputs("<span class=\"figure\">", to);
	put_text(to, "", line, "figure", "");
	fputs("</span><span class=\"words\">", to);
	report_text(line, "about", about);
	report_escape(to, about);
	put_text(to, about[0] != '\0' ? ": " : "", line, "words", "");
	fputs("</span></li>\n", to);
}

static void put_hops(FILE *to, const json_t *report)
{
	size_t count = report_count(report, "lines", REPORT_LINES_MAX);
	const json_t *lines = json_object_get(report, "lines"), *line;
	char last[REPORT_TEXT_MAX] = "", relay[REPORT_TEXT_MAX];

	fputs("<section class=\"all\" aria-labelledby=\"hops\"><h2 "
	      "id=\"hops\">Hop by hop</h2>\n<ul class=\"hops\">\n",
	      to);
	for (size_t i = 0; i < count; i++) {
		line = json_array_get(lines, i);
		report_text(line, "relay", relay);
		if (strcmp(relay, last) != 0) {
			fputs("</ul>\n", to);
			put_text(to, "<h3>relay ", line, "relay", "</h3>\n");
			fputs(relay[0] == '\0' ? "<h3>besides</h3>\n" : "", to);
			fputs("<ul class=\"hops\">\n", to);
			memcpy(last, relay, sizeof(last));
		}
		put_hop(to, line);
	}
	fputs("</ul></section>\n", to);
}

static void put_plots(FILE *to, const json_t *report)
{
	static const struct {
		const char *series, *title, *unit;
	} plots[] = {
		{ "echo_rtt_ms", "Round trip of echoes", "ms" },
		{ "up_kbps", "Throughput up", "kbit/s" },
		{ "down_kbps", "Throughput down", "kbit/s" },
	};
	size_t values = 0;

	values += report_count(report, "series.echo_rtt_ms", 1);
	values += report_count(report, "series.up_kbps", 1);
	values += report_count(report, "series.down_kbps", 1);
	if (values == 0)
		return;
	fputs("<section aria-labelledby=\"plots\"><h2 id=\"plots\">How it "
	      "fares</h2><div class=\"plots\">\n",
	      to);
	for (size_t i = 0; i < ARRAY_SIZE(plots); i++)
		report_svg_plot(to, report, plots[i].series, plots[i].title,
				plots[i].unit);
	fputs("</div></section>\n", to);
}

void report_html(FILE *to, const json_t *report)
{
	fprintf(to, "%s<title>%s \xe2\x80\x93 turnout doctor</title>\n<style>",
		head, report_calls_words(report));
	fputs(report_html_style, to);
	fputs("</style>\n</head>\n<body>\n", to);
	put_verdict(to, report);
	put_way(to, report);
	put_all_to_change(to, report);
	put_plots(to, report);
	put_hops(to, report);
	fputs("</main>\n<footer>turnout doctor", to);
	put_text(to, " ", report, "version", "");
	put_text(to, ", ", report, "at", "");
	fprintf(to, ", within %.1f s</footer>\n</body>\n</html>\n",
		(double)doc_int(report, "took_ms") / 1000);
}

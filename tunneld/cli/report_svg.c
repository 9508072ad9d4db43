/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * report_svg.c - the path and the series of a report -> SVG within a page
 *
 * Each drawing says in its title and description what it shows, and states have
 * a sign and a line of their own beside the colour.
 */
#include <config.h>

#include "report_svg.h"

#include "report.h"
#include "status_doc.h"

#include <string.h>

#define STEP       180 /* from stop to stop, side by side */
#define STEP_DOWN  76
#define RADIUS     22
#define NAME_MAX_C 24 /* characters of a name that have room */

#define PLOT_W          320
#define PLOT_H          110
#define PLOT_LEFT       8
#define PLOT_TOP        18
#define PLOT_MAX        600 /* values that are drawn */
#define VALUE_BOUND     1e9
#define SERIES_PATH_MAX 64

static const char *kind_words(const json_t *stop)
{
	static const struct {
		const char *kind, *words;
	} known[] = {
		{ "app", "your app" },         { "tunneld", "tunneld" },
		{ "proxy", "the proxy" },      { "relay", "the relay" },
		{ "world", "the other side" },
	};
	const char *kind = doc_text(stop, "kind", "");

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(known[i].kind, kind) == 0)
			return known[i].words;
	return "a hop";
}

/* At most so many characters; the rest is in the title. */
static void put_short(FILE *to, const char *text)
{
	char cut[REPORT_TEXT_MAX];
	size_t n = 0, at = 0;

	while (text[at] != '\0') {
		n += ((unsigned char)text[at] & 0xc0) != 0x80;
		if (n > NAME_MAX_C)
			break;
		at++;
	}
	snprintf(cut, sizeof(cut), "%.*s", (int)at, text);
	report_escape(to, cut);
	fputs(text[at] != '\0' ? "\xe2\x80\xa6" : "", to);
}

/* A tick, an exclamation mark, a cross or a question mark, around 0,0. */
static void put_sign(FILE *to, enum report_state state)
{
	static const char *const signs[REPORT_NUM_STATES] = {
		[REPORT_OK] = "<path d=\"M-9 1l6 7 12-15\"/>",
		[REPORT_SLOW] = "<path d=\"M0-11V3M0 9v1\"/>",
		[REPORT_FAILED] = "<path d=\"M-8-8L8 8M8-8L-8 8\"/>",
	};

	fputs(signs[state] != NULL
		      ? signs[state]
		      : "<path d=\"M-6-5a6 6 0 1 1 8 6q-2 1-2 4M0 10v1\"/>",
	      to);
}

static const char *state_of(const json_t *stop)
{
	return report_state_word(report_state(stop));
}

/* "your app: ok; the proxy, proxy.example.com:3128: failed" */
static void put_description(FILE *to, const json_t *report, size_t count)
{
	const json_t *path = json_object_get(report, "path");
	char name[REPORT_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		const json_t *stop = json_array_get(path, i);

		fprintf(to, "%s%s", i > 0 ? "; " : "", kind_words(stop));
		if (report_text(stop, "name", name)[0] != '\0') {
			fputs(", ", to);
			report_escape(to, name);
		}
		fprintf(to, ": %s", state_of(stop));
	}
}

/* The line that leads to a stop, drawn as the stop's state. */
static void put_leg(FILE *to, const json_t *stop, size_t i, bool upright)
{
	if (upright)
		fprintf(to, "<path class=\"leg %s\" d=\"M32 %zuV%zu\"/>",
			state_of(stop), (i - 1) * STEP_DOWN + 38 + RADIUS,
			i * STEP_DOWN + 38 - RADIUS);
	else
		fprintf(to, "<path class=\"leg %s\" d=\"M%zu 40H%zu\"/>",
			state_of(stop), (i - 1) * STEP + STEP / 2 + RADIUS,
			i * STEP + STEP / 2 - RADIUS);
}

static void put_stop(FILE *to, const json_t *stop, size_t i, bool upright)
{
	size_t x = upright ? 32 : i * STEP + STEP / 2;
	size_t y = upright ? i * STEP_DOWN + 38 : 40;
	char name[REPORT_TEXT_MAX];

	if (i > 0)
		put_leg(to, stop, i, upright);
	fprintf(to,
		"<g class=\"stop %s\" transform=\"translate(%zu %zu)\">"
		"<circle r=\"%d\"/>",
		state_of(stop), x, y, RADIUS);
	put_sign(to, report_state(stop));
	fprintf(to, "<text class=\"kind\" %s>%s</text><text class=\"name\" %s>",
		upright ? "x=\"40\" y=\"-3\"" : "y=\"46\"", kind_words(stop),
		upright ? "x=\"40\" y=\"16\"" : "y=\"66\"");
	report_text(stop, "name", name);
	if (strcmp(name, kind_words(stop)) != 0 && strcmp(name, "app") != 0)
		put_short(to, name);
	fputs("</text></g>", to);
}

void report_svg_path(FILE *to, const json_t *report, bool upright)
{
	size_t count = report_count(report, "path", REPORT_STOPS_MAX);
	const json_t *path = json_object_get(report, "path");
	const char *id = upright ? "upright" : "level";

	if (count == 0)
		return;
	fprintf(to,
		"<svg class=\"way %s\" role=\"img\" aria-labelledby=\"%s-t "
		"%s-d\" viewBox=\"0 0 %zu %zu\">"
		"<title id=\"%s-t\">The way of a call</title>"
		"<desc id=\"%s-d\">",
		id, id, id, upright ? (size_t)330 : count * STEP,
		upright ? count * STEP_DOWN : (size_t)116, id, id);
	put_description(to, report, count);
	fputs("</desc>", to);
	for (size_t i = 0; i < count; i++)
		put_stop(to, json_array_get(path, i), i, upright);
	fputs("</svg>\n", to);
}

/* Plots */

struct plot {
	const json_t *values;
	size_t count, lost;
	double least, most;
};

static bool value_at(const struct plot *p, size_t i, double *value)
{
	const json_t *v = json_array_get(p->values, i);

	*value = json_number_value(v);
	/* Also false for what is no number at all. */
	if (!json_is_number(v) || !(*value >= 0))
		return false;
	if (*value > VALUE_BOUND)
		*value = VALUE_BOUND;
	return true;
}

static void look(struct plot *p)
{
	double value;

	p->least = VALUE_BOUND;
	for (size_t i = 0; i < p->count; i++) {
		if (!value_at(p, i, &value)) {
			p->lost++;
			continue;
		}
		if (value < p->least)
			p->least = value;
		if (value > p->most)
			p->most = value;
	}
}

static double x_of(const struct plot *p, size_t i)
{
	double last = p->count > 1 ? (double)(p->count - 1) : 1;

	return PLOT_LEFT + (double)i / last * (PLOT_W - 2 * PLOT_LEFT);
}

static double y_of(const struct plot *p, double value)
{
	double most = p->most > 0 ? p->most : 1;

	return PLOT_TOP + (1 - value / most) * (PLOT_H - PLOT_TOP - 4);
}

static void put_curve(FILE *to, const struct plot *p)
{
	bool pen = false;
	double value;

	fputs("<path class=\"curve\" d=\"", to);
	for (size_t i = 0; i < p->count; i++) {
		bool known = value_at(p, i, &value);

		if (known)
			fprintf(to, "%c%.1f %.1f", pen ? 'L' : 'M', x_of(p, i),
				y_of(p, value));
		/* one between two gaps is to be seen, too */
		if (known && !pen)
			fputs("h.1", to);
		pen = known;
	}
	fputs("\"/><path class=\"lost\" d=\"", to);
	for (size_t i = 0; i < p->count; i++)
		if (!value_at(p, i, &value))
			fprintf(to, "M%.1f %dv8", x_of(p, i), PLOT_H - 12);
	fputs("\"/>", to);
}

static void put_plot(FILE *to, const struct plot *p, const char *series,
		     const char *title, const char *unit)
{
	fprintf(to,
		"<figure class=\"plot\"><svg role=\"img\" "
		"aria-labelledby=\"%s-t\" viewBox=\"0 0 %d %d\">"
		"<title id=\"%s-t\">%s: %zu values",
		series, PLOT_W, PLOT_H, series, title, p->count);
	if (p->lost < p->count)
		fprintf(to, ", %.4g to %.4g %s", p->least, p->most, unit);
	if (p->lost > 0)
		fprintf(to, ", %zu lost", p->lost);
	fprintf(to,
		"</title><path class=\"axis\" d=\"M%d %dH%dM%d %dH%d\"/>"
		"<text x=\"%d\" y=\"12\">%.4g %s</text>",
		PLOT_LEFT, PLOT_H - 4, PLOT_W - PLOT_LEFT, PLOT_LEFT, PLOT_TOP,
		PLOT_W - PLOT_LEFT, PLOT_LEFT, p->most, unit);
	put_curve(to, p);
	fprintf(to, "</svg><figcaption>%s", title);
	if (p->lost < p->count)
		fprintf(to, ": %.4g to %.4g %s", p->least, p->most, unit);
	if (p->lost > 0)
		fprintf(to, ", <span class=\"bad\">%zu of %zu lost</span>",
			p->lost, p->count);
	fputs("</figcaption></figure>\n", to);
}

void report_svg_plot(FILE *to, const json_t *report, const char *series,
		     const char *title, const char *unit)
{
	char member[SERIES_PATH_MAX];
	struct plot p = { .most = 0 };

	snprintf(member, sizeof(member), "series.%s", series);
	p.values = doc_at(report, member);
	p.count = report_count(report, member, PLOT_MAX);
	if (p.count == 0)
		return;
	look(&p);
	put_plot(to, &p, series, title, unit);
}

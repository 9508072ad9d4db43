/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * metrics.c - families and samples as lines of text
 *
 * Prometheus' exposition format 0.0.4 and OpenMetrics 1.0 differ little: in the
 * latter a counter's family is called without _total, and the text has an end.
 * All numbers are written from integers, so that no locale has a say.
 */
#include <config.h>

#include "metrics.h"

#include "stats.h"

#include <stddef.h>
#include <string.h>

static const char *const type_names[] = {
	[METRICS_GAUGE] = "gauge",
	[METRICS_COUNTER] = "counter",
	[METRICS_HISTOGRAM] = "histogram",
};
_Static_assert(ARRAY_SIZE(type_names) == METRICS_NUM_TYPES, "a name each");

#define TOTAL "_total"

/* How much of the name the family has. */
static int family_len(const struct metrics *m, const char *name,
		      enum metrics_type type)
{
	size_t len = strlen(name), tail = strlen(TOTAL);

	if (m->openmetrics && type == METRICS_COUNTER && len > tail &&
	    strcmp(name + len - tail, TOTAL) == 0)
		len -= tail;
	return (int)len;
}

void metrics_family(struct metrics *m, const char *name, enum metrics_type type,
		    const char *words)
{
	int len = family_len(m, name, type);

	m->family = name;
	fprintf(m->to, "# HELP %.*s %s\n# TYPE %.*s %s\n", len, name, words,
		len, name, type_names[type]);
}

/* The length of the UTF-8 sequence at `at`, or 0: it is none (RFC 3629). */
static int utf8_len(const unsigned char *at)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int len = at[0] < 0x80   ? 1
		  : at[0] < 0xc0 ? 0
		  : at[0] < 0xe0 ? 2
		  : at[0] < 0xf0 ? 3
		  : at[0] < 0xf8 ? 4
				 : 0;
	uint32_t c = len > 1 ? at[0] & (0x7fu >> len) : 0;

	for (int i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (at[i] & 0x3fu);
	}
	if (len > 1 &&
	    (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)))
		return 0;
	return len;
}

static void put_value(struct metrics *m, const char *value)
{
	const unsigned char *at = (const unsigned char *)value;

	while (*at != '\0') {
		int len = utf8_len(at);

		if (*at == '\\' || *at == '"')
			fprintf(m->to, "\\%c", *at);
		else if (*at == '\n')
			fputs("\\n", m->to);
		else if (len == 0 || *at < 0x20 || *at == 0x7f)
			fputc('?', m->to);
		else
			fwrite(at, 1, (size_t)len, m->to);
		at += len > 0 ? len : 1;
	}
}

/* The name and the labels; `le`: one more label, of a bucket. */
static void put_name(struct metrics *m, const char *suffix,
		     const struct metrics_label *labels, const char *le)
{
	const char *before = "{";

	fprintf(m->to, "%s%s", m->family, suffix);
	for (int i = 0;
	     labels != NULL && i < METRICS_LABELS_MAX && labels[i].name != NULL;
	     i++) {
		fprintf(m->to, "%s%s=\"", before, labels[i].name);
		put_value(m, labels[i].value);
		fputc('"', m->to);
		before = ",";
	}
	if (le != NULL)
		fprintf(m->to, "%sle=\"%s\"", before, le);
	if (le != NULL || *before == ',')
		fputc('}', m->to);
}

static void put_us(struct metrics *m, uint64_t us)
{
	fprintf(m->to, " %llu.%06llu\n", (unsigned long long)(us / 1000000),
		(unsigned long long)(us % 1000000));
}

void metrics_count(struct metrics *m, const struct metrics_label *labels,
		   uint64_t value)
{
	put_name(m, "", labels, NULL);
	fprintf(m->to, " %llu\n", (unsigned long long)value);
}

void metrics_time_us(struct metrics *m, const struct metrics_label *labels,
		     uint64_t us)
{
	put_name(m, "", labels, NULL);
	put_us(m, us);
}

void metrics_histogram(struct metrics *m, const struct metrics_label *labels,
		       const struct stats_histogram *h)
{
	static const char *const bounds[] = {
#define BOUND_TEXT(bound, text) text,
		STATS_BOUND_LIST(BOUND_TEXT)
#undef BOUND_TEXT
			"+Inf",
	};
	uint64_t sum_us = stats_get(&h->sum_us), n = 0;

	/* A sample that comes meanwhile may be in the buckets and not in the
	 * sum; the buckets among themselves are always right. */
	for (size_t i = 0; i < ARRAY_SIZE(bounds); i++) {
		n += stats_get(&h->bucket[i]);
		put_name(m, "_bucket", labels, bounds[i]);
		fprintf(m->to, " %llu\n", (unsigned long long)n);
	}
	put_name(m, "_sum", labels, NULL);
	put_us(m, sum_us);
	put_name(m, "_count", labels, NULL);
	fprintf(m->to, " %llu\n", (unsigned long long)n);
}

void metrics_end(struct metrics *m)
{
	if (m->openmetrics)
		fputs("# EOF\n", m->to);
}

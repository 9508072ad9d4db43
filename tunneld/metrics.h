/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * metrics.h - numbers as Prometheus reads them
 *
 * A family is its name, type and words, followed by all of its samples. The
 * text is that of Prometheus 0.0.4, or of OpenMetrics 1.0.
 */
#ifndef METRICS_H
#define METRICS_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct stats_histogram;

enum metrics_type {
	METRICS_GAUGE = 0,
	METRICS_COUNTER, /* its name ends in _total */
	METRICS_HISTOGRAM,
	METRICS_NUM_TYPES,
};

struct metrics {
	FILE *to;
	bool openmetrics;
	const char *family; /* the one that samples belong to */
};

#define METRICS_LABELS_MAX 4
struct metrics_label {
	const char *name, *value; /* values are any bytes: they are cleaned */
};

void metrics_family(struct metrics *m, const char *name, enum metrics_type type,
		    const char *words);
/* `labels` NULL: none; else METRICS_LABELS_MAX at most, ended by a NULL name.
 */
void metrics_count(struct metrics *m, const struct metrics_label *labels,
		   uint64_t value);
void metrics_time_us(struct metrics *m, const struct metrics_label *labels,
		     uint64_t us);
void metrics_histogram(struct metrics *m, const struct metrics_label *labels,
		       const struct stats_histogram *h);
void metrics_end(struct metrics *m);

#endif

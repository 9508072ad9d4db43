/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* doctor_report.h - branches with their lines -> turnout-doctor/1 */
#ifndef DOCTOR_REPORT_H
#define DOCTOR_REPORT_H

#include <turnout/compiler.h>

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct doctor_branch;

/* In the order of the report. A new reference; NULL: no memory. */
json_t *doctor_report(const struct doctor_branch *branches, size_t count,
		      uint64_t took_ms) MUST_CHECK;

#endif

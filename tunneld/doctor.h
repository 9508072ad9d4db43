/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor.h - what stands between this machine and a call, hop by hop; blocks,
 * for pool threads only
 *
 * It dials as calls do, with the same code, credentials and rules: a password
 * that was refused is not sent again. The report is turnout-doctor/1
 * (docs/schema/turnout-doctor-1.json).
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include <turnout/compiler.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf;
struct dial_pool;
struct doctor;
struct names;
struct policy;
struct relay_set;

/* All probes together take no longer, whatever is silent. */
#define DOCTOR_TIMEOUT_MS 13500

/* What is asked; borrowed until doctor_free(). */
struct doctor_env {
	struct policy *policy;
	struct relay_set *relays;
	struct names *names; /* NULL: none is running */
	struct dial_pool *pool;
	const char *relay;  /* this one alone; NULL or "": all */
	bool reload_failed; /* the configuration in force is an older one */
};

/* In any thread, one at a time: so many of the lines are there, and what is
 * looked at now. */
typedef void(doctor_progress_fn)(void *arg, size_t done, size_t of,
				 const char *doing);

struct doctor *doctor_new(const struct doctor_env *env) MUST_CHECK;
void doctor_free(struct doctor *d);
/* From any thread: doctor_run() ends soon. */
void doctor_cancel(struct doctor *d);
/* Once. The report; NULL: cancelled, or no memory. */
json_t *doctor_run(struct doctor *d, doctor_progress_fn *progress,
		   void *arg) MUST_CHECK;

#endif

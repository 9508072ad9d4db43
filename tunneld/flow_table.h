/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* flow_table.h - (user, socket cookie) -> what was promised for its flow */
#ifndef FLOW_TABLE_H
#define FLOW_TABLE_H

#include <turnout/compiler.h>
#include <turnout/endpoint.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

struct flow_table;

/* The user is part of the key: cookies can be guessed, and a secret must not
 * go to another user. */
struct flow_record {
	uint64_t cookie;
	uid_t uid;
	uint64_t secret;
	struct endpoint bound;
	/* What its worker has told since. */
	struct endpoint app; /* where the app sends from; family 0: unknown */
	uint8_t uplinks;     /* those that are open (flow.h) */
	bool talks;          /* flow_talks() */
	pid_t pid;           /* who has opened it; 0: not known any more */
	char *program;       /* who has it; NULL: not to be told; copied */
	struct flow_record *next;
};

struct flow_table *flow_table_new(void) MUST_CHECK;
void flow_table_free(struct flow_table *t);
/* Borrowed until the next change; NULL: none. */
const struct flow_record *flow_table_find(const struct flow_table *t,
					  uint64_t cookie, uid_t uid);
/* 0, -ENOMEM, or -ENOBUFS when the user has too many. `record->next` is
 * ignored. */
int flow_table_add(struct flow_table *t,
		   const struct flow_record *record) MUST_CHECK;
/* The secret tells a flow from a later one of the same socket. True: there was
 * such a one, and `bound` was where. */
bool flow_table_remove(struct flow_table *t, uint64_t cookie, uint64_t secret,
		       struct endpoint *bound);
/* What is known of a flow by now. False: there is none such, or nothing is new.
 */
bool flow_table_note(struct flow_table *t, uint64_t cookie, uint64_t secret,
		     const struct endpoint *app, uint8_t uplinks, bool talks);
/* The record after this one, in no order; NULL: the first, or none. */
const struct flow_record *flow_table_next(const struct flow_table *t,
					  const struct flow_record *record);
size_t flow_table_count(const struct flow_table *t);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* redact_json.h - a JSON document reduced to members that are on a list */
#ifndef REDACT_JSON_H
#define REDACT_JSON_H

#include "redact.h"

#include <turnout/compiler.h>

#include <jansson.h>

/* A new document. `*left_out`: how many members were not on the list, or not of
 * the type that is expected of them. NULL: no memory. */
json_t *redact_json(struct redact *r, const json_t *doc,
		    size_t *left_out) MUST_CHECK;
/* Of a tunneld's documents: names that are known (redact_know()). */
void redact_json_learn(struct redact *r, const json_t *doc);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* redact_json.h - a JSON document reduced to members that are on a list */
#ifndef REDACT_JSON_H
#define REDACT_JSON_H

#include "redact.h"

#include <turnout/compiler.h>

#include <jansson.h>

/* A new document. `left_out` is told each member, once, that is not on the
 * list, or is not of the type that is expected of it; keys that are no words of
 * turnout's are pseudonyms. NULL: no memory. */
#define REDACT_JSON_OUT_MAX 512
json_t *redact_json(struct redact *r, const json_t *doc,
		    char left_out[REDACT_JSON_OUT_MAX]) MUST_CHECK;
/* Of a tunneld's documents: names that are known (redact_know()). */
void redact_json_learn(struct redact *r, const json_t *doc);

#endif

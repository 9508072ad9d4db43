/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status_state.h - how far tunneld is, for `status --check` and `wait --for` */
#ifndef STATUS_STATE_H
#define STATUS_STATE_H

#include <turnout/compiler.h>

#include <jansson.h>
#include <stdbool.h>

#define STATUS_STATE_ANSWER_MS 5000
#define STATUS_CHECK_NOBODY    3 /* no tunneld answers */

enum status_state {
	STATUS_STATE_LIVE = 0, /* it answers */
	STATUS_STATE_READY,    /* it has started */
	STATUS_STATE_RELAY,    /* it has an address at a relay */
	STATUS_STATE_CALL,     /* an app sends to peers and hears from them */
	STATUS_NUM_STATES,
};

/* False: it is none of these. */
bool status_state_parse(const char *text, enum status_state *state) MUST_CHECK;

#define STATUS_STATE_WORDS_MAX 160
/* Else `words` says what is missing. */
bool status_state_holds(enum status_state state, const json_t *doc,
			char words[STATUS_STATE_WORDS_MAX]);

#endif

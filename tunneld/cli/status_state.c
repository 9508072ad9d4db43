/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status_state.c - how far tunneld is, by what it tells */
#include <config.h>

#include "status_state.h"

#include "status_doc.h"

#include <stdio.h>
#include <string.h>

bool status_state_parse(const char *text, enum status_state *state)
{
	static const char *const names[] = {
		[STATUS_STATE_LIVE] = "live",
		[STATUS_STATE_READY] = "ready",
		[STATUS_STATE_RELAY] = "relay",
		[STATUS_STATE_CALL] = "call",
	};
	_Static_assert(ARRAY_SIZE(names) == STATUS_NUM_STATES, "one each");

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		*state = (enum status_state)i;
		return true;
	}
	return false;
}

static bool talks(const json_t *doc)
{
	const json_t *flow;
	size_t i;

	json_array_foreach(doc_at(doc, "flows"), i,
			   flow) if (doc_true(flow, "talks")) return true;
	return false;
}

static const char *why_no_relay(const json_t *doc)
{
	const json_t *relay;
	size_t i;

	if (json_array_size(doc_at(doc, "relays")) == 0)
		return "no relay is configured, or it was not found";
	json_array_foreach(
		doc_at(doc, "relays"), i,
		relay) if (!doc_true(relay,
				     "failing")) return "no address at a relay "
							"is held now";
	return "no relay can be used: see turnout doctor";
}

bool status_state_holds(enum status_state state, const json_t *doc,
			char words[STATUS_STATE_WORDS_MAX])
{
	const char *missing = NULL;

	switch (state) {
	case STATUS_STATE_READY:
		if (!doc_true(doc, "daemon.ready"))
			missing = "tunneld is starting";
		break;
	case STATUS_STATE_RELAY:
		if (doc_int(doc, "counters.allocations") == 0)
			missing = why_no_relay(doc);
		break;
	case STATUS_STATE_CALL:
		if (!talks(doc))
			missing = "no app talks to a peer";
		break;
	default:
		break;
	}
	snprintf(words, STATUS_STATE_WORDS_MAX, "%s",
		 missing != NULL ? missing : "");
	return missing == NULL;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* creds_obtain.c - credentials from a web service or a command */
#include <config.h>

#include "command.h"
#include "creds_json.h"
#include "creds_private.h"
#include "http_get.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int from_uri(const struct creds_errand *e, struct creds_served *out)
{
	const struct creds_opts *o = e->opts;
	struct http_get g = {
		.url = o->uri,
		.headers = o->headers,
		.body = o->body,
		.ca_file = o->ca_file,
		.egress = o->egress,
		.pool = e->pool,
		.deadline_ms = e->deadline_ms,
		.cancel = e->cancel,
	};
	const char *words;
	int rc = http_get(&g);

	if (rc < 0) {
		snprintf(e->words, CREDS_WORDS_MAX, "credentials_uri: %s",
			 g.words);
		return rc;
	}
	rc = creds_json_parse(g.data, g.len, out, &words);
	http_get_fini(&g);
	if (rc < 0)
		snprintf(e->words, CREDS_WORDS_MAX,
			 "credentials_uri: the answer: %s", words);
	return rc;
}

static int from_command(const struct creds_errand *e, struct creds_served *out)
{
	struct command c = {
		.text = e->opts->command,
		.deadline_ms = e->deadline_ms,
		.cancel = e->cancel,
	};
	const char *words;
	int rc = command_run(&c);

	if (rc < 0) {
		snprintf(e->words, CREDS_WORDS_MAX, "credential_command: %s",
			 c.words);
		return rc;
	}
	rc = creds_json_parse_any(c.out, c.len, out, &words);
	command_fini(&c);
	if (rc < 0)
		snprintf(e->words, CREDS_WORDS_MAX,
			 "credential_command: its output: %s", words);
	return rc;
}

int creds_obtain(const struct creds_errand *e, struct creds_served *out)
{
	return e->opts->kind == CREDS_URI ? from_uri(e, out)
					  : from_command(e, out);
}

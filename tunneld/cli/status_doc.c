/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status_doc.c - the document turnout-status/1, asked for and read */
#include <config.h>

#include "status_doc.h"

#include "daemon.h"
#include "say.h"

#include <turnout/control.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS  5000
#define MEMBER_MAX 64

json_t *status_parse(const char *text)
{
	json_t *doc = json_loads(text, 0, NULL);

	if (strcmp(doc_text(doc, "schema", ""), "turnout-status/1") == 0)
		return doc;
	json_decref(doc);
	return NULL;
}

int status_ask(const char *socket, int timeout_ms, json_t **doc)
{
	const struct control_report body = { .kind = REPORT_STATUS };
	char *text;
	int err = daemon_document(socket, CONTROL_REPORT, &body, sizeof(body),
				  timeout_ms, &text);

	if (err < 0)
		return err;
	*doc = status_parse(text);
	free(text);
	return *doc != NULL ? 0 : -EPROTO;
}

json_t *status_fetch(const char *socket)
{
	json_t *doc = NULL;
	int err = status_ask(socket, ANSWER_MS, &doc);

	if (err == -EPROTO)
		say("tunneld at %s does not give reports: it is an older one",
		    socket);
	else if (err < 0)
		say("tunneld at %s did not answer: %s; its log says more "
		    "(journalctl -u tunneld)",
		    socket, strerror(-err));
	return doc;
}

json_t *doc_at(const json_t *doc, const char *path)
{
	char member[MEMBER_MAX];

	while (doc != NULL && *path != '\0') {
		size_t len = strcspn(path, ".");

		if (len >= sizeof(member))
			return NULL;
		memcpy(member, path, len);
		member[len] = '\0';
		doc = json_object_get(doc, member);
		path += len + (path[len] == '.');
	}
	return (json_t *)(uintptr_t)doc;
}

int64_t doc_int(const json_t *doc, const char *path)
{
	return json_integer_value(doc_at(doc, path));
}

double doc_real(const json_t *doc, const char *path)
{
	return json_number_value(doc_at(doc, path));
}

bool doc_true(const json_t *doc, const char *path)
{
	return json_is_true(doc_at(doc, path));
}

bool doc_is_null(const json_t *doc, const char *path)
{
	const json_t *value = doc_at(doc, path);

	return value == NULL || json_is_null(value);
}

const char *doc_text(const json_t *doc, const char *path, const char *other)
{
	const char *text = json_string_value(doc_at(doc, path));

	return text != NULL ? text : other;
}

int doc_print(const json_t *doc)
{
	if (json_dumpf(doc, stdout, JSON_INDENT(2)) == 0)
		putchar('\n');
	return say_flush_stdout();
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* control_report.c - documents about the whole of tunneld, for programs */
#include <config.h>

#include "control_conn.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void report_status(struct conn *conn)
{
	json_t *doc = json_pack("{s:s, s:{s:s, s:i}}", "schema",
				"turnout-status/1", "daemon", "version",
				PACKAGE_VERSION, "pid", (int)getpid());
	char *text = doc != NULL ? json_dumps(doc, JSON_COMPACT) : NULL;

	json_decref(doc);
	conn_stream(conn, NULL, NULL);
	if (text != NULL) {
		conn_write(conn, text, strlen(text));
		conn_write(conn, "\n", 1);
	}
	free(text);
	conn_finish(conn);
}

static void report_metrics(struct conn *conn, bool openmetrics)
{
	size_t bytes;
	char *text = control_metrics(conn->control, openmetrics, &bytes);

	conn_stream(conn, NULL, NULL);
	if (text != NULL)
		conn_write(conn, text, bytes);
	free(text);
	conn_finish(conn);
}

void conn_report(struct conn *conn)
{
	struct control_report body;

	memcpy(&body, conn->request.bytes + sizeof(struct control_header),
	       sizeof(body));
	switch (body.kind) {
	case REPORT_STATUS:
		report_status(conn);
		break;
	case REPORT_METRICS:
		report_metrics(conn, body.flags & REPORT_OPENMETRICS);
		break;
	case REPORT_LOG:
		conn_log(conn, body.flags);
		break;
	default:
		conn_close(conn);
		break;
	}
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* control_report.c - documents about the whole of tunneld, for programs */
#include <config.h>

#include "control_conn.h"

#include <stdlib.h>
#include <string.h>

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
		conn_report_status(conn);
		break;
	case REPORT_METRICS:
		report_metrics(conn, body.flags & REPORT_OPENMETRICS);
		break;
	case REPORT_LOG:
		conn_log(conn, body.flags);
		break;
	case REPORT_WAIT:
		conn_report_wait(conn, body.flags);
		break;
	default:
		conn_close(conn);
		break;
	}
}

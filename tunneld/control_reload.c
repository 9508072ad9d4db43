/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* control_reload.c - the configuration read again, and who asked is told how it
 * went */
#include <config.h>

#include "control_conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who wants all of it has the log. */
#define WORDS_MAX_BYTES 16384

/* What there is to say goes to `told`; 0 or -errno. */
static int reload(const struct conn *conn, FILE *told)
{
	const struct control_opts *opts = &conn->control->opts;

	if (!conn_may_command(conn)) {
		fputs("only root, or the user that tunneld runs as, may do "
		      "that\n",
		      told);
		return -EPERM;
	}
	return opts->on_reload != NULL ? opts->on_reload(opts->arg, told)
				       : -ENOSYS;
}

void conn_reload(struct conn *conn)
{
	struct control_words head = { .status = 1 };
	char *text = NULL;
	size_t bytes = 0;
	FILE *told = open_memstream(&text, &bytes);

	if (told == NULL) {
		conn_close(conn);
		return;
	}
	fwrite(&head, sizeof(head), 1, told);
	head.status = reload(conn, told) < 0;
	if (fclose(told) == 0) {
		memcpy(text, &head, sizeof(head));
		conn_answer(conn, text,
			    bytes < WORDS_MAX_BYTES ? bytes : WORDS_MAX_BYTES);
	} else {
		conn_close(conn);
	}
	free(text);
}

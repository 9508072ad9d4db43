/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* control_proxy.c - refused proxy passwords may be sent once more */
#include <config.h>

#include "control_conn.h"
#include "proxy_auth.h"
#include "tunnel.h"

#include <errno.h>
#include <string.h>

void conn_proxy_retry(struct conn *conn)
{
	struct control_proxy_retried out = { .error = EPERM };
	struct dial_pool *pool = conn->control->opts.pool;
	int n;

	/* Other users could have its owner's account locked. */
	if (conn_may_command(conn)) {
		n = proxy_auth_retry(dial_tunnel_env(pool)->auth);
		out.error = n < 0 ? -n : 0;
		out.logins = n < 0 ? 0 : (uint32_t)n;
		if (n < 0)
			log_warn("refused proxy passwords: %s", strerror(-n));
		else
			log_info("refused proxy passwords may be sent once "
				 "more: %d",
				 n);
	}
	conn_answer(conn, &out, sizeof(out));
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pac_http.c - a URL into a script, once
 *
 * Within Chromium's limits: half a minute, one megabyte, never through a proxy.
 */
#include <config.h>

#include "pac_http.h"

#include "clock.h"
#include "http_get.h"
#include "pac_wait.h"

#include <stdint.h>
#include <string.h>

#define FETCH_MS 30000

int pac_http_fetch(const struct pac_place *from, struct pac_fetched *f,
		   struct pac_wait *w)
{
	uint64_t limit_ms = clock_now_ms() + FETCH_MS;
	struct http_get g = {
		.url = from->place,
		.ca_file = from->ca_file,
		.accept = "application/x-ns-proxy-autoconfig, */*",
		.bytes_max = PAC_SCRIPT_BYTES_MAX,
		.only_200 = true,
		.deadline_ms = limit_ms < w->deadline_ms ? limit_ms
							 : w->deadline_ms,
		.cancel = w->cancel,
	};
	int rc = http_get(&g);

	if (rc < 0) {
		strcpy(f->words, g.words);
		return rc;
	}
	rc = pac_fetch_decode(from, f, g.type, g.data, g.len);
	http_get_fini(&g);
	return rc;
}

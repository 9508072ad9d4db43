/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pac_http.h - proxy auto-config scripts from web servers */
#ifndef PAC_HTTP_H
#define PAC_HTTP_H

#include "pac_fetch.h"

/* A pac_fetch_fn, so that those who read scripts need not stand above those
 * who dial. */
int pac_http_fetch(const struct pac_place *from, struct pac_fetched *f,
		   struct pac_wait *w);

#endif

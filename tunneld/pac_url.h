/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pac_url.h - a destination as a URL, for those who choose proxies; pure */
#ifndef PAC_URL_H
#define PAC_URL_H

#include <turnout/compiler.h>
#include <turnout/control.h>

#include <stdbool.h>
#include <stdint.h>

#define PAC_URL_MAX (CONTROL_NAME_MAX + 32)

/* `name`: the host as it stands in the URL, without brackets. Neither has
 * anything in it but letters, digits and "-_.:/[]". False: not a host. */
bool pac_url_make(const char *host, uint16_t port, char url[PAC_URL_MAX],
		  char name[CONTROL_NAME_MAX + 1]) MUST_CHECK;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pac_url.c - host and port into the URL that Chromium would write for them
 *
 * No path, which may hold secrets, and no port that the scheme has anyway. What
 * goes to port 80 is taken for http, and all else for https, wss included.
 */
#include <config.h>

#include "pac_url.h"

#include "hostname.h"

#include <stdio.h>

#include <arpa/inet.h>

bool pac_url_make(const char *host, uint16_t port, char url[PAC_URL_MAX],
		  char name[CONTROL_NAME_MAX + 1])
{
	struct in6_addr ip;
	bool v6 = inet_pton(AF_INET6, host, &ip) == 1;
	char number[8] = "";

	if (v6 || inet_pton(AF_INET, host, &ip) == 1)
		snprintf(name, CONTROL_NAME_MAX + 1, "%s", host);
	else if (!hostname_normalise(host, name))
		return false;
	if (port != 80 && port != 443)
		snprintf(number, sizeof(number), ":%u", (unsigned int)port);
	snprintf(url, PAC_URL_MAX, "http%s://%s%s%s%s/", port == 80 ? "" : "s",
		 v6 ? "[" : "", name, v6 ? "]" : "", number);
	return true;
}

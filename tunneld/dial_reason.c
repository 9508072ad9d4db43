/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dial_reason.c - the errno table, and words for the log */
#include <config.h>

#include "dial_reason.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What a failure is called, and what the app gets; 0: the kernel's errno. */
static const struct {
	const char *name;
	int error;
} reasons[] = {
	[DIAL_OK] = { "ok", 0 },
	[DIAL_PROXY_DNS] = { "proxy_dns", EHOSTUNREACH },
	[DIAL_PROXY_REFUSED] = { "proxy_refused", 0 },
	[DIAL_PROXY_TIMEOUT] = { "proxy_timeout", ETIMEDOUT },
	[DIAL_PROXY_RESET] = { "proxy_reset", ECONNRESET },
	[DIAL_PROXY_CLOSED] = { "proxy_closed", ECONNRESET },
	[DIAL_PROXY_PROTOCOL] = { "proxy_protocol", ECONNABORTED },
	[DIAL_PROXY_DENIED] = { "proxy_denied", ECONNREFUSED },
	[DIAL_PROXY_AUTH] = { "proxy_auth", ECONNREFUSED },
	[DIAL_STUCK] = { "dial_stuck", ETIMEDOUT },
	[DIAL_PROXY_CHOICE] = { "proxy_choice", EHOSTUNREACH },
	[DIAL_CAPTIVE_PORTAL] = { "captive_portal", ENETUNREACH },
	[DIAL_TARGET_UNREACH] = { "target_unreach", EHOSTUNREACH },
	[DIAL_TARGET_TIMEOUT] = { "target_timeout", ETIMEDOUT },
	[DIAL_PROXY_TLS] = { "proxy_tls", ECONNREFUSED },
	[DIAL_TARGET_DNS] = { "target_dns", EHOSTUNREACH },
	[DIAL_TARGET_REFUSED] = { "target_refused", 0 },
	[DIAL_RELAY_TLS] = { "relay_tls", ECONNREFUSED },
	[DIAL_CANCELLED] = { "cancelled", ECANCELED },
	[DIAL_INTERNAL] = { "internal", 0 },
};
_Static_assert(ARRAY_SIZE(reasons) == DIAL_NUM_REASONS, "a row a reason");

const char *dial_reason_name(enum dial_reason reason)
{
	return (unsigned int)reason < DIAL_NUM_REASONS ? reasons[reason].name
						       : "unknown";
}

bool dial_blame(struct dial_failure *f, enum dial_reason reason, int error,
		const char *hop, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(f->words, sizeof(f->words), "%s: ", hop);

	if (n >= 0 && (size_t)n < sizeof(f->words)) {
		va_start(ap, fmt);
		vsnprintf(f->words + n, sizeof(f->words) - (size_t)n, fmt, ap);
		va_end(ap);
	}
	f->reason = reason;
	if (reasons[reason].error != 0)
		error = reasons[reason].error;
	/* connect(2) has no such ends, or they mean that it goes on. */
	if (error == 0 || error == EINTR || error == EAGAIN ||
	    error == EINPROGRESS || error == EALREADY)
		error = ECONNABORTED;
	f->error = error;
	return false;
}

void dial_format_host(char out[DIAL_HOST_PORT_MAX], const char *host,
		      uint16_t port)
{
	bool v6 = strchr(host, ':') != NULL;

	snprintf(out, DIAL_HOST_PORT_MAX, "%s%.60s%s:%u", v6 ? "[" : "", host,
		 v6 ? "]" : "", (unsigned int)port);
}

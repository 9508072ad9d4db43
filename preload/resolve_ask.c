/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolve_ask.c - which names are asked of tunneld, and what it says of them
 *
 * tunneld comes first, because libc's resolver talks to name servers where no
 * hook sees it, and a dead one costs its whole time-out. Without tunneld libc
 * answers. RFC 6761, 6.3 (localhost).
 */
#include <config.h>

#include "resolve_ask.h"

#include "client.h"

#include <string.h>
#include <strings.h>

#include <arpa/inet.h>

size_t resolve_bare_length(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && name[len - 1] == '.' ? len - 1 : len;
}

static bool is_localhost(const char *name, size_t len)
{
	static const char localhost[] = "localhost";
	size_t n = sizeof(localhost) - 1;

	return len >= n && strncasecmp(name + len - n, localhost, n) == 0 &&
	       (len == n || name[len - n - 1] == '.');
}

bool resolve_is_ours(const char *name)
{
	size_t len = resolve_bare_length(name);
	struct in_addr literal;

	if (len == 0 || len > CONTROL_NAME_MAX || !client_active())
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] <= ' ' ||
		    (unsigned char)name[i] >= 0x7f || name[i] == ':')
			return false;
	return inet_aton(name, &literal) == 0 && !is_localhost(name, len);
}

static enum control_resolve_verdict ask(const char *name,
					struct control_resolve *request,
					struct endpoint *addr)
{
	struct control_resolved answer;

	memcpy(request->name, name, resolve_bare_length(name));
	if (client_ask(CONTROL_RESOLVE, request, sizeof(*request), &answer,
		       sizeof(answer)) != 0)
		return CONTROL_RESOLVE_LIBC;
	*addr = answer.addr;
	return (enum control_resolve_verdict)answer.verdict;
}

enum control_resolve_verdict resolve_ask(const char *name, uint8_t family,
					 struct endpoint *addr)
{
	struct control_resolve request = { .family = family };

	return ask(name, &request, addr);
}

enum control_resolve_verdict resolve_ask_records(const char *name)
{
	struct control_resolve request = { .records = 1 };
	struct endpoint none;

	return ask(name, &request, &none);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* resolver.c - a getaddrinfo() for test programs */
#include <config.h>

#include "resolver.h"

#include <turnout/compiler.h>

#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

atomic_uint resolver_slow_ms = 3000;
atomic_uint resolver_calls;

typedef int(getaddrinfo_fn)(const char *, const char *, const struct addrinfo *,
			    struct addrinfo **);

static const struct {
	const char *name;
	const char *literals[3];
} names[] = {
	{ "two.test", { "127.0.0.3", "127.0.0.2" } },
	{ "one.test", { "127.0.0.1" } },
	{ "both.test", { "::1", "127.0.0.1" } },
	{ "six.test", { "::1" } },
	{ "slow.test", { "127.0.0.1" } },
	{ "inside.test", { "10.1.2.3", "fd99::3" } },
	{ "outside.test", { "203.0.113.9" } },
	{ "mixed.test", { "10.1.2.3", "203.0.113.9" } },
	{ "filtered.test", { "0.0.0.0" } },
};

static getaddrinfo_fn *libc(void)
{
	union {
		void *symbol;
		getaddrinfo_fn *fn;
	} u = { .symbol = dlsym(RTLD_NEXT, "getaddrinfo") };

	if (u.fn == NULL)
		abort();
	return u.fn;
}

static int answer(const char *const *literals, const char *service,
		  const struct addrinfo *hints, struct addrinfo **res)
{
	struct addrinfo numeric = *hints, **tail = res;
	int rc, found = 0;

	*res = NULL;
	numeric.ai_flags |= AI_NUMERICHOST;
	for (; *literals != NULL; literals++) {
		rc = libc()(*literals, service, &numeric, tail);
		if (rc != 0)
			continue; /* of another family */
		found++;
		while (*tail != NULL)
			tail = &(*tail)->ai_next;
	}
	return found > 0 ? 0 : EAI_NODATA;
}

int getaddrinfo(const char *name, const char *service,
		const struct addrinfo *hints, struct addrinfo **res)
{
	static const char ending[] = ".test";
	size_t len = name != NULL ? strlen(name) : 0, i;

	if (len < sizeof(ending) ||
	    strcmp(name + len - sizeof(ending) + 1, ending) != 0)
		return libc()(name, service, hints, res);
	atomic_fetch_add(&resolver_calls, 1);
	if (strncmp(name, "slow", 4) == 0)
		poll(NULL, 0, (int)atomic_load(&resolver_slow_ms));
	if (strcmp(name, "dead.test") == 0)
		return EAI_AGAIN;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i].name) == 0)
			return answer(names[i].literals, service, hints, res);
	return EAI_NONAME;
}

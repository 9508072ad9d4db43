/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * caller.c - SO_PEERCRED into a user and an executable
 *
 * The kernel vouches for both: the process cannot choose what /proc/PID/exe
 * says. It may say nothing, though: of a process that is not dumpable, of
 * another user's to a tunneld that is not root, or where /proc is mounted with
 * hidepid. Then the library's word counts, which has its process's own word for
 * all that is decided by address anyway. Without it the program is not known,
 * and page_who_matches() takes it for the one that a block rule means, and for
 * no other.
 */
#include <config.h>

#include "caller.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

/* What the kernel adds when an update has replaced the file. */
#define DELETED " (deleted)"

static bool ask_kernel(struct caller *c, pid_t pid)
{
	size_t tail = strlen(DELETED), len;
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	n = readlink(link, c->path, sizeof(c->path));
	/* One that fills the room may have been cut. */
	if (n <= 0 || (size_t)n == sizeof(c->path) || c->path[0] != '/')
		return false;
	len = (size_t)n;
	if (len > tail && memcmp(c->path + len - tail, DELETED, tail) == 0)
		len -= tail;
	c->path[len] = '\0';
	return true;
}

static bool believe(struct caller *c, const char *claim)
{
	if (claim == NULL || claim[0] != '/' ||
	    strlen(claim) >= sizeof(c->path))
		return false;
	strcpy(c->path, claim);
	return true;
}

void caller_init(struct caller *c, const struct ucred *cred, const char *claim)
{
	c->client = (struct policy_client){ .uid = (uint32_t)cred->uid };
	if (ask_kernel(c, cred->pid) || believe(c, claim))
		c->client.program = c->path;
}

struct policy_client *caller_keep(const struct policy_client *c)
{
	size_t bytes = c->program != NULL ? strlen(c->program) + 1 : 0;
	struct policy_client *kept = malloc(sizeof(*kept) + bytes);

	if (kept == NULL)
		return NULL;
	*kept = (struct policy_client){ .uid = c->uid };
	if (bytes > 0)
		kept->program = memcpy(kept + 1, c->program, bytes);
	return kept;
}

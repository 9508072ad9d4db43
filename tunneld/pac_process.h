/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pac_process.h - a process of its own for a proxy auto-config script, as seen
 * by tunneld; blocks, for pool threads only
 */
#ifndef PAC_PROCESS_H
#define PAC_PROCESS_H

#include "pac_list.h"

#include <turnout/compiler.h>

#include <stddef.h>

#include <sys/types.h>

struct pac_wait;

struct pac_process {
	pid_t pid;
	int fd;
};

/* `program`: the helper's path. 0, or -errno of what could not be started. */
int pac_process_open(struct pac_process *p, const char *program) MUST_CHECK;
/* Kills it, whatever it does. */
void pac_process_close(struct pac_process *p);

/* Both: 0, or -errno with words; after all but -EBADMSG it can only be closed.
 * -EBADMSG: the script cannot be run, or has failed here; -ETIMEDOUT,
 * -ECANCELED; -EPIPE: the process is gone. */
int pac_process_load(struct pac_process *p, const char *script, size_t len,
		     struct pac_wait *w) MUST_CHECK;
/* FindProxyForURL(url, host), neither with a blank or a quote in it. */
int pac_process_ask(struct pac_process *p, const char *url, const char *host,
		    char list[PAC_LIST_BYTES_MAX + 1],
		    struct pac_wait *w) MUST_CHECK;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tracee.h - what a stopped process tells about itself */
#ifndef TRACEE_H
#define TRACEE_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

/* All of `len` bytes at `address`; -EFAULT, or -EPERM (a sandbox). */
int tracee_read(pid_t tid, uint64_t address, void *data, size_t len) MUST_CHECK;
/* The process of a thread; 0: it has gone. */
pid_t tracee_process(pid_t tid);
/* The path of its program, NUL-terminated, as the kernel tells it; "" else. */
void tracee_program(pid_t pid, char *path, size_t max);
/* IPPROTO_TCP, IPPROTO_UDP, another one, or -errno. */
int tracee_protocol(pid_t pid, int fd);
/* Whether `name`=`value` stands in the environment that it was started with;
 * for LD_PRELOAD: whether `value` is among its paths. */
bool tracee_has_env(pid_t pid, const char *name, const char *value);

struct tracee_place {
	bool preloaded; /* libturnout.so is mapped */
	char file[256]; /* whose code is at the address; "" unknown */
};
void tracee_place(pid_t pid, uint64_t address, struct tracee_place *out);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* preflight.h - can the preloaded library serve this command? */
#ifndef PREFLIGHT_H
#define PREFLIGHT_H

#include "elf_facts.h"

#include <turnout/compiler.h>

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum preflight_flaw {
	PREFLIGHT_FLAW_NONE = 0,
	PREFLIGHT_FLAW_FOREIGN, /* another machine, class or byte order */
	PREFLIGHT_FLAW_SETID,   /* runs as another user or group */
	PREFLIGHT_FLAW_CAPS,    /* file capabilities */
	PREFLIGHT_FLAW_GO,      /* system calls without libc */
	PREFLIGHT_FLAW_STATIC,  /* no loader */
	PREFLIGHT_FLAW_MUSL,    /* another libc */
	PREFLIGHT_NUM_FLAWS,
};

struct preflight {
	enum preflight_flaw flaw; /* the first one that was found */
	char path[PATH_MAX];      /* the file that has it: interpreters too */
	struct elf_facts facts, own;
};

/* The file that execvp(3) would run for `command`: 0, -ENOENT (nowhere) or
 * -EACCES (there, but it cannot be run). */
int preflight_find(const char *command, char *path, size_t max) MUST_CHECK;
bool preflight_is_elf(const char *path);
/* Look at the file, and at what its #! line names. What cannot be read or
 * understood is no flaw: exec will tell. */
void preflight_look(const char *path, struct preflight *out);
/* Two sentences: why the library cannot serve it, and what to do. */
void preflight_explain(const struct preflight *p, char *text, size_t max);

#endif

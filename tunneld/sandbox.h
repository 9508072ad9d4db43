/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sandbox.h - privileges that tunneld gives up by itself, whoever starts it
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <turnout/compiler.h>

#include <sys/types.h>

#define SANDBOX_WORDS_MAX 160

/* LeakSanitizer looks at our memory by ptrace(2). */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED 0
#endif

/* Passwords are in our memory: no core file, and no other process of the user
 * that reads it. */
void sandbox_hide_memory(void);

/* Root becomes this user for good, without any capability; these directories,
 * up to a NULL, are the user's from then on. 0 or -errno (-ENOENT: there is
 * none such). */
int sandbox_become(const char *user, const char *const *dirs) MUST_CHECK;

/* From now on, for this process and all that it starts: no privileges by exec,
 * and no system calls that nobody here needs. Before any thread is made. */
void sandbox_enter(void);

/* What of all that is in force, as the kernel tells it, for people. */
void sandbox_words(char words[SANDBOX_WORDS_MAX]);

#endif

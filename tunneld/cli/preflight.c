/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * preflight.c - COMMAND -> the program file behind it -> the reason why a
 * preloaded library cannot serve that program, if there is one
 *
 * Follows #! lines as the kernel does (execve(2)), and `env` in them. Set-id
 * bits and file capabilities count only where the kernel would raise AT_SECURE
 * for this caller (ld.so(8), "Secure-execution mode"), since only then is
 * LD_PRELOAD ignored.
 */
#include <config.h>

#include "preflight.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

/* The kernel's BINPRM_BUF_SIZE, and its limit of nested interpreters. */
#define SCRIPT_LINE_MAX 256
#define SCRIPT_DEPTH    5

static int check_runnable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == EACCES ? -EACCES : -ENOENT;
	if (!S_ISREG(st.st_mode) ||
	    faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return -EACCES;
	return 0;
}

int preflight_find(const char *command, char *path, size_t max)
{
	const char *dirs = getenv("PATH"), *end;
	int err, worst = -ENOENT;

	if (strchr(command, '/') != NULL) {
		if ((size_t)snprintf(path, max, "%s", command) >= max)
			return -ENOENT;
		return check_runnable(path);
	}
	if (command[0] == '\0')
		return -ENOENT;
	if (dirs == NULL)
		dirs = "/bin:/usr/bin"; /* execvp(3) */
	for (;; dirs = end + 1) {
		int len;

		end = strchrnul(dirs, ':');
		len = (int)(end - dirs);
		/* An empty element is the working directory (POSIX, 8.3). */
		if ((size_t)snprintf(path, max, "%.*s%s%s", len, dirs,
				     len ? "/" : "./", command) < max) {
			err = check_runnable(path);
			if (err == 0)
				return 0;
			if (err == -EACCES)
				worst = err;
		}
		if (*end == '\0')
			return worst;
	}
}

/* What `env` in a #! line runs: `args` is all that stands behind it. The
 * kernel passes that as one argument, so without -S it is a lone name. */
static int follow_env(char *args, char *path, size_t max)
{
	char *save = NULL, *word;

	for (word = strtok_r(args, " \t", &save); word != NULL;
	     word = strtok_r(NULL, " \t", &save)) {
		if (strncmp(word, "-S", 2) == 0 && word[2] != '\0')
			word += 2;
		if (word[0] == '-' || strchr(word, '=') != NULL)
			continue;
		return preflight_find(word, path, max);
	}
	return -ENOENT;
}

/* `line`: the start of the file, NUL-terminated. Puts the interpreter into
 * `path`. */
static int follow_script(char *line, char *path, size_t max)
{
	char *name, *rest;
	const char *base;

	line[strcspn(line, "\n")] = '\0';
	name = line + 2 + strspn(line + 2, " \t");
	rest = name + strcspn(name, " \t");
	if (*rest != '\0')
		*rest++ = '\0';
	base = strrchr(name, '/');
	base = base ? base + 1 : name;
	if (strcmp(base, "env") == 0)
		return follow_env(rest, path, max);
	if ((size_t)snprintf(path, max, "%s", name) >= max)
		return -ENOENT;
	return check_runnable(path);
}

/* Whether running the file changes who we are: commit_creds() in the kernel,
 * cap_bprm_creds_from_file() decides. */
static enum preflight_flaw look_secure(const char *path)
{
	struct statvfs fs;
	struct stat st;

	if (stat(path, &st) < 0 || statvfs(path, &fs) < 0)
		return PREFLIGHT_FLAW_NONE;
	if ((fs.f_flag & ST_NOSUID) ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return PREFLIGHT_FLAW_NONE;
	if ((st.st_mode & S_ISUID) && st.st_uid != getuid())
		return PREFLIGHT_FLAW_SETID;
	/* Without the group's x it once meant mandatory locking. */
	if ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) &&
	    st.st_gid != getgid())
		return PREFLIGHT_FLAW_SETID;
	if (getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0)
		return PREFLIGHT_FLAW_CAPS;
	return PREFLIGHT_FLAW_NONE;
}

static enum preflight_flaw look_elf(const struct elf_facts *f,
				    const struct elf_facts *own)
{
	if (!f->native || (own->machine && f->machine != own->machine))
		return PREFLIGHT_FLAW_FOREIGN;
	if (f->go)
		return PREFLIGHT_FLAW_GO;
	if (f->interpreter[0] == '\0')
		return PREFLIGHT_FLAW_STATIC;
	if (strstr(f->interpreter, "/ld-musl") != NULL)
		return PREFLIGHT_FLAW_MUSL;
	return PREFLIGHT_FLAW_NONE;
}

/* Opens without waiting (FIFOs) and only regular files. */
static int open_regular(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

bool preflight_is_elf(const char *path)
{
	int fd = open_regular(path);
	struct elf_facts facts;
	bool is_elf = fd >= 0 && elf_facts_read(fd, &facts) != -ENOEXEC;

	if (fd >= 0)
		close(fd);
	return is_elf;
}

/* `fd`: the program, or -1: it may well be run without being readable. */
static enum preflight_flaw judge(struct preflight *out, int fd)
{
	enum preflight_flaw flaw = PREFLIGHT_FLAW_NONE, secure;

	if (fd >= 0 && elf_facts_read(fd, &out->facts) == 0)
		flaw = look_elf(&out->facts, &out->own);
	if (flaw == PREFLIGHT_FLAW_FOREIGN)
		return flaw;
	secure = look_secure(out->path);
	return secure != PREFLIGHT_FLAW_NONE ? secure : flaw;
}

/* One file of the chain; true when it was a script: look at out->path next. */
static bool look_once(struct preflight *out)
{
	int fd = open_regular(out->path);
	char line[SCRIPT_LINE_MAX];
	bool script = false;
	ssize_t n;

	n = fd < 0 ? 0 : pread(fd, line, sizeof(line) - 1, 0);
	if (n > 2 && line[0] == '#' && line[1] == '!') {
		line[n] = '\0';
		script = follow_script(line, out->path, PATH_MAX) == 0;
	} else {
		out->flaw = judge(out, fd);
	}
	if (fd >= 0)
		close(fd);
	return script;
}

void preflight_look(const char *path, struct preflight *out)
{
	int fd = open_regular("/proc/self/exe");

	memset(out, 0, sizeof(*out));
	if (fd >= 0) {
		if (elf_facts_read(fd, &out->own) < 0)
			memset(&out->own, 0, sizeof(out->own));
		close(fd);
	}
	if ((size_t)snprintf(out->path, sizeof(out->path), "%s", path) >=
	    sizeof(out->path))
		return;
	for (int depth = 0; depth < SCRIPT_DEPTH && look_once(out); depth++)
		;
}

void preflight_explain(const struct preflight *p, char *text, size_t max)
{
	static const char *const words[PREFLIGHT_NUM_FLAWS] = {
		[PREFLIGHT_FLAW_SETID] =
			"is set-user-ID or set-group-ID, so the loader ignores "
			"LD_PRELOAD for it and it goes the direct way; start "
			"turnout as that user instead (sudo turnout run ...)",
		[PREFLIGHT_FLAW_CAPS] =
			"has file capabilities, so the loader ignores "
			"LD_PRELOAD for it and it goes the direct way; run a "
			"copy without them (cp drops them) or start turnout "
			"as root",
		[PREFLIGHT_FLAW_GO] =
			"is a Go program, which makes its system calls without "
			"libc, where turnout cannot see them; set the proxy "
			"(HTTPS_PROXY) and the relay in the program itself",
		[PREFLIGHT_FLAW_STATIC] =
			"is statically linked, so no loader runs that could "
			"add turnout's library; use a dynamically linked build",
		[PREFLIGHT_FLAW_MUSL] =
			"is built for musl, turnout's library for glibc, so "
			"it will not start with it; use a build for glibc",
	};
	char theirs[32], ours[32];

	_Static_assert(ARRAY_SIZE(words) == PREFLIGHT_NUM_FLAWS, "a text each");
	if (p->flaw == PREFLIGHT_FLAW_FOREIGN)
		snprintf(text, max,
			 "%s is for %s, turnout's library for %s, so the "
			 "loader leaves the library out; use an %s build of "
			 "the program, or turnout's build for %s",
			 p->path,
			 elf_facts_machine_name(&p->facts, theirs,
						sizeof(theirs)),
			 elf_facts_machine_name(&p->own, ours, sizeof(ours)),
			 elf_facts_machine_name(&p->own, ours, sizeof(ours)),
			 elf_facts_machine_name(&p->facts, theirs,
						sizeof(theirs)));
	else
		snprintf(text, max, "%s %s", p->path,
			 words[p->flaw] ? words[p->flaw] : "is fine");
}

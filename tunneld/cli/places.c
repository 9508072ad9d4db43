/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * places.c - the turnout binary's own place -> its tunneld and libturnout.so
 *
 * Near the binary comes before the compiled-in directories, so that a build
 * tree uses what was built in it. A file there counts only if it belongs to
 * root or to whoever owns the binary: nobody else can slip one in.
 */
#include <config.h>

#include "places.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#define LIBRARY   "libturnout.so"
#define INSTALLED PKGLIBDIR "/" LIBRARY
/* ld.so(8): lib64, lib/x86_64-linux-gnu, ... by the app that is started. */
#define LIB_TOKEN "$LIB"

/* The directory of the running binary, and who owns the binary. */
static int own_directory(char *dir, size_t max, uid_t *owner)
{
	ssize_t n = readlink("/proc/self/exe", dir, max - 1);
	struct stat st;
	char *slash;

	if (n <= 0)
		return -ENOENT;
	dir[n] = '\0';
	slash = strrchr(dir, '/');
	if (slash == NULL || stat(dir, &st) < 0)
		return -ENOENT;
	*owner = st.st_uid;
	*slash = '\0';
	return 0;
}

static bool usable(const char *path, int mode, const uid_t *owner)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	if (owner != NULL && st.st_uid != 0 && st.st_uid != *owner)
		return false;
	return access(path, mode) == 0;
}

/* `near`: paths relative to the binary's directory, NULL-terminated. */
static int find(const char *variable, const char *const *near,
		const char *installed, int mode, char *path, size_t max)
{
	const char *given = secure_getenv(variable);
	char dir[PATH_MAX], tried[PATH_MAX + 64];
	uid_t owner;

	if (given != NULL && given[0] != '\0') {
		if (realpath(given, tried) != NULL && strlen(tried) < max) {
			strcpy(path, tried);
			return usable(path, mode, NULL) ? 0 : -ENOENT;
		}
		snprintf(path, max, "%s", given);
		return -ENOENT;
	}
	if (own_directory(dir, sizeof(dir), &owner) == 0) {
		for (; *near != NULL; near++) {
			snprintf(tried, sizeof(tried), "%s/%s", dir, *near);
			if (!usable(tried, mode, &owner))
				continue;
			if (realpath(tried, dir) == NULL || strlen(dir) >= max)
				break;
			strcpy(path, dir);
			return 0;
		}
	}
	snprintf(path, max, "%s", installed);
	return usable(path, mode, NULL) ? 0 : -ENOENT;
}

int places_tunneld(char *path, size_t max)
{
	static const char *const near[] = { "tunneld", NULL };

	return find(ENV_TUNNELD, near, SBINDIR "/tunneld", X_OK, path, max);
}

int places_library(char *path, size_t max)
{
	static const char *const near[] = {
		"../preload/.libs/" LIBRARY,
		NULL,
	};

	return find(ENV_LIBRARY, near, INSTALLED, R_OK, path, max);
}

const char *places_preload(const char *library)
{
	return strcmp(library, INSTALLED) == 0 ? PRELOAD : library;
}

static bool is_for(const char *path, const struct elf_facts *app)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct elf_facts facts;
	bool same;

	if (fd < 0)
		return false;
	same = elf_facts_read(fd, &facts) == 0 &&
	       facts.machine == app->machine &&
	       facts.elf_class == app->elf_class &&
	       facts.encoding == app->encoding;
	close(fd);
	return same;
}

/* Only the app's own loader knows what it puts for the token; a library of
 * its kind in any of the directories that it can be was installed for it. */
bool places_preload_serves(const char *library, const struct elf_facts *app)
{
	static const char *const dirs[] = { "lib*", "lib/*" };
	const char *preload = places_preload(library);
	const char *token = strstr(preload, LIB_TOKEN);
	char pattern[PATH_MAX];
	bool found = false;

	for (size_t i = 0; token != NULL && i < ARRAY_SIZE(dirs); i++) {
		glob_t paths;

		snprintf(pattern, sizeof(pattern), "%.*s%s%s",
			 (int)(token - preload), preload, dirs[i],
			 token + strlen(LIB_TOKEN));
		if (glob(pattern, 0, NULL, &paths) != 0)
			continue;
		for (size_t n = 0; n < paths.gl_pathc && !found; n++)
			found = is_for(paths.gl_pathv[n], app);
		globfree(&paths);
	}
	return found;
}

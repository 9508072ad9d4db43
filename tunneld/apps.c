/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * apps.c - the processes that have asked for something
 *
 * Numbers of processes are given again: one that was not seen for a second is
 * told from a later one by when it was born (proc(5), starttime).
 */
#include <config.h>

#include "apps.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SURE_MS         1000
#define STARTTIME_FIELD 22

/* Behind the name, which stands in brackets and may hold anything. */
static uint64_t parse_birth(char *stat)
{
	char *at = strrchr(stat, ')'), *save = NULL;

	at = at != NULL ? strtok_r(at + 1, " ", &save) : NULL;
	for (int field = 3; at != NULL && field < STARTTIME_FIELD; field++)
		at = strtok_r(NULL, " ", &save);
	return at != NULL ? strtoull(at, NULL, 10) : 0;
}

static uint64_t birth_of(pid_t pid)
{
	char path[48], stat[1024];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, stat, sizeof(stat) - 1);
		close(fd);
	}
	if (n <= 0)
		return 0;
	stat[n] = '\0';
	return parse_birth(stat);
}

static bool is_there(const struct app *app)
{
	uint64_t birth = birth_of(app->pid);

	if (birth != 0 && app->birth != 0)
		return birth == app->birth;
	return kill(app->pid, 0) == 0 || errno != ESRCH;
}

struct app *apps_find(struct apps *a, pid_t pid)
{
	for (size_t i = 0; pid > 0 && i < APPS_MAX; i++)
		if (a->app[i].pid == pid)
			return &a->app[i];
	return NULL;
}

static struct app *free_place(struct apps *a)
{
	struct app *oldest = &a->app[0];

	for (size_t i = 0; i < APPS_MAX; i++) {
		if (a->app[i].pid == 0)
			return &a->app[i];
		if (a->app[i].seen_ms < oldest->seen_ms)
			oldest = &a->app[i];
	}
	return oldest;
}

struct app *apps_note(struct apps *a, pid_t pid, uint32_t uid,
		      const char *program, uint64_t now_ms)
{
	struct app *app = apps_find(a, pid);

	if (app != NULL &&
	    (app->uid != uid ||
	     (now_ms > app->seen_ms + SURE_MS && !is_there(app))))
		*app = (struct app){ .pid = 0 };
	if (app == NULL || app->pid == 0) {
		app = app != NULL ? app : free_place(a);
		*app = (struct app){ .pid = pid,
				     .uid = uid,
				     .birth = birth_of(pid),
				     .since_ms = now_ms };
	}
	app->seen_ms = now_ms;
	/* By exec it may be another one. */
	snprintf(app->program, sizeof(app->program), "%s",
		 program != NULL ? program : "");
	return app;
}

void apps_sweep(struct apps *a)
{
	for (size_t i = 0; i < APPS_MAX; i++)
		if (a->app[i].pid != 0 && !is_there(&a->app[i]))
			a->app[i] = (struct app){ .pid = 0 };
}

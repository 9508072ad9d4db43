/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hosts.c - the names in /etc/hosts
 *
 * Turns a hosts(5) file into a sorted list of names, which is read again when
 * the file has changed.
 */
#include <config.h>

#include "hosts.h"

#include "hostname.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

/* Ad blockers have long lists: some have two hundred thousand. */
#define NAMES_MAX   (1u << 20)
#define NAMES_FIRST 64u

void hosts_init(struct hosts *h, const char *path)
{
	*h = (struct hosts){ .path = strdup(path), .bytes = -1 };
}

static void forget(struct hosts *h)
{
	for (size_t i = 0; i < h->count; i++)
		free(h->name[i]);
	free(h->name);
	h->name = NULL;
	h->count = h->room = 0;
}

void hosts_fini(struct hosts *h)
{
	forget(h);
	free(h->path);
	h->path = NULL;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_name(struct hosts *h, const char *plain)
{
	if (h->count == h->room) {
		size_t room = h->room > 0 ? 2 * h->room : NAMES_FIRST;
		char **more = reallocarray(h->name, room, sizeof(*more));

		if (more == NULL)
			return;
		h->name = more;
		h->room = room;
	}
	h->name[h->count] = strdup(plain);
	h->count += h->name[h->count] != NULL;
}

/* hosts(5): ADDRESS NAME..., # starts a comment. */
static void add_line(struct hosts *h, char *line)
{
	char plain[CONTROL_NAME_MAX + 1], *rest = NULL, *word;

	line[strcspn(line, "#\r\n")] = '\0';
	word = strtok_r(line, " \t", &rest);
	while (word != NULL && h->count < NAMES_MAX) {
		word = strtok_r(NULL, " \t", &rest);
		if (word != NULL && hostname_normalise(word, plain))
			add_name(h, plain);
	}
}

static void read_file(struct hosts *h)
{
	FILE *f = fopen(h->path, "re");
	size_t room = 0;
	char *line = NULL;

	forget(h);
	if (f == NULL)
		return;
	while (getline(&line, &room, f) >= 0)
		add_line(h, line);
	if (h->count > 0)
		qsort(h->name, h->count, sizeof(*h->name), compare);
	free(line);
	fclose(f);
}

static void refresh(struct hosts *h)
{
	struct stat st;

	if (stat(h->path, &st) < 0)
		memset(&st, 0, sizeof(st));
	if (st.st_size == h->bytes && st.st_ino == h->inode &&
	    st.st_mtim.tv_sec == h->mtime.tv_sec &&
	    st.st_mtim.tv_nsec == h->mtime.tv_nsec)
		return;
	h->bytes = st.st_size;
	h->inode = st.st_ino;
	h->mtime = st.st_mtim;
	read_file(h);
}

bool hosts_contain(struct hosts *h, const char *name)
{
	if (h->path == NULL)
		return false;
	refresh(h);
	return h->count > 0 && bsearch(&name, h->name, h->count,
				       sizeof(*h->name), compare) != NULL;
}

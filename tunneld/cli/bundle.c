/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bundle.c - a directory with documents, what is in it and what is not, and an
 * archive of it
 *
 * MANIFEST has two parts, and is written as the documents are: what is there,
 * and what is not. Nobody but its owner can read any of it.
 */
#include <config.h>

#include "bundle.h"

#include "capture.h"
#include "out_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#define MANIFEST       "MANIFEST"
#define TAR_TIMEOUT_MS 60000

static int path_of(const struct bundle *b, const char *name,
		   char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/%s", b->dir, name);

	return n > 0 && n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static void note(struct bundle *b, int err)
{
	if (b->error == 0)
		b->error = err;
}

static FILE *create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (fd >= 0 && file == NULL)
		close(fd);
	return file;
}

int bundle_begin(struct bundle *b, const char *path)
{
	char manifest[PATH_MAX];
	int err;

	*b = (struct bundle){ .error = 0 };
	if (strlen(path) >= sizeof(b->dir))
		return -ENAMETOOLONG;
	strcpy(b->dir, path);
	if (mkdir(path, 0700) < 0)
		return -errno;
	err = path_of(b, MANIFEST, manifest);
	if (err == 0) {
		b->manifest = create(manifest);
		err = b->manifest == NULL ? -errno : 0;
	}
	if (err < 0)
		rmdir(path);
	return err;
}

void bundle_add(struct bundle *b, const char *name, const char *words,
		const char *data, size_t bytes)
{
	char path[PATH_MAX];
	int err = path_of(b, name, path);

	if (err == 0)
		err = out_file_write(path, data, bytes, 0600);
	note(b, err);
	fprintf(b->manifest, "in   %-14s %7zu bytes  %s\n", name, bytes, words);
}

void bundle_leave_out(struct bundle *b, const char *what, const char *why)
{
	fprintf(b->manifest, "out  %s: %s\n", what, why);
}

int bundle_end(struct bundle *b)
{
	if (b->manifest != NULL && fclose(b->manifest) == EOF)
		note(b, -errno);
	b->manifest = NULL;
	return b->error;
}

void bundle_remove(struct bundle *b)
{
	DIR *dir = opendir(b->dir);
	const struct dirent *e;
	char path[PATH_MAX];

	if (b->manifest != NULL)
		fclose(b->manifest);
	b->manifest = NULL;
	while (dir != NULL && (e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' && path_of(b, e->d_name, path) == 0)
			unlink(path);
	if (dir != NULL)
		closedir(dir);
	rmdir(b->dir);
}

/* "-C", the directory above, and its last part: names without a path. */
int bundle_pack(struct bundle *b, const char *path)
{
	char above[PATH_MAX], last[PATH_MAX];
	const char *argv[] = { "tar", "--create",  "--gzip",    "--file",
			       "-",   "--owner=0", "--group=0", "--directory",
			       NULL,  "--",        NULL,        NULL };
	const struct capture c = { argv, TAR_TIMEOUT_MS };
	char *data = NULL;
	size_t bytes = 0;
	int err;

	strcpy(above, b->dir);
	strcpy(last, b->dir);
	argv[8] = dirname(above);
	argv[10] = basename(last);
	err = capture(&c, &data, &bytes);
	if (err > 0)
		err = -EIO;
	if (err == 0)
		err = out_file_write(path, data, bytes, 0600);
	free(data);
	if (err == 0)
		bundle_remove(b);
	return err;
}

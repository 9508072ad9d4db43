/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * metrics_file.c - a file replaced whole, for others to read
 *
 * Turns text into a new file beside the old one, and by rename(2) into that.
 * Its name does not end in .prom until then, so node_exporter never sees half
 * of it. It is not worth a flush to the disk: after a crash there is another.
 */
#include <config.h>

#include "metrics_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/stat.h>

#define NEW_SUFFIX ".new"

static int write_all(int fd, const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = write(fd, text, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		bytes -= (size_t)n;
	}
	return 0;
}

static int write_new(const char *path, const char *text, size_t bytes)
{
	int fd, err;

	/* What a crash has left, or somebody else has put there, a link
	 * perhaps, is not written through. */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		  0644);
	if (fd < 0)
		return -errno;
	err = write_all(fd, text, bytes);
	if (err == 0 && fchmod(fd, 0644) < 0)
		err = -errno;
	if (close(fd) < 0 && err == 0)
		err = -errno;
	return err;
}

int metrics_file_write(const char *path, const char *text, size_t bytes)
{
	char *temp;
	int err;

	if (asprintf(&temp, "%s" NEW_SUFFIX, path) < 0)
		return -ENOMEM;
	err = write_new(temp, text, bytes);
	if (err == 0 && rename(temp, path) < 0)
		err = -errno;
	if (err < 0)
		unlink(temp);
	free(temp);
	return err;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* out_file.c - a file that was asked for, written whole or not at all */
#include <config.h>

#include "out_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/stat.h>

static int write_all(int fd, const char *data, size_t bytes)
{
	while (bytes > 0) {
		ssize_t n = write(fd, data, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		bytes -= (size_t)n;
	}
	return 0;
}

int out_file_write(const char *path, const char *data, size_t bytes,
		   mode_t mode)
{
	struct stat st;
	char *temp;
	int fd, err;

	/* What is no plain file, a terminal or a pipe, cannot be replaced. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EEXIST;
	if (asprintf(&temp, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkstemp(temp);
	if (fd < 0) {
		err = -errno;
		free(temp);
		return err;
	}
	err = write_all(fd, data, bytes);
	if (err == 0 && fchmod(fd, mode) < 0)
		err = -errno;
	if (close(fd) < 0 && err == 0)
		err = -errno;
	if (err == 0 && rename(temp, path) < 0)
		err = -errno;
	if (err < 0)
		unlink(temp);
	free(temp);
	return err;
}

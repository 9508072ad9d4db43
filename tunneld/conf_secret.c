/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_secret.c - files that hold a password or a shared secret
 *
 * Turns the first line of a file that nobody else can read, or all of it, into
 * a string.
 */
#include <config.h>

#include "conf_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

/* systemd hands credentials to us alone, in a directory that only we can
 * enter, but by an access list that shows as group bits (systemd.exec(5)). */
static bool is_credential(const char *path)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	size_t len = dir ? strlen(dir) : 0;

	return len > 1 && strncmp(path, dir, len) == 0 && path[len] == '/' &&
	       strstr(path, "/../") == NULL;
}

/* As much as is there, up to `max`. */
static ssize_t read_some(int fd, char *out, size_t max)
{
	size_t len = 0;

	while (len < max) {
		ssize_t n = read(fd, out + len, max - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* As much of the file as fits, or -errno. */
static ssize_t read_file(const char *path, char *out, size_t max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		n = -errno;
	else if (!S_ISREG(st.st_mode))
		n = -EINVAL;
	else if ((st.st_mode & 077) != 0 && !is_credential(path))
		n = -EPERM;
	else
		n = read_some(fd, out, max);
	close(fd);
	return n;
}

int conf_read_secret(const char *path, char *out, size_t max)
{
	ssize_t n = read_file(path, out, max);
	size_t len;

	if (n < 0)
		return (int)n;
	for (len = 0; len < (size_t)n && out[len] != '\n'; len++)
		if (out[len] == '\0')
			return -EBADMSG;
	if (len == max)
		return -E2BIG;
	if (len > 0 && out[len - 1] == '\r')
		len--;
	explicit_bzero(out + len, max - len);
	return len > 0 ? 0 : -ENODATA;
}

int conf_read_secret_text(const char *path, char *out, size_t max)
{
	ssize_t n = read_file(path, out, max);

	if (n < 0)
		return (int)n;
	if (memchr(out, '\0', (size_t)n) != NULL)
		return -EBADMSG;
	if ((size_t)n == max)
		return -E2BIG;
	out[n] = '\0';
	return n > 0 ? 0 : -ENODATA;
}

const char *conf_secret_words(int error)
{
	switch (error) {
	case -EPERM:
		return "group or others have access to it: chmod 600 it";
	case -ENODATA:
		return "the first line is empty: write the secret there";
	case -EINVAL:
		return "not a regular file";
	case -E2BIG:
		return "the first line is too long";
	case -EBADMSG:
		return "not a text file";
	default:
		return strerror(-error);
	}
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * names_file.c - names and their addresses over restarts
 *
 * A line a record: FAMILY NAME OFFSET USED. Lines are appended as names come,
 * and now and then the whole is written anew beside it and renamed. The first
 * releases wrote FAMILY NAME, in the order in which names came.
 */
#include <config.h>

#include "names_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#define LINE_MAX_BYTES (CONTROL_NAME_MAX + 64)
#define NEW_SUFFIX     ".new"

struct names_file {
	int fd;        /* appends */
	FILE *rewrite; /* between begin and end */
	size_t records, rewritten;
	char *new_path;
	char path[];
};

static bool parse(const char *line, struct names_record *r)
{
	unsigned int family;
	int n;

	*r = (struct names_record){ .offset = NAMES_FILE_NOWHERE };
	if (strchr(line, '\n') == NULL)
		return false; /* cut off */
	n = sscanf(line, "%1u %255s %" SCNu32 " %" SCNd64, &family, r->name,
		   &r->offset, &r->used_s);
	r->family = (uint8_t)family;
	return n == 4 || n == 2;
}

static void read_all(struct names_file *f, names_file_fn *each, void *arg)
{
	char line[LINE_MAX_BYTES];
	struct names_record r;
	FILE *file = fdopen(dup(f->fd), "r");

	if (file == NULL)
		return;
	line[0] = '\0';
	while (fgets(line, sizeof(line), file) != NULL) {
		f->records++;
		if (parse(line, &r))
			each(arg, &r);
	}
	fclose(file);
	/* The next record does not go on with one that was cut off. */
	if (line[0] != '\0' && strchr(line, '\n') == NULL &&
	    write(f->fd, "\n", 1) != 1)
		f->records++;
}

static int open_own(const char *path, int flags)
{
	struct stat st;
	int fd = open(path,
		      O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
			      O_NONBLOCK | flags,
		      0600);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid())
		return fd;
	close(fd);
	return -EPERM;
}

struct names_file *names_file_open(const char *path, names_file_fn *each,
				   void *arg)
{
	size_t len = strlen(path);
	struct names_file *f = calloc(1, sizeof(*f) + 2 * len +
						 sizeof(NEW_SUFFIX) + 1);

	if (f == NULL)
		return NULL;
	memcpy(f->path, path, len + 1);
	f->new_path = f->path + len + 1;
	memcpy(f->new_path, path, len);
	memcpy(f->new_path + len, NEW_SUFFIX, sizeof(NEW_SUFFIX));
	f->fd = open_own(path, 0);
	if (f->fd < 0) {
		errno = -f->fd;
		free(f);
		return NULL;
	}
	read_all(f, each, arg);
	return f;
}

void names_file_close(struct names_file *f)
{
	if (f == NULL)
		return;
	if (f->rewrite != NULL)
		fclose(f->rewrite);
	close(f->fd);
	free(f);
}

static int format(const struct names_record *r, char line[LINE_MAX_BYTES])
{
	return snprintf(line, LINE_MAX_BYTES, "%u %s %" PRIu32 " %" PRId64 "\n",
			r->family, r->name, r->offset, r->used_s);
}

void names_file_add(struct names_file *f, const struct names_record *record)
{
	char line[LINE_MAX_BYTES];
	ssize_t put = write(f->fd, line, (size_t)format(record, line));

	(void)put;
	f->records++;
}

size_t names_file_records(const struct names_file *f)
{
	return f->records;
}

int names_file_begin(struct names_file *f)
{
	int fd;

	unlink(f->new_path); /* of one that was killed at this */
	fd = open_own(f->new_path, O_EXCL);
	if (fd < 0)
		return fd;
	f->rewrite = fdopen(fd, "a");
	f->rewritten = 0;
	if (f->rewrite != NULL)
		return 0;
	close(fd);
	return -ENOMEM;
}

void names_file_put(struct names_file *f, const struct names_record *record)
{
	char line[LINE_MAX_BYTES];

	format(record, line);
	fputs(line, f->rewrite);
	f->rewritten++;
}

int names_file_end(struct names_file *f)
{
	int fd = -1, err = 0;

	if (fflush(f->rewrite) != 0 || ferror(f->rewrite))
		err = -EIO;
	if (err == 0)
		fd = fcntl(fileno(f->rewrite), F_DUPFD_CLOEXEC, 0);
	if (err == 0 && (fd < 0 || rename(f->new_path, f->path) < 0))
		err = -errno;
	fclose(f->rewrite);
	f->rewrite = NULL;
	if (err < 0) {
		if (fd >= 0)
			close(fd);
		unlink(f->new_path);
		return err;
	}
	close(f->fd);
	f->fd = fd;
	f->records = f->rewritten;
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pac_fetch.c - bytes, and the bytes of a file, into a script
 */
#include <config.h>

#include "pac_fetch.h"

#include "pac_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Scripts */

/* Takes the text. */
static struct pac_script *script_new(char *text, size_t len)
{
	struct pac_script *script = calloc(1, sizeof(*script));

	if (script == NULL) {
		free(text);
		return NULL;
	}
	atomic_init(&script->refs, 1);
	script->text = text;
	script->len = len;
	return script;
}

struct pac_script *pac_script_get(struct pac_script *script)
{
	atomic_fetch_add(&script->refs, 1);
	return script;
}

void pac_script_put(struct pac_script *script)
{
	if (script == NULL || atomic_fetch_sub(&script->refs, 1) != 1)
		return;
	free(script->text);
	free(script);
}

/* Fetching */

static int blame(const struct pac_place *from, struct pac_fetched *f, int error,
		 const char *words)
{
	snprintf(f->words, sizeof(f->words), "%.120s: %s", from->name, words);
	return error;
}

int pac_fetch_decode(const struct pac_place *from, struct pac_fetched *f,
		     const char *type, const char *bytes, size_t len)
{
	char *text;
	size_t n;
	int rc = pac_text_decode(type, bytes, len, &text, &n);

	if (rc == -EBADMSG)
		return blame(from, f, rc, "is empty, or not a text");
	if (rc < 0)
		return blame(from, f, rc, strerror(-rc));
	f->script = script_new(text, n);
	return f->script != NULL ? 0 : blame(from, f, -ENOMEM, "out of memory");
}

void pac_signature_set(struct pac_signature *sig, const struct stat *st)
{
	*sig = (struct pac_signature){ .dev = st->st_dev,
				       .ino = st->st_ino,
				       .size = st->st_size,
				       .changed = st->st_mtim };
}

static int sign(int fd, struct pac_signature *sig)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	pac_signature_set(sig, &st);
	return 0;
}

bool pac_signature_same(const struct pac_signature *a,
			const struct pac_signature *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

static int read_all(int fd, char *bytes, size_t max, size_t *len)
{
	ssize_t n;

	for (*len = 0; *len < max; *len += (size_t)n) {
		n = read(fd, bytes + *len, max - *len);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n < 0)
			return -errno;
		else if (n == 0)
			return 0;
	}
	return -E2BIG;
}

int pac_fetch_file(const struct pac_place *from, struct pac_fetched *f)
{
	/* a FIFO shall not hold us up before we know that it is one */
	int fd = open(from->place, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *bytes = malloc(PAC_SCRIPT_BYTES_MAX + 1);
	size_t len = 0;
	int rc;

	if (fd < 0)
		rc = blame(from, f, -errno, strerror(errno));
	else if (bytes == NULL)
		rc = blame(from, f, -ENOMEM, "out of memory");
	else if ((rc = sign(fd, &f->signature)) == -EINVAL)
		rc = blame(from, f, rc, "is not a file");
	else if (rc == 0)
		rc = read_all(fd, bytes, PAC_SCRIPT_BYTES_MAX + 1, &len);
	if (rc == -E2BIG)
		rc = blame(from, f, rc, "is larger than 1 MB");
	else if (rc < 0 && f->words[0] == '\0')
		rc = blame(from, f, rc, strerror(-rc));
	if (rc == 0)
		rc = pac_fetch_decode(from, f, NULL, bytes, len);
	free(bytes);
	if (fd >= 0)
		close(fd);
	return rc;
}

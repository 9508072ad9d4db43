/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ini_reader.c - strict lines for inih
 *
 * Turns a file into sections and entries with their line numbers. inih itself
 * (r55, as distributions build it) reads the rest of an over-long line as a
 * line of its own, cuts values at ` ;`, joins indented lines to the key above
 * and tells no line numbers. So it is fed by a reader that hands it one
 * checked line at a time: what it would misread is refused here, and blanks
 * before a `;` cannot be seen by it because the `;` travels as SEMICOLON.
 */
#include <config.h>

#include "ini_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ini.h>
#include <sys/stat.h>

#define FILE_MAX_BYTES (1024 * 1024)
#define SECTION_MAX    49   /* inih cuts at MAX_SECTION - 1 */
#define SEMICOLON      '\1' /* cannot stand in a checked line */
#define BLANKS         " \t"

struct reader {
	const char *next, *end;
	unsigned int line;
	const struct ini_reader_ops *ops;
	void *arg;
	bool failed;
};

PRINTF_LIKE(2, 3)
static bool problem(struct reader *r, const char *fmt, ...)
{
	char words[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	r->failed = true;
	r->ops->problem(r->arg, r->line, words);
	return false;
}

static bool check_bytes(struct reader *r, const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		if (c == '\r')
			return problem(r, "a carriage return: write the file "
					  "with Unix line ends");
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return problem(r,
				       "byte 0x%02x: write plain text without "
				       "control characters",
				       c);
	}
	return true;
}

static bool check_section(struct reader *r, const char *text)
{
	size_t len = strcspn(text, "]");
	char name[SECTION_MAX + 1];

	if (text[len] == '\0')
		return problem(r, "the closing ] is missing: write [SECTION]");
	if (text[len + 1 + strspn(text + len + 1, BLANKS)] != '\0')
		return problem(r,
			       "text after ]: write it on a line of its own");
	if (len < 2 || len - 1 > SECTION_MAX)
		return problem(r,
			       "a section name has 1 to %d characters, this "
			       "one has %zu",
			       SECTION_MAX, len - 1);
	memcpy(name, text + 1, len - 1);
	name[len - 1] = '\0';
	r->ops->section(r->arg, r->line, name);
	return true;
}

static bool check_entry(struct reader *r, const char *text)
{
	const char *mark = strpbrk(text, "=:");
	size_t len;

	if (mark == NULL || *mark == ':')
		return problem(r, "neither a section nor an entry: write "
				  "[SECTION] or KEY = VALUE");
	len = (size_t)(mark - text);
	while (len > 0 && strchr(BLANKS, text[len - 1]) != NULL)
		len--;
	if (len == 0)
		return problem(
			r, "nothing stands before the =: write KEY = VALUE");
	if (strcspn(text, BLANKS) < len)
		return problem(r,
			       "a key has no blanks: write KEY = VALUE, one a "
			       "line");
	return true;
}

/* Is `text` (a line without its newline) something that inih will read as it
 * stands? Blank lines and comments are. */
static bool check_line(struct reader *r, const char *text, size_t len, int room)
{
	size_t blanks, max = (size_t)room - 3; /* room for CR, LF, NUL */

	if (memchr(text, '\0', len) != NULL)
		return problem(r, "byte 0x00: write plain text");
	blanks = strspn(text, BLANKS);
	if (strchr("#;", text[blanks]) != NULL) /* NUL, too */
		return false;
	if (len > max)
		return problem(r,
			       "the line has %zu characters, at most %zu are "
			       "possible (libinih's INI_MAX_LINE): make it "
			       "shorter, or write lists as several lines",
			       len, max);
	if (!check_bytes(r, text, len))
		return false;
	if (blanks > 0)
		return problem(r, "the line starts with a blank: lines cannot "
				  "be continued; write KEY = VALUE at the "
				  "start of a line");
	return *text == '[' ? check_section(r, text) : check_entry(r, text);
}

/* As fgets(): the next line, or an empty one in its place. A comment that is
 * too long for `out` never reaches inih. */
static char *read_line(char *out, int room, void *arg)
{
	struct reader *r = arg;
	const char *eol;
	char *text, *semicolon;
	size_t len;

	if (r->next >= r->end)
		return NULL;
	eol = memchr(r->next, '\n', (size_t)(r->end - r->next));
	len = (size_t)((eol ? eol : r->end) - r->next);
	text = malloc(len + 1);
	if (text == NULL) {
		r->next = r->end;
		problem(r, "out of memory");
		return NULL;
	}
	memcpy(text, r->next, len);
	text[len] = '\0';
	r->next = eol ? eol + 1 : r->end;
	r->line++;
	strcpy(out, "\n");
	if (check_line(r, text, len, room)) {
		snprintf(out, (size_t)room, "%s\n", text);
		while ((semicolon = strchr(out, ';')) != NULL)
			*semicolon = SEMICOLON;
	}
	free(text);
	return out;
}

static void restore(char *text)
{
	for (; *text != '\0'; text++)
		if (*text == SEMICOLON)
			*text = ';';
}

/* Called for the line that read_line() has just given. */
static int take_entry(void *arg, const char *section, const char *key,
		      const char *value)
{
	struct reader *r = arg;
	char *copies[3] = { strdup(section), strdup(key), strdup(value) };

	if (copies[0] != NULL && copies[1] != NULL && copies[2] != NULL) {
		for (size_t i = 0; i < ARRAY_SIZE(copies); i++)
			restore(copies[i]);
		r->ops->entry(r->arg, r->line, copies[0], copies[1], copies[2]);
	} else {
		problem(r, "out of memory");
	}
	for (size_t i = 0; i < ARRAY_SIZE(copies); i++)
		free(copies[i]);
	return 1;
}

int ini_reader_text(const char *text, size_t bytes,
		    const struct ini_reader_ops *ops, void *arg)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct reader r = {
		.next = text,
		.end = text + bytes,
		.ops = ops,
		.arg = arg,
	};
	int first_bad;

	if (bytes >= 3 && memcmp(text, bom, 3) == 0)
		r.next += 3;
	first_bad = ini_parse_stream(read_line, &r, take_entry, &r);
	/* Nothing that check_line() lets pass is bad to inih. */
	if (first_bad != 0 && !r.failed) {
		r.line = first_bad > 0 ? (unsigned int)first_bad : r.line;
		problem(&r, "cannot be read");
	}
	return r.failed ? -EBADMSG : 0;
}

static int check_file(int fd, const struct ini_reader_ops *ops, void *arg)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (st.st_size > FILE_MAX_BYTES)
		return -EFBIG;
	return ops->admit ? ops->admit(arg, &st) : 0;
}

static int read_all(int fd, char **text, size_t *bytes)
{
	ssize_t n = 1;

	*bytes = 0;
	*text = malloc(FILE_MAX_BYTES);
	if (*text == NULL)
		return -ENOMEM;
	while (n > 0 && *bytes < FILE_MAX_BYTES) {
		n = read(fd, *text + *bytes, FILE_MAX_BYTES - *bytes);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			*bytes += (size_t)n;
	}
	if (n == 0)
		return 0;
	n = n < 0 ? -errno : -EFBIG;
	free(*text);
	return (int)n;
}

int ini_reader_file(const char *path, const struct ini_reader_ops *ops,
		    void *arg)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t bytes = 0;
	char *text = NULL;
	int error;

	if (fd < 0)
		return -errno;
	error = check_file(fd, ops, arg);
	if (error == 0)
		error = read_all(fd, &text, &bytes);
	close(fd);
	if (error != 0)
		return error;
	error = ini_reader_text(text, bytes, ops, arg);
	free(text);
	return error;
}

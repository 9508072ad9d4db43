/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf_kind.c - kinds of values: text, numbers, choices, files
 *
 * Turns the text of one value into what it stands for, or into words that say
 * what is wrong and what would be right.
 */
#include <config.h>

#include "conf_kind.h"

#include "conf_secret.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#define SECRET_MAX  1024
#define PRIVATE_MAX 32768 /* of a .netrc, or a key */

int conf_wrong(struct conf_target *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->words, t->words_max, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int conf_kind_text(struct conf_target *t, char *out, size_t max,
		   const char *value)
{
	size_t len = strlen(value);

	if (len == 0)
		return conf_wrong(t, "the value is empty: leave the line out");
	if (len >= max)
		return conf_wrong(t,
				  "%zu characters are too many: at most %zu "
				  "are possible",
				  len, max - 1);
	memcpy(out, value, len + 1);
	return 0;
}

/* The index of `value` among `choices`, or -EINVAL. */
int conf_kind_choice(struct conf_target *t, const char *const *choices,
		     const char *form, const char *value)
{
	for (int i = 0; choices[i] != NULL; i++)
		if (strcmp(choices[i], value) == 0)
			return i;
	return conf_wrong(t, "`%s` is none of %s", value, form);
}

int conf_kind_switch(struct conf_target *t, bool *out, const char *value)
{
	static const char *const choices[] = { "no", "yes", NULL };
	int n = conf_kind_choice(t, choices, "yes, no", value);

	if (n < 0)
		return n;
	*out = n == 1;
	return 0;
}

int conf_kind_path(struct conf_target *t, char out[CONF_PATH_MAX],
		   const char *value)
{
	bool relative = value[0] != '/' && t->dir != NULL;
	int n;

	if (value[0] == '\0')
		return conf_wrong(t, "the value is empty: leave the line out");
	if (value[0] == '"')
		return conf_wrong(t, "write the path without quotes");
	n = snprintf(out, CONF_PATH_MAX, "%s%s%s", relative ? t->dir : "",
		     relative ? "/" : "", value);
	if (n < 0 || n >= CONF_PATH_MAX)
		return conf_wrong(t, "the path is too long");
	return 0;
}

/* For another machine: only a warning. */
static bool may_be_elsewhere(const struct conf_target *t, int error)
{
	return t->no_secrets && (error == -ENOENT || error == -EACCES);
}

int conf_kind_file(struct conf_target *t, char out[CONF_PATH_MAX],
		   const char *value)
{
	struct stat st;
	int error = conf_kind_path(t, out, value);

	if (error < 0)
		return error;
	if (stat(out, &st) < 0 || access(out, R_OK) < 0) {
		error = -errno;
		conf_wrong(t, "%s: %s", out, strerror(-error));
		return may_be_elsewhere(t, error) ? 1 : -EINVAL;
	}
	if (!S_ISREG(st.st_mode))
		return conf_wrong(t, "%s: not a regular file", out);
	return 0;
}

static int secret_words(struct conf_target *t, const char *path, int error)
{
	if (error == 0)
		return 0;
	conf_wrong(t, "%s: %s", path, conf_secret_words(error));
	return may_be_elsewhere(t, error) ? 1 : -EINVAL;
}

int conf_kind_secret(struct conf_target *t, char out[CONF_PATH_MAX],
		     const char *value)
{
	char secret[SECRET_MAX];
	int error = conf_kind_path(t, out, value);

	if (error < 0)
		return error;
	error = conf_read_secret(out, secret, sizeof(secret));
	explicit_bzero(secret, sizeof(secret));
	return secret_words(t, out, error);
}

int conf_kind_private(struct conf_target *t, char out[CONF_PATH_MAX],
		      const char *value)
{
	char text[PRIVATE_MAX];
	int error = conf_kind_path(t, out, value);

	if (error < 0)
		return error;
	error = conf_read_secret_text(out, text, sizeof(text));
	explicit_bzero(text, sizeof(text));
	if (error == -E2BIG)
		return conf_wrong(t, "%s: more than %d bytes", out,
				  PRIVATE_MAX - 1);
	if (error == -ENODATA)
		return conf_wrong(t, "%s: the file is empty", out);
	return secret_words(t, out, error);
}

/* RFC 9110, 5.1: a name of token characters, a colon, and no control bytes. */
static bool is_header(const char *line, size_t len)
{
	size_t name = 0;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	while (name < len && line[name] > 0x20 && line[name] < 0x7f &&
	       strchr("\"(),/:;<=>?@[\\]{}", line[name]) == NULL)
		name++;
	if (name == 0 || name == len || line[name] != ':')
		return false;
	for (size_t i = name; i < len; i++)
		if ((unsigned char)line[i] < 0x20 && line[i] != '\t')
			return false;
	return true;
}

int conf_kind_headers(struct conf_target *t, char out[CONF_PATH_MAX],
		      const char *value)
{
	char text[CONF_HEADERS_MAX];
	int error = conf_kind_path(t, out, value);
	bool good = true;

	if (error < 0)
		return error;
	error = conf_read_secret_text(out, text, sizeof(text));
	for (const char *line = text; error == 0 && good && *line != '\0';) {
		size_t len = strcspn(line, "\n");

		good = len == 0 || is_header(line, len);
		line += line[len] == '\n' ? len + 1 : len;
	}
	explicit_bzero(text, sizeof(text));
	if (error == -E2BIG)
		return conf_wrong(t, "%s: more than %d bytes", out,
				  CONF_HEADERS_MAX - 1);
	if (error == -ENODATA)
		return conf_wrong(t, "%s: the file is empty", out);
	if (!good)
		return conf_wrong(t, "%s: each line must be NAME: VALUE", out);
	return secret_words(t, out, error);
}

int conf_kind_number(struct conf_target *t, unsigned int min, unsigned int max,
		     uint8_t *out, const char *value)
{
	unsigned int n = 0;
	size_t len = strspn(value, "0123456789");

	for (size_t i = 0; i < len && n <= max; i++)
		n = n * 10 + (unsigned int)(value[i] - '0');
	if (len == 0 || value[len] != '\0' || n < min || n > max)
		return conf_wrong(t, "`%s` is not a number of %u to %u", value,
				  min, max);
	*out = (uint8_t)n;
	return 0;
}

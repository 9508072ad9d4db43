/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_ini.c - any bytes as a configuration file
 *
 * What is called must be what stands in the line of that number.
 */
#include <config.h>

#include "../../tunneld/ini_reader.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct input {
	const char *text;
	size_t bytes;
	unsigned int last;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Does `text` stand in line `number`? */
static void must_stand(struct input *in, unsigned int number, const char *text)
{
	const char *line = in->text, *end = in->text + in->bytes, *eol;

	if (number < in->last)
		abort();
	in->last = number;
	for (; number > 1; number--) {
		eol = memchr(line, '\n', (size_t)(end - line));
		if (eol == NULL)
			abort();
		line = eol + 1;
	}
	eol = memchr(line, '\n', (size_t)(end - line));
	if (memmem(line, (size_t)((eol ? eol : end) - line), text,
		   strlen(text)) == NULL)
		abort();
}

static void on_section(void *arg, unsigned int line, const char *section)
{
	must_stand(arg, line, section);
}

static void on_entry(void *arg, unsigned int line, const char *section,
		     const char *key, const char *value)
{
	(void)section;
	must_stand(arg, line, key);
	must_stand(arg, line, value);
}

static void on_problem(void *arg, unsigned int line, const char *words)
{
	must_stand(arg, line, "");
	if (words[0] == '\0')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const struct ini_reader_ops ops = {
		.section = on_section,
		.entry = on_entry,
		.problem = on_problem,
	};
	struct input in = { (const char *)data, bytes, 0 };

	(void)!ini_reader_text((const char *)data, bytes, &ops, &in);
	return 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * replay.c - feeds files to a fuzzer without libFuzzer: the corpus as a test
 *
 * Each file goes in whole, and cut at every length, so that a reader that
 * looks past the end is found by the sanitizers.
 */
#include <config.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(const uint8_t *data, size_t len)
{
	/* Memory of its own, so that one byte too many is out of bounds. */
	uint8_t *copy = malloc(len ? len : 1);

	if (copy == NULL)
		abort();
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static int replay(const char *path)
{
	static uint8_t data[FILE_BYTES_MAX];
	FILE *file = fopen(path, "rb");
	size_t len, step;

	if (file == NULL) {
		perror(path);
		return 1;
	}
	len = fread(data, 1, sizeof(data), file);
	fclose(file);
	step = len / 512 + 1;
	for (size_t cut = 0; cut < len; cut += step)
		feed(data, cut);
	feed(data, len);
	return 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	for (int i = 1; i < argc; i++)
		status |= replay(argv[i]);
	printf("%d files\n", argc - 1);
	return argc > 1 ? status : 1;
}

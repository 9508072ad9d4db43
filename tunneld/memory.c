/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory.c - networks and what was found out about them, as a small text file
 *
 *	turnout networks 1
 *	network 91b0c44fd0a1c1f2 1795400000
 *	winner corp tls relay.example:443 proxy
 *	udp fails
 *	keepalive 17
 *
 * A line that is not understood is passed over, a file of another version is
 * not read at all: nothing here is worth more than one attempt by the wrong
 * way first. The file is replaced whole (rename(2)), so that no reader sees
 * half of one.
 */
#include <config.h>

#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#define HEAD "turnout networks 1"
/* Some 30 KiB at most are written; more is somebody else's. */
#define FILE_BYTES_MAX (256u << 10)
#define LINE_MAX_BYTES (MEMORY_KEY_MAX + 64)
/* A use is noted once a day: the order of 64 networks needs no more. */
#define DAY_S 86400

struct memory {
	char *path; /* NULL: none */
	size_t count;
	struct memory_network network[MEMORY_NETWORKS_MAX];
};

static const char *const udp_words[] = {
	[MEMORY_UDP_UNKNOWN] = "unknown",
	[MEMORY_UDP_WORKS] = "works",
	[MEMORY_UDP_FAILS] = "fails",
};
_Static_assert(ARRAY_SIZE(udp_words) == MEMORY_NUM_UDPS, "a word for each");

/* The table */

static struct memory_network *find(struct memory *m, uint64_t fingerprint)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->network[i].fingerprint == fingerprint)
			return &m->network[i];
	}
	return NULL;
}

/* A place for it: its own, a free one, or that of the one used longest ago. */
static struct memory_network *place(struct memory *m, uint64_t fingerprint)
{
	struct memory_network *at = find(m, fingerprint);

	if (at != NULL)
		return at;
	if (m->count < MEMORY_NETWORKS_MAX) {
		at = &m->network[m->count++];
	} else {
		at = m->network;
		for (size_t i = 1; i < m->count; i++) {
			if (m->network[i].used_s < at->used_s)
				at = &m->network[i];
		}
	}
	memset(at, 0, sizeof(*at));
	at->fingerprint = fingerprint;
	return at;
}

static bool is_printable(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}

/* Reading */

static void parse_line(struct memory *m, const char *line,
		       struct memory_network **at)
{
	unsigned int seconds;
	uint64_t fingerprint;
	int64_t used_s;

	if (sscanf(line, "network %16" SCNx64 " %" SCNd64, &fingerprint,
		   &used_s) == 2) {
		*at = NULL;
		if (fingerprint == 0 || used_s < 0)
			return;
		*at = place(m, fingerprint);
		(*at)->used_s = used_s;
		return;
	}
	if (*at == NULL)
		return;
	if (strncmp(line, "winner ", 7) == 0 &&
	    strlen(line + 7) <= MEMORY_KEY_MAX && is_printable(line + 7))
		strcpy((*at)->winner, line + 7);
	else if (sscanf(line, "keepalive %3u", &seconds) == 1 && seconds < 256)
		(*at)->keepalive_s = (uint8_t)seconds;
	for (int i = 0; i < MEMORY_NUM_UDPS; i++) {
		if (strncmp(line, "udp ", 4) == 0 &&
		    strcmp(line + 4, udp_words[i]) == 0)
			(*at)->udp = (enum memory_udp)i;
	}
}

static void parse(struct memory *m, char *text, size_t len)
{
	struct memory_network *at = NULL;
	char *line = text, *end = text + len;

	if (len < sizeof(HEAD) || memcmp(text, HEAD "\n", sizeof(HEAD)) != 0)
		return;
	while (line < end) {
		char *eol = memchr(line, '\n', (size_t)(end - line));

		if (eol == NULL)
			return; /* cut */
		*eol = '\0';
		if (eol - line < LINE_MAX_BYTES)
			parse_line(m, line, &at);
		line = eol + 1;
	}
}

/* A regular file of our own, or nothing. The caller frees. */
static char *read_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char *text = NULL;
	struct stat st;
	ssize_t n = -1;

	*len = 0;
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid() && st.st_size <= (off_t)FILE_BYTES_MAX)
		text = malloc(FILE_BYTES_MAX);
	if (text != NULL)
		n = read(fd, text, FILE_BYTES_MAX);
	close(fd);
	if (n < 0) {
		free(text);
		return NULL;
	}
	*len = (size_t)n;
	return text;
}

static void read_again(struct memory *m)
{
	size_t len;
	char *text = m->path != NULL ? read_file(m->path, &len) : NULL;

	if (text != NULL)
		parse(m, text, len);
	free(text);
}

/* Writing */

static void print_network(FILE *file, const struct memory_network *n)
{
	fprintf(file, "network %016" PRIx64 " %" PRId64 "\n", n->fingerprint,
		n->used_s);
	if (n->winner[0] != '\0')
		fprintf(file, "winner %s\n", n->winner);
	if (n->udp != MEMORY_UDP_UNKNOWN)
		fprintf(file, "udp %s\n", udp_words[n->udp]);
	if (n->keepalive_s != 0)
		fprintf(file, "keepalive %u\n", n->keepalive_s);
}

static int write_to(int fd, const struct memory *m)
{
	FILE *file = fdopen(fd, "w");
	int err = 0;

	if (file == NULL) {
		err = -errno;
		close(fd);
		return err;
	}
	fputs(HEAD "\n", file);
	for (size_t i = 0; i < m->count; i++)
		print_network(file, &m->network[i]);
	if (fflush(file) != 0 || ferror(file))
		err = errno != 0 ? -errno : -EIO;
	fclose(file);
	return err;
}

static int write_file(const struct memory *m)
{
	size_t size = strlen(m->path) + sizeof(".XXXXXX");
	char *temp = malloc(size);
	int fd, err;

	if (temp == NULL)
		return -ENOMEM;
	snprintf(temp, size, "%s.XXXXXX", m->path);
	fd = mkostemp(temp, O_CLOEXEC); /* mode 0600 */
	err = fd < 0 ? -errno : write_to(fd, m);
	if (err == 0 && rename(temp, m->path) < 0)
		err = -errno;
	if (err < 0 && fd >= 0)
		unlink(temp);
	free(temp);
	return err;
}

struct memory *memory_new(const char *path)
{
	struct memory *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	if (path != NULL) {
		m->path = strdup(path);
		if (m->path == NULL) {
			free(m);
			return NULL;
		}
	}
	read_again(m);
	return m;
}

void memory_free(struct memory *m)
{
	if (m == NULL)
		return;
	free(m->path);
	free(m);
}

const struct memory_network *memory_find(struct memory *m, uint64_t fingerprint)
{
	const struct memory_network *known = find(m, fingerprint);

	/* Another daemon of the user may have been here since. */
	if (known == NULL) {
		read_again(m);
		known = find(m, fingerprint);
	}
	return known;
}

int memory_put(struct memory *m, const struct memory_network *network,
	       int64_t now_s)
{
	struct memory_network *at;

	if (network->fingerprint == 0 || network->udp >= MEMORY_NUM_UDPS ||
	    !is_printable(network->winner))
		return -EINVAL;
	at = find(m, network->fingerprint);
	if (at != NULL && strcmp(at->winner, network->winner) == 0 &&
	    at->udp == network->udp &&
	    at->keepalive_s == network->keepalive_s && now_s >= at->used_s &&
	    now_s - at->used_s < DAY_S)
		return 0;
	read_again(m);
	at = place(m, network->fingerprint);
	*at = *network;
	at->used_s = now_s;
	return memory_put_again(m);
}

int memory_put_again(struct memory *m)
{
	return m->path != NULL ? write_file(m) : 0;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_logins_file.c - the logins that proxies have judged, as a text file
 *
 *	turnout proxy logins 1
 *	key 6f0c…
 *	refused 91b0… 1795400000
 *
 * It is replaced whole (rename(2)), so that no reader sees half of one.
 */
#include <config.h>

#include "proxy_logins_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define HEAD       "turnout proxy logins 1"
#define FILE_BYTES (32u << 10) /* some 6 KiB are written at most */
#define HEX        (2 * PROXY_LOGIN_BYTES)

static const char *const state_words[] = {
	[PROXY_LOGIN_UNTRIED] = "untried",
	[PROXY_LOGIN_ACCEPTED] = "accepted",
	[PROXY_LOGIN_REFUSED] = "refused",
};
_Static_assert(ARRAY_SIZE(state_words) == PROXY_LOGIN_NUM_STATES,
	       "a word for each");

/* Reading */

static bool read_hex(const char *text, unsigned char out[PROXY_LOGIN_BYTES])
{
	for (size_t i = 0; i < HEX; i++) {
		char c = text[i];
		int value = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
						   : -1;

		if (value < 0)
			return false;
		out[i / 2] = (unsigned char)(i % 2 == 0 ? value << 4
							: out[i / 2] | value);
	}
	return true;
}

/* The key is another one when the file was made anew: what is known by the old
 * one cannot be found any more. */
static bool take_key(struct proxy_logins *l, const char *line)
{
	unsigned char key[PROXY_LOGIN_BYTES];

	if (strncmp(line, "key ", 4) != 0 || strlen(line) != 4 + HEX ||
	    !read_hex(line + 4, key))
		return false;
	if (memcmp(key, l->key, sizeof(key)) != 0)
		memset(l->known, 0, sizeof(l->known));
	memcpy(l->key, key, sizeof(key));
	OPENSSL_cleanse(key, sizeof(key));
	return true;
}

/* A line that is not understood is passed over. */
static void take_line(struct proxy_logins *l, const char *line)
{
	unsigned char hash[PROXY_LOGIN_BYTES];
	char word[9], hex[HEX + 1];
	struct proxy_login_known *k;
	int64_t since_s;

	_Static_assert(HEX == 64, "sscanf's width");
	if (sscanf(line, "%8s %64s %" SCNd64, word, hex, &since_s) != 3 ||
	    strlen(hex) != HEX || !read_hex(hex, hash))
		return;
	for (int i = PROXY_LOGIN_ACCEPTED; i < PROXY_LOGIN_NUM_STATES; i++) {
		if (strcmp(word, state_words[i]) != 0)
			continue;
		k = proxy_logins_find_hash(l, hash);
		if (k == NULL)
			k = proxy_logins_place(l, hash);
		if (k == NULL)
			return;
		k->kept = true;
		k->state = (enum proxy_login_state)i;
		k->since_s = since_s;
	}
}

static char *next_line(char **at)
{
	char *line = *at, *end = strchr(line, '\n');

	if (end == NULL)
		return NULL; /* the end, or a line that was cut */
	*end = '\0';
	*at = end + 1;
	return line;
}

static bool parse(struct proxy_logins *l, char *text)
{
	char *line = next_line(&text);

	if (line == NULL || strcmp(line, HEAD) != 0)
		return false;
	line = next_line(&text);
	if (line == NULL || !take_key(l, line))
		return false;
	/* What is not in the file any more was forgiven. */
	for (size_t i = 0; i < PROXY_LOGINS_MAX; i++)
		if (l->known[i].kept) {
			l->known[i].kept = false;
			l->known[i].state = PROXY_LOGIN_UNTRIED;
		}
	while ((line = next_line(&text)) != NULL)
		take_line(l, line);
	return true;
}

bool proxy_logins_is_ours(int fd, struct stat *st)
{
	return fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
	       st->st_uid == geteuid() && (st->st_mode & 077) == 0;
}

int proxy_logins_read(struct proxy_logins *l)
{
	int fd = open(l->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char *text = NULL;
	struct stat st;
	ssize_t n;
	int rc = -EPERM;

	if (fd < 0)
		return -errno;
	if (proxy_logins_is_ours(fd, &st)) {
		text = malloc(FILE_BYTES + 1);
		rc = text == NULL ? -ENOMEM : 0;
	}
	n = rc == 0 ? read(fd, text, FILE_BYTES) : 0;
	close(fd);
	if (n < 0)
		rc = -EIO;
	if (rc == 0) {
		text[n] = '\0';
		l->stamp = st;
		rc = parse(l, text) ? 0 : -EBADMSG;
		OPENSSL_cleanse(text, FILE_BYTES);
	}
	free(text);
	return rc;
}

bool proxy_logins_changed(const struct proxy_logins *l)
{
	const struct stat *old = &l->stamp;
	struct stat st;

	if (stat(l->path, &st) < 0)
		return true;
	return st.st_dev != old->st_dev || st.st_ino != old->st_ino ||
	       st.st_size != old->st_size ||
	       st.st_mtim.tv_sec != old->st_mtim.tv_sec ||
	       st.st_mtim.tv_nsec != old->st_mtim.tv_nsec;
}

/* Writing */

static void print_hex(FILE *file, const unsigned char *bytes)
{
	for (size_t i = 0; i < PROXY_LOGIN_BYTES; i++)
		fprintf(file, "%02x", bytes[i]);
}

static int write_to(int fd, struct proxy_logins *l)
{
	FILE *file = fdopen(fd, "w");
	int rc = 0;

	if (file == NULL) {
		rc = -errno;
		close(fd);
		return rc;
	}
	fputs(HEAD "\nkey ", file);
	print_hex(file, l->key);
	fputc('\n', file);
	for (size_t i = 0; i < PROXY_LOGINS_MAX; i++) {
		struct proxy_login_known *k = &l->known[i];

		k->kept = k->used && k->state != PROXY_LOGIN_UNTRIED;
		if (!k->kept)
			continue;
		fprintf(file, "%s ", state_words[k->state]);
		print_hex(file, k->hash);
		fprintf(file, " %" PRId64 "\n", k->since_s);
	}
	/* A refusal that a power cut undoes would be sent once more. */
	if (fflush(file) != 0 || ferror(file) || fsync(fd) < 0)
		rc = -EIO;
	(void)fstat(fd, &l->stamp);
	fclose(file);
	return rc;
}

int proxy_logins_write(struct proxy_logins *l)
{
	char temp[PATH_MAX];
	int fd, rc;

	if (snprintf(temp, sizeof(temp), "%s.XXXXXX", l->path) >=
	    (int)sizeof(temp))
		return -ENAMETOOLONG;
	fd = mkostemp(temp, O_CLOEXEC); /* mode 0600 */
	rc = fd < 0 ? -errno : write_to(fd, l);
	if (rc == 0 && rename(temp, l->path) < 0)
		rc = -errno;
	if (rc < 0 && fd >= 0)
		unlink(temp);
	return rc;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_logins.c - the logins that proxies have judged: a table, and the file
 * that all processes of one user share
 *
 *	turnout proxy logins 1
 *	key 6f0c…
 *	refused 91b0… 1795400000
 *
 * Theory of operation
 *
 * A login is kept as HMAC-SHA256 of all its fields under a random key that
 * stands in the file itself, so that the table can outlive the configuration
 * that held the password, and does not hold it. The file is the truth: each
 * refresh puts the table right by it when it has changed, and a state is
 * written at once. It is replaced whole (rename(2)) under a lock on the first
 * byte of a second file; the other bytes of that one stand for the logins that
 * somebody is trying. Locks belong to the open file (fcntl(2), F_OFD_SETLK):
 * threads of this process are kept apart by proxy_auth.c.
 */
#include <config.h>

#include "proxy_logins.h"

#include "clock.h"
#include "directories.h"
#include "log.h"
#include "proxy_auth.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#define HEAD       "turnout proxy logins 1"
#define FILE_BYTES (32u << 10) /* some 6 KiB are written at most */
#define HEX        (2 * PROXY_LOGIN_BYTES)
/* Others hold the file for as long as it takes to write it. */
#define WRITE_WAIT_MS 1000
#define WRITE_POLL_MS 5

struct proxy_logins {
	unsigned char key[PROXY_LOGIN_BYTES];
	uint64_t clock;
	struct proxy_login_known known[PROXY_LOGINS_MAX];
	char *path; /* NULL: no file */
	int lock_fd;
	bool failed; /* it was said that the file does not work */
	/* of the file that was read last */
	struct stat stamp;
};

static const char *const state_words[] = {
	[PROXY_LOGIN_UNTRIED] = "untried",
	[PROXY_LOGIN_ACCEPTED] = "accepted",
	[PROXY_LOGIN_REFUSED] = "refused",
};
_Static_assert(ARRAY_SIZE(state_words) == PROXY_LOGIN_NUM_STATES,
	       "a word for each");

struct proxy_logins *proxy_logins_new(void)
{
	struct proxy_logins *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->lock_fd = -1;
	if (RAND_bytes(l->key, sizeof(l->key)) == 1)
		return l;
	free(l);
	return NULL;
}

void proxy_logins_free(struct proxy_logins *l)
{
	if (l == NULL)
		return;
	if (l->lock_fd >= 0)
		close(l->lock_fd);
	free(l->path);
	OPENSSL_cleanse(l, sizeof(*l));
	free(l);
}

int proxy_logins_keep(struct proxy_logins *l, const char *path)
{
	char *copy = strdup(path);

	if (copy == NULL)
		return -ENOMEM;
	free(l->path);
	l->path = copy;
	l->failed = false;
	if (l->lock_fd >= 0)
		close(l->lock_fd);
	l->lock_fd = -1;
	return 0;
}

/* The table */

/* All fields with their NULs, so that no two logins read the same; host names
 * in lower case. */
static bool hash_login(const struct proxy_logins *l,
		       const struct proxy_login *login,
		       unsigned char out[PROXY_LOGIN_BYTES])
{
	const char *fields[] = { login->host, login->username,
				 login->password };
	unsigned char text[1024];
	size_t used = sizeof(login->port), i;
	bool ok;

	memcpy(text, &login->port, sizeof(login->port));
	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		size_t n = strlen(fields[i]) + 1;

		if (n > sizeof(text) - used)
			return false;
		memcpy(text + used, fields[i], n);
		for (size_t c = 0; i == 0 && c < n; c++)
			text[used + c] = (unsigned char)tolower(text[used + c]);
		used += n;
	}
	ok = HMAC(EVP_sha256(), l->key, sizeof(l->key), text, used, out,
		  NULL) != NULL;
	OPENSSL_cleanse(text, sizeof(text));
	return ok;
}

static struct proxy_login_known *find(struct proxy_logins *l,
				      const unsigned char *hash)
{
	for (size_t i = 0; i < PROXY_LOGINS_MAX; i++)
		if (l->known[i].used && CRYPTO_memcmp(l->known[i].hash, hash,
						      PROXY_LOGIN_BYTES) == 0)
			return &l->known[i];
	return NULL;
}

/* A place for a new login: free, or that of the one not seen for longest;
 * refused ones are forgotten last. NULL: all are being tried. */
static struct proxy_login_known *place(struct proxy_logins *l,
				       const unsigned char *hash)
{
	struct proxy_login_known *best = NULL, *k;

	for (k = l->known; k < l->known + PROXY_LOGINS_MAX; k++) {
		bool refused = k->state == PROXY_LOGIN_REFUSED, than;

		if (!k->used) {
			best = k;
			break;
		}
		if (k->trying)
			continue;
		than = best != NULL && best->state == PROXY_LOGIN_REFUSED;
		if (best == NULL ||
		    (refused != than ? than : k->seen < best->seen))
			best = k;
	}
	if (best == NULL)
		return NULL;
	*best = (struct proxy_login_known){ .used = true, .seen = ++l->clock };
	memcpy(best->hash, hash, PROXY_LOGIN_BYTES);
	return best;
}

struct proxy_login_known *proxy_logins_find(struct proxy_logins *l,
					    const struct proxy_login *login,
					    bool make)
{
	unsigned char hash[PROXY_LOGIN_BYTES];
	struct proxy_login_known *k;

	if (!hash_login(l, login, hash))
		return NULL;
	k = find(l, hash);
	if (k == NULL && make)
		k = place(l, hash);
	if (k != NULL)
		k->seen = ++l->clock;
	return k;
}

uint64_t proxy_logins_fingerprint(const struct proxy_logins *l,
				  const struct proxy_login *login)
{
	unsigned char hash[PROXY_LOGIN_BYTES];
	uint64_t print = 0;

	if (hash_login(l, login, hash))
		memcpy(&print, hash, sizeof(print));
	return print;
}

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
		k = find(l, hash);
		if (k == NULL)
			k = place(l, hash);
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

/* Only what is our own, and nobody else's to read. */
static bool is_ours(int fd, struct stat *st)
{
	return fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
	       st->st_uid == geteuid() && (st->st_mode & 077) == 0;
}

/* 0; -ENOENT; -EBADMSG: made anew then; or why it cannot be used. */
static int read_file(struct proxy_logins *l)
{
	int fd = open(l->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char *text = NULL;
	struct stat st;
	ssize_t n;
	int rc = -EPERM;

	if (fd < 0)
		return -errno;
	if (is_ours(fd, &st)) {
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

static bool has_changed(const struct proxy_logins *l)
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

static int write_file(struct proxy_logins *l)
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

/* Locks */

static int set_lock(const struct proxy_logins *l, short type, off_t at)
{
	struct flock fl = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1
	};

	if (fcntl(l->lock_fd, F_OFD_SETLK, &fl) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

/* Two logins may share a byte: then they are tried one after the other. */
static off_t byte_of(const struct proxy_login_known *k)
{
	return 1 + (((off_t)k->hash[0] << 16) | ((off_t)k->hash[1] << 8) |
		    k->hash[2]);
}

int proxy_logins_lock(struct proxy_logins *l, const struct proxy_login_known *k)
{
	int rc = l->lock_fd >= 0 ? set_lock(l, F_WRLCK, byte_of(k)) : 0;

	/* A file system without locks: then this process is all we know. */
	return rc == -EAGAIN ? rc : 0;
}

void proxy_logins_unlock(struct proxy_logins *l,
			 const struct proxy_login_known *k)
{
	if (l->lock_fd >= 0)
		(void)set_lock(l, F_UNLCK, byte_of(k));
}

/* One that has stopped while it writes is not waited for for ever. */
static void lock_file(const struct proxy_logins *l)
{
	uint64_t until = clock_now_ms() + WRITE_WAIT_MS;

	while (set_lock(l, F_WRLCK, 0) == -EAGAIN && clock_now_ms() < until)
		poll(NULL, 0, WRITE_POLL_MS);
}

static void unlock_file(const struct proxy_logins *l)
{
	(void)set_lock(l, F_UNLCK, 0);
}

/* Together */

static void give_up(struct proxy_logins *l, int error)
{
	if (!l->failed)
		log_warn("refused proxy passwords are known until the end "
			 "only: %s: %s",
			 l->path, strerror(-error));
	l->failed = true;
}

static int open_lock(struct proxy_logins *l)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s.lock", l->path) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	directories_make(path);
	l->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			  0600);
	if (l->lock_fd < 0)
		return -errno;
	if (is_ours(l->lock_fd, &st))
		return 0;
	close(l->lock_fd);
	l->lock_fd = -1;
	return -EPERM;
}

/* Locked. The file into the table, or a new file. */
static int take_in(struct proxy_logins *l)
{
	int rc = has_changed(l) ? read_file(l) : 0;

	if (rc == -EBADMSG)
		log_warn("%s: not understood: begun anew; a password that was "
			 "refused may be sent once more",
			 l->path);
	if (rc != -EBADMSG && rc != -ENOENT)
		return rc;
	for (size_t i = 0; i < PROXY_LOGINS_MAX; i++)
		if (l->known[i].kept)
			l->known[i].state = PROXY_LOGIN_UNTRIED;
	return write_file(l);
}

static bool is_gone(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 || st.st_nlink == 0;
}

void proxy_logins_refresh(struct proxy_logins *l)
{
	int rc = 0;

	if (l->path == NULL)
		return;
	if (l->lock_fd >= 0 && is_gone(l->lock_fd)) {
		close(l->lock_fd);
		l->lock_fd = -1;
	}
	if (l->lock_fd < 0)
		rc = open_lock(l);
	else if (!has_changed(l))
		return;
	if (rc == 0) {
		lock_file(l);
		rc = take_in(l);
		unlock_file(l);
	}
	if (rc < 0)
		give_up(l, rc);
	else
		l->failed = false;
}

void proxy_logins_put(struct proxy_logins *l, const struct proxy_login *login,
		      enum proxy_login_state state, int64_t now_s)
{
	struct proxy_login_known *k;
	int rc = 0;

	if (l->lock_fd >= 0) {
		lock_file(l);
		rc = take_in(l);
	}
	k = proxy_logins_find(l, login, true);
	/* Another process may know better: a refusal stays. */
	if (k != NULL && k->state != PROXY_LOGIN_REFUSED) {
		k->state = state;
		k->since_s = now_s;
	}
	if (l->lock_fd < 0)
		return;
	if (rc == 0)
		rc = write_file(l);
	unlock_file(l);
	if (rc < 0)
		give_up(l, rc);
}

static int forgive(struct proxy_logins *l)
{
	int n = 0;

	for (size_t i = 0; i < PROXY_LOGINS_MAX; i++)
		if (l->known[i].used &&
		    l->known[i].state == PROXY_LOGIN_REFUSED) {
			l->known[i].state = PROXY_LOGIN_UNTRIED;
			n++;
		}
	return n;
}

int proxy_logins_forgive(struct proxy_logins *l)
{
	int rc, n;

	proxy_logins_refresh(l);
	if (l->lock_fd < 0)
		return forgive(l);
	lock_file(l);
	rc = take_in(l);
	n = forgive(l);
	if (rc == 0)
		rc = write_file(l);
	unlock_file(l);
	return rc < 0 ? rc : n;
}

bool proxy_logins_state(const struct proxy_logins *l, uint64_t fingerprint,
			enum proxy_login_state *state, int64_t *since_s)
{
	for (size_t i = 0; i < PROXY_LOGINS_MAX; i++) {
		const struct proxy_login_known *k = &l->known[i];

		if (!k->used ||
		    memcmp(k->hash, &fingerprint, sizeof(fingerprint)) != 0)
			continue;
		*state = k->state;
		*since_s = k->since_s;
		return true;
	}
	return false;
}

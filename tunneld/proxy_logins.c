/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_logins.c - the logins that proxies have judged: a table, and the file
 * that all processes of one user share
 *
 * Theory of operation
 *
 * A login is kept as HMAC-SHA256 of all its fields under a random key that
 * stands in the file itself, so that the table can outlive the configuration
 * that held the password, and does not hold it. The file is the truth: each
 * refresh puts the table right by it when it has changed, and a state is
 * written at once. It is replaced under a lock on the first
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
#include "proxy_logins_private.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
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

/* Others hold the file for as long as it takes to write it. */
#define WRITE_WAIT_MS 1000
#define WRITE_POLL_MS 5

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

struct proxy_login_known *proxy_logins_find_hash(struct proxy_logins *l,
						 const unsigned char *hash)
{
	for (size_t i = 0; i < PROXY_LOGINS_MAX; i++)
		if (l->known[i].used && CRYPTO_memcmp(l->known[i].hash, hash,
						      PROXY_LOGIN_BYTES) == 0)
			return &l->known[i];
	return NULL;
}

struct proxy_login_known *proxy_logins_place(struct proxy_logins *l,
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
	k = proxy_logins_find_hash(l, hash);
	if (k == NULL && make)
		k = proxy_logins_place(l, hash);
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
	if (proxy_logins_is_ours(l->lock_fd, &st))
		return 0;
	close(l->lock_fd);
	l->lock_fd = -1;
	return -EPERM;
}

/* Locked. The file into the table, or a new file. */
static int take_in(struct proxy_logins *l)
{
	int rc = proxy_logins_changed(l) ? proxy_logins_read(l) : 0;

	if (rc == -EBADMSG)
		log_warn("%s: not understood: begun anew; a password that was "
			 "refused may be sent once more",
			 l->path);
	if (rc != -EBADMSG && rc != -ENOENT)
		return rc;
	for (size_t i = 0; i < PROXY_LOGINS_MAX; i++)
		if (l->known[i].kept)
			l->known[i].state = PROXY_LOGIN_UNTRIED;
	return proxy_logins_write(l);
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
	else if (!proxy_logins_changed(l))
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
		rc = proxy_logins_write(l);
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
		rc = proxy_logins_write(l);
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

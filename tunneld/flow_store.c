/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flow_store.c - open flows into a file and back
 *
 * Integers in network order:
 *
 *	header: magic 4, version 4, boot id 40 (text, zeros after it),
 *		written at 8 (CLOCK_BOOTTIME, ms), count 4
 *	flow:   uid 4, cookie 8, secret 8, bound 20, app 20,
 *		length 2 and as much of the program's path,
 *		for IPv4 and IPv6: open 1, length 4, that many bytes
 */
#include <config.h>

#include "flow_store.h"

#include "addr.h"
#include "buf.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

#define MAGIC         0x54524e46u /* "TRNF" */
#define STORE_VERSION 2u
#define BOOT_ID       "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_BYTES 40
#define HEADER_BYTES  (4 + 4 + BOOT_ID_BYTES + 8 + 4)
#define FLOW_BYTES    (4 + 8 + 8 + 20 + 20 + 2 + 2 * 5)
#define FLOWS_MAX     65536u
#define PROGRAM_MAX   1024u
/* Beyond this, flows are kept without what continues their allocations. */
#define RESUME_BYTES_MAX (64u << 20)
#define FILE_BYTES_MAX \
	(RESUME_BYTES_MAX + FLOWS_MAX * (FLOW_BYTES + PROGRAM_MAX) + 4096u)

static uint64_t boot_time_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Zeros where /proc does not tell (ProcSubset=pid): the time has to do. */
static void boot_id(char id[BOOT_ID_BYTES])
{
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	memset(id, 0, BOOT_ID_BYTES);
	if (fd < 0)
		return;
	n = read(fd, id, 36);
	if (n != 36)
		memset(id, 0, BOOT_ID_BYTES);
	close(fd);
}

static void put_u64(struct buf *b, uint64_t v)
{
	buf_put_u32(b, (uint32_t)(v >> 32));
	buf_put_u32(b, (uint32_t)v);
}

static bool get_u64(struct buf_reader *r, uint64_t *v)
{
	uint32_t high, low;

	if (!buf_get_u32(r, &high) || !buf_get_u32(r, &low))
		return false;
	*v = (uint64_t)high << 32 | low;
	return true;
}

/* Writing */

static size_t program_bytes(const struct flow_saved *f)
{
	size_t len = f->program != NULL ? strlen(f->program) : 0;

	return len <= PROGRAM_MAX ? len : 0;
}

static void put_flow(struct buf *b, const struct flow_saved *f,
		     size_t *resume_left)
{
	buf_put_u32(b, (uint32_t)f->uid);
	put_u64(b, f->cookie);
	put_u64(b, f->secret);
	buf_put(b, &f->bound, sizeof(f->bound));
	buf_put(b, &f->app, sizeof(f->app));
	buf_put_u16(b, (uint16_t)program_bytes(f));
	buf_put(b, f->program, program_bytes(f));
	for (int i = 0; i < FLOW_STORE_FAMILIES; i++) {
		const struct flow_saved_uplink *u = &f->uplink[i];
		size_t len = u->resume != NULL ? u->resume_len : 0;

		if (len > FLOW_STORE_RESUME_MAX || len > *resume_left)
			len = 0;
		*resume_left -= len;
		buf_put_u8(b, u->open);
		buf_put_u32(b, (uint32_t)len);
		buf_put(b, u->resume, len);
	}
}

static size_t size_of(const struct flow_saved *flows, size_t count)
{
	size_t size = HEADER_BYTES;

	for (size_t i = 0; i < count; i++) {
		size += FLOW_BYTES + program_bytes(&flows[i]);
		for (int k = 0; k < FLOW_STORE_FAMILIES; k++)
			size += flows[i].uplink[k].resume_len;
	}
	return size;
}

static void put_all(struct buf *b, const struct flow_saved *flows, size_t count)
{
	size_t resume_left = RESUME_BYTES_MAX;
	char id[BOOT_ID_BYTES];

	boot_id(id);
	buf_put_u32(b, MAGIC);
	buf_put_u32(b, STORE_VERSION);
	buf_put(b, id, sizeof(id));
	put_u64(b, boot_time_ms());
	buf_put_u32(b, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		put_flow(b, &flows[i], &resume_left);
}

/* Nobody else may put a file in this one's place. */
static int check_directory(const char *path)
{
	char copy[PATH_MAX];
	struct stat st;

	if (strlen(path) >= sizeof(copy))
		return -ENAMETOOLONG;
	strcpy(copy, path);
	if (stat(dirname(copy), &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return -EPERM;
	return (st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX)
		       ? -EPERM
		       : 0;
}

static int write_whole(int fd, const struct buf *b)
{
	size_t done = 0;

	while (done < b->len) {
		ssize_t n = write(fd, b->data + done, b->len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int replace(const char *path, const struct buf *b)
{
	char temp[PATH_MAX];
	int n = snprintf(temp, sizeof(temp), "%s.new", path), fd, err;

	if (n < 0 || (size_t)n >= sizeof(temp))
		return -ENAMETOOLONG;
	unlink(temp); /* of one that died in the middle */
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	if (fd < 0)
		return -errno;
	err = write_whole(fd, b);
	close(fd);
	if (err == 0 && rename(temp, path) < 0)
		err = -errno;
	if (err < 0)
		unlink(temp);
	return err;
}

int flow_store_write(const char *path, const struct flow_saved *flows,
		     size_t count)
{
	int err = check_directory(path);
	size_t size;
	struct buf b;
	void *data;

	if (err < 0)
		return err;
	if (count > FLOWS_MAX)
		count = FLOWS_MAX;
	size = size_of(flows, count);
	data = malloc(size);
	if (data == NULL)
		return -ENOMEM;
	buf_init(&b, data, size);
	put_all(&b, flows, count);
	err = b.failed ? -ENOBUFS : replace(path, &b);
	explicit_bzero(data, size);
	free(data);
	return err;
}

/* Reading */

static bool get_endpoint(struct buf_reader *r, struct endpoint *e)
{
	if (!buf_get(r, e, sizeof(*e)))
		return false;
	e->reserved = 0;
	if (e->family == ENDPOINT_IPV4)
		memset(e->ip + 4, 0, sizeof(e->ip) - 4);
	if (e->family == ENDPOINT_NONE)
		memset(e, 0, sizeof(*e));
	return e->family == ENDPOINT_NONE || e->family == ENDPOINT_IPV4 ||
	       e->family == ENDPOINT_IPV6;
}

static bool get_uplink(struct buf_reader *r, struct flow_saved_uplink *u,
		       bool is_fresh)
{
	const uint8_t *data;
	uint8_t open;
	uint32_t len;

	if (!buf_get_u8(r, &open) || !buf_get_u32(r, &len) ||
	    len > FLOW_STORE_RESUME_MAX || !buf_take(r, len, &data))
		return false;
	u->open = open != 0;
	if (len == 0 || !is_fresh)
		return true;
	u->resume = malloc(len);
	if (u->resume == NULL)
		return true; /* a new allocation, then */
	memcpy(u->resume, data, len);
	u->resume_len = len;
	return true;
}

static bool get_program(struct buf_reader *r, struct flow_saved *f)
{
	const uint8_t *text;
	uint16_t len;

	if (!buf_get_u16(r, &len) || len > PROGRAM_MAX ||
	    !buf_take(r, len, &text))
		return false;
	/* Without memory for it: not to be told. */
	if (len > 0)
		f->program = strndup((const char *)text, len);
	return true;
}

static bool get_flow(struct buf_reader *r, struct flow_saved *f, bool is_fresh)
{
	uint32_t uid;

	if (!buf_get_u32(r, &uid) || !get_u64(r, &f->cookie) ||
	    !get_u64(r, &f->secret) || !get_endpoint(r, &f->bound) ||
	    !get_endpoint(r, &f->app) || !get_program(r, f))
		return false;
	f->uid = (uid_t)uid;
	for (int i = 0; i < FLOW_STORE_FAMILIES; i++) {
		if (!get_uplink(r, &f->uplink[i], is_fresh))
			return false;
	}
	return f->bound.port_be != 0 && addr_is_loopback(&f->bound) &&
	       (f->app.family == ENDPOINT_NONE ||
		f->app.family == f->bound.family);
}

/* The age of a file of this boot, or -1. */
static int64_t get_header(struct buf_reader *r, uint32_t *count)
{
	char id[BOOT_ID_BYTES], now_id[BOOT_ID_BYTES];
	uint64_t written_ms, now_ms = boot_time_ms();
	uint32_t magic, version;

	boot_id(now_id);
	if (!buf_get_u32(r, &magic) || !buf_get_u32(r, &version) ||
	    !buf_get(r, id, sizeof(id)) || !get_u64(r, &written_ms) ||
	    !buf_get_u32(r, count))
		return -1;
	if (magic != MAGIC || version != STORE_VERSION || *count > FLOWS_MAX ||
	    *count > r->left / FLOW_BYTES ||
	    memcmp(id, now_id, sizeof(id)) != 0 || written_ms > now_ms)
		return -1;
	return (int64_t)((now_ms - written_ms) / 1000);
}

static size_t parse(const uint8_t *data, size_t len, struct flow_saved **flows)
{
	struct buf_reader r;
	uint32_t count;
	int64_t age_s;

	buf_reader_init(&r, data, len);
	age_s = get_header(&r, &count);
	if (age_s < 0 || count == 0)
		return 0;
	*flows = calloc(count, sizeof(**flows));
	if (*flows == NULL)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		if (get_flow(&r, &(*flows)[i], age_s < FLOW_STORE_RESUME_S))
			continue;
		flow_store_free(*flows, count);
		*flows = NULL;
		return 0;
	}
	return count;
}

static uint8_t *read_whole(int fd, size_t *len)
{
	uint8_t *data;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink > 1 ||
	    st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)) ||
	    st.st_size == 0 || st.st_size > (off_t)FILE_BYTES_MAX)
		return NULL;
	data = malloc((size_t)st.st_size);
	if (data == NULL)
		return NULL;
	*len = 0;
	while (*len < (size_t)st.st_size &&
	       (n = read(fd, data + *len, (size_t)st.st_size - *len)) > 0)
		*len += (size_t)n;
	return data;
}

size_t flow_store_read(const char *path, struct flow_saved **flows)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	size_t len = 0, count = 0;
	uint8_t *data = NULL;

	*flows = NULL;
	if (fd >= 0) {
		if (check_directory(path) == 0)
			data = read_whole(fd, &len);
		close(fd);
	}
	unlink(path);
	if (data != NULL) {
		count = parse(data, len, flows);
		explicit_bzero(data, len);
	}
	free(data);
	return count;
}

void flow_store_free(struct flow_saved *flows, size_t count)
{
	for (size_t i = 0; flows != NULL && i < count; i++) {
		for (int k = 0; k < FLOW_STORE_FAMILIES; k++) {
			struct flow_saved_uplink *u = &flows[i].uplink[k];

			if (u->resume != NULL)
				explicit_bzero(u->resume, u->resume_len);
			free(u->resume);
		}
		free(flows[i].program);
	}
	if (flows != NULL)
		explicit_bzero(flows, count * sizeof(*flows));
	free(flows);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_flow_store.c - open flows into a file and back; files of others, of
 * another boot, and broken ones
 */
#include <config.h>

#include "flow_store.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

static char dir[] = "/tmp/test-flow-store.XXXXXX";
static char path[64];

static struct flow_saved flow(uint64_t n)
{
	return (struct flow_saved){
		.program = (char *)(uintptr_t)(n % 2 ? "/opt/app" : NULL),
		.cookie = n,
		.secret = n << 40 | 7,
		.uid = 1000 + (uid_t)n,
		.bound = { .family = ENDPOINT_IPV4,
			   .port_be = (uint16_t)(1000 + n),
			   .ip = { 127, 0, 0, 1 } },
	};
}

static void write_flows(const struct flow_saved *flows, size_t count)
{
	CU_ASSERT_EQUAL_FATAL(flow_store_write(path, flows, count), 0);
}

static size_t read_count(void)
{
	struct flow_saved *flows;
	size_t count = flow_store_read(path, &flows);

	CU_ASSERT((flows != NULL) == (count > 0));
	flow_store_free(flows, count);
	CU_ASSERT_EQUAL(access(path, F_OK), -1);
	return count;
}

static void test_there_and_back(void)
{
	static uint8_t big[FLOW_STORE_RESUME_MAX], small[] = "ticket";
	struct flow_saved in[3] = { flow(1), flow(2), flow(3) }, *out;
	struct stat st;
	size_t count;

	memset(big, 0xa5, sizeof(big));
	in[0].app = (struct endpoint){ .family = ENDPOINT_IPV4,
				       .port_be = 77,
				       .ip = { 10, 1, 2, 3 } };
	in[0].uplink[FLOW_STORE_IPV4].open = true;
	in[0].uplink[FLOW_STORE_IPV4].resume = small;
	in[0].uplink[FLOW_STORE_IPV4].resume_len = sizeof(small);
	in[1].uplink[FLOW_STORE_IPV6].open = true;
	in[1].uplink[FLOW_STORE_IPV6].resume = big;
	in[1].uplink[FLOW_STORE_IPV6].resume_len = sizeof(big);
	in[2].bound = (struct endpoint){ .family = ENDPOINT_IPV6,
					 .port_be = 9,
					 .ip = { [15] = 1 } };
	write_flows(in, 3);
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
	count = flow_store_read(path, &out);
	CU_ASSERT_EQUAL_FATAL(count, 3);
	for (size_t i = 0; i < count; i++) {
		CU_ASSERT_EQUAL(out[i].cookie, in[i].cookie);
		CU_ASSERT_EQUAL(out[i].secret, in[i].secret);
		CU_ASSERT_EQUAL(out[i].uid, in[i].uid);
		CU_ASSERT_EQUAL(out[i].program == NULL, in[i].program == NULL);
		if (in[i].program != NULL && out[i].program != NULL)
			CU_ASSERT_STRING_EQUAL(out[i].program, in[i].program);
		CU_ASSERT(endpoint_equal(&out[i].bound, &in[i].bound));
		CU_ASSERT(endpoint_equal(&out[i].app, &in[i].app));
		for (int k = 0; k < FLOW_STORE_FAMILIES; k++) {
			const struct flow_saved_uplink *a, *b;

			a = &out[i].uplink[k];
			b = &in[i].uplink[k];
			CU_ASSERT_EQUAL(a->open, b->open);
			CU_ASSERT_EQUAL_FATAL(a->resume_len, b->resume_len);
			CU_ASSERT(a->resume_len == 0 ||
				  memcmp(a->resume, b->resume, a->resume_len) ==
					  0);
		}
	}
	flow_store_free(out, count);
	/* once, and only once */
	CU_ASSERT_EQUAL(access(path, F_OK), -1);
	CU_ASSERT_EQUAL(read_count(), 0);
}

static void test_bounds(void)
{
	struct flow_saved one = flow(1);
	uint8_t *big = calloc(1, FLOW_STORE_RESUME_MAX + 1);
	struct flow_saved *out;

	/* too long is left out; the flow itself is not */
	one.uplink[0].open = true;
	one.uplink[0].resume = big;
	one.uplink[0].resume_len = FLOW_STORE_RESUME_MAX + 1;
	write_flows(&one, 1);
	CU_ASSERT_EQUAL_FATAL(flow_store_read(path, &out), 1);
	CU_ASSERT_PTR_NULL(out[0].uplink[0].resume);
	CU_ASSERT_TRUE(out[0].uplink[0].open);
	flow_store_free(out, 1);
	free(big);
	write_flows(NULL, 0);
	CU_ASSERT_EQUAL(read_count(), 0);
}

static void test_whose(void)
{
	struct flow_saved one = flow(1);
	char other[96];

	write_flows(&one, 1);
	CU_ASSERT_EQUAL(chmod(path, 0640), 0);
	CU_ASSERT_EQUAL(read_count(), 0);
	write_flows(&one, 1);
	if (geteuid() == 0) {
		CU_ASSERT_EQUAL(chown(path, 12345, (gid_t)-1), 0);
		CU_ASSERT_EQUAL(read_count(), 0);
		write_flows(&one, 1);
	}
	/* a second name, a link to it, a fifo */
	snprintf(other, sizeof(other), "%s.other", path);
	CU_ASSERT_EQUAL(link(path, other), 0);
	CU_ASSERT_EQUAL(read_count(), 0);
	CU_ASSERT_EQUAL(symlink(other, path), 0);
	CU_ASSERT_EQUAL(read_count(), 0);
	unlink(other);
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	CU_ASSERT_EQUAL(read_count(), 0);
	/* where others may put files */
	CU_ASSERT_EQUAL(chmod(dir, 0777), 0);
	CU_ASSERT_EQUAL(flow_store_write(path, &one, 1), -EPERM);
	CU_ASSERT_EQUAL(chmod(dir, 01777), 0);
	write_flows(&one, 1);
	CU_ASSERT_EQUAL(chmod(dir, 0777), 0);
	CU_ASSERT_EQUAL(read_count(), 0);
	CU_ASSERT_EQUAL(chmod(dir, 0700), 0);
}

static uint8_t file[4096];

static size_t slurp(void)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, file, sizeof(file));

	close(fd);
	CU_ASSERT_FATAL(n > 0);
	return (size_t)n;
}

static void spill(size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CU_ASSERT_EQUAL(write(fd, file, len), (ssize_t)len);
	close(fd);
}

static void test_broken(void)
{
	struct flow_saved two[2] = { flow(1), flow(2) }, *out;
	uint8_t ticket[] = "ticket";
	size_t len, count;

	two[1].uplink[0].resume = ticket;
	two[1].uplink[0].resume_len = sizeof(ticket);
	write_flows(two, 2);
	len = slurp();
	for (size_t cut = 0; cut < len; cut++) {
		spill(cut);
		CU_ASSERT_EQUAL(read_count(), 0);
	}
	for (size_t i = 0; i < len; i++) {
		file[i] ^= 0xff;
		spill(len);
		count = flow_store_read(path, &out);
		for (size_t k = 0; k < count; k++) {
			CU_ASSERT(out[k].bound.port_be != 0);
			CU_ASSERT(out[k].bound.ip[0] == 127);
		}
		flow_store_free(out, count);
		/* magic, version, boot id: not ours, or not of this life */
		CU_ASSERT(i >= 48 || count == 0);
		file[i] ^= 0xff;
	}
	spill(len);
	CU_ASSERT_EQUAL(read_count(), 2);
}

/* Allocations end, ports do not. */
static void test_old(void)
{
	struct flow_saved one = flow(1), *out;
	uint8_t ticket[] = "ticket";
	uint64_t then = 0;
	size_t len;

	one.uplink[0].open = true;
	one.uplink[0].resume = ticket;
	one.uplink[0].resume_len = sizeof(ticket);
	write_flows(&one, 1);
	len = slurp();
	memset(file + 48, 0xff, 8); /* written later than now */
	spill(len);
	CU_ASSERT_EQUAL(read_count(), 0);
	memcpy(file + 48, &then, sizeof(then));
	spill(len);
	CU_ASSERT_EQUAL_FATAL(flow_store_read(path, &out), 1);
	CU_ASSERT_TRUE(out[0].uplink[0].open);
	{
		struct timespec up;

		clock_gettime(CLOCK_BOOTTIME, &up);
		CU_ASSERT(up.tv_sec < FLOW_STORE_RESUME_S ||
			  out[0].uplink[0].resume == NULL);
	}
	flow_store_free(out, 1);
}

static int begin(void)
{
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/control.flows", dir);
	return 0;
}

static int end(void)
{
	return rmdir(dir); /* no temporary file stays */
}

static CU_TestInfo tests[] = {
	{ "written, read once, gone", test_there_and_back },
	{ "what is too long", test_bounds },
	{ "files of others", test_whose },
	{ "broken files", test_broken },
	{ "old files", test_old },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "flow_store",
	  .pInitFunc = begin,
	  .pCleanupFunc = end,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_caller.c - who is at the other end: this process, one whose file is
 * gone, and one that cannot be seen */
#include <config.h>

#include "../tunneld/caller.h"

#include "lib/unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/wait.h>

static void test_self(void)
{
	const struct ucred cred = { .pid = getpid(), .uid = 4242 };
	char path[CALLER_PATH_MAX] = "";
	struct policy_client *kept;
	struct caller c;

	CU_ASSERT(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0);
	caller_init(&c, &cred, "/opt/other");
	CU_ASSERT_EQUAL(c.client.uid, 4242);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c.client.program);
	CU_ASSERT_STRING_EQUAL(c.client.program, path);
	kept = caller_keep(&c.client);
	memset(&c, 0xff, sizeof(c));
	CU_ASSERT_PTR_NOT_NULL_FATAL(kept);
	CU_ASSERT_EQUAL(kept->uid, 4242);
	CU_ASSERT_STRING_EQUAL(kept->program, path);
	free(kept);
}

static void test_unseen(void)
{
	const struct ucred cred = { .pid = 0, .uid = 7 };
	struct policy_client *kept;
	struct caller c;

	caller_init(&c, &cred, "/opt/app");
	CU_ASSERT_PTR_NOT_NULL_FATAL(c.client.program);
	CU_ASSERT_STRING_EQUAL(c.client.program, "/opt/app");
	caller_init(&c, &cred, "app");
	CU_ASSERT_PTR_NULL(c.client.program);
	caller_init(&c, &cred, "");
	CU_ASSERT_PTR_NULL(c.client.program);
	caller_init(&c, &cred, NULL);
	CU_ASSERT_EQUAL(c.client.uid, 7);
	CU_ASSERT_PTR_NULL(c.client.program);
	kept = caller_keep(&c.client);
	CU_ASSERT_PTR_NOT_NULL_FATAL(kept);
	CU_ASSERT_EQUAL(kept->uid, 7);
	CU_ASSERT_PTR_NULL(kept->program);
	free(kept);
}

/* An update replaces the file of a program that runs on. */
static void test_replaced(void)
{
	char dir[] = "/tmp/test_caller.XXXXXX", path[64], command[160];
	struct ucred cred = { .uid = 1 };
	struct caller c;
	int ready[2];
	char byte;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/app", dir);
	snprintf(command, sizeof(command), "cp \"$(command -v cat)\" %s", path);
	CU_ASSERT_EQUAL_FATAL(system(command), 0);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ready), 0);
	cred.pid = fork();
	if (cred.pid == 0) {
		dup2(ready[1], 0);
		dup2(ready[1], 1);
		close(ready[0]);
		close(ready[1]);
		execl(path, path, (char *)NULL);
		_exit(1);
	}
	close(ready[1]);
	/* It runs when it has sent the byte back. */
	CU_ASSERT_EQUAL(write(ready[0], "x", 1), 1);
	CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
	unlink(path);
	caller_init(&c, &cred, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c.client.program);
	CU_ASSERT_STRING_EQUAL(c.client.program, path);
	close(ready[0]);
	waitpid(cred.pid, NULL, 0);
	rmdir(dir);
}

static CU_TestInfo tests[] = {
	{ "this process", test_self },
	{ "one that cannot be seen", test_unseen },
	{ "one whose file was replaced", test_replaced },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "caller", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_apps.c - the processes that have asked for something */
#include <config.h>

#include "apps.h"

#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

static struct apps *apps;

static int set_up(void)
{
	apps = calloc(1, sizeof(*apps));
	return apps == NULL;
}

static int tear_down(void)
{
	free(apps);
	return 0;
}

static void test_note(void)
{
	struct app *app = apps_note(apps, getpid(), 7, "/bin/one", 1000);

	CU_ASSERT_EQUAL(app->since_ms, 1000);
	CU_ASSERT_NOT_EQUAL(app->birth, 0);
	app->connects++;
	/* by exec */
	CU_ASSERT_PTR_EQUAL(apps_note(apps, getpid(), 7, "/bin/two", 9000),
			    app);
	CU_ASSERT_STRING_EQUAL(app->program, "/bin/two");
	CU_ASSERT_EQUAL(app->connects, 1);
	CU_ASSERT_EQUAL(app->since_ms, 1000);
	CU_ASSERT_PTR_EQUAL(apps_find(apps, getpid()), app);
	CU_ASSERT_PTR_NULL(apps_find(apps, 0));
	/* another user's: the number was given again */
	app = apps_note(apps, getpid(), 8, NULL, 9500);
	CU_ASSERT_EQUAL(app->connects, 0);
	CU_ASSERT_STRING_EQUAL(app->program, "");
}

/* The same number, and another process. */
static void test_born_later(void)
{
	struct app *app = apps_note(apps, getpid(), 8, NULL, 10000);

	app->birth--;
	app->lookups = 5;
	CU_ASSERT_EQUAL(apps_note(apps, getpid(), 8, NULL, 10500)->lookups, 5);
	CU_ASSERT_EQUAL(apps_note(apps, getpid(), 8, NULL, 20000)->lookups, 0);
}

static void test_ended(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(pause());
	apps_note(apps, child, 8, "/bin/child", 20000);
	apps_sweep(apps);
	CU_ASSERT_PTR_NOT_NULL(apps_find(apps, child));
	kill(child, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
	apps_sweep(apps);
	CU_ASSERT_PTR_NULL(apps_find(apps, child));
	CU_ASSERT_PTR_NOT_NULL(apps_find(apps, getpid()));
}

/* Numbers above all that the kernel gives. */
static void test_full(void)
{
	for (int i = 0; i < 2 * APPS_MAX; i++)
		apps_note(apps, 0x500000 + i, 8, NULL, 30000 + (uint64_t)i);
	CU_ASSERT_PTR_NULL(apps_find(apps, 0x500000));
	CU_ASSERT_PTR_NOT_NULL(apps_find(apps, 0x500000 + 2 * APPS_MAX - 1));
	apps_sweep(apps);
	CU_ASSERT_PTR_NULL(apps_find(apps, 0x500000 + 2 * APPS_MAX - 1));
}

static CU_TestInfo tests[] = {
	{ "one that asks again", test_note },
	{ "a number that was given again", test_born_later },
	{ "one that has ended", test_ended },
	{ "more than there is room for", test_full },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "apps",
	  .pInitFunc = set_up,
	  .pCleanupFunc = tear_down,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)

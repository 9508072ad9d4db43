/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_preload_env.c - our library stands in LD_PRELOAD once, others stay */
#include <config.h>

#include "../tunneld/cli/preload_env.h"

#include "lib/unit.h"

#include <stdlib.h>

#define OURS "/usr/lib/turnout/libturnout.so"

static void expect(char *made, const char *wanted)
{
	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	CU_ASSERT_STRING_EQUAL(made, wanted);
	free(made);
}

static void stands_first(void)
{
	expect(preload_env_with(NULL, OURS), OURS);
	expect(preload_env_with("", OURS), OURS);
	expect(preload_env_with("libfoo.so", OURS), OURS ":libfoo.so");
	expect(preload_env_with("a.so  b.so:", OURS), OURS ":a.so:b.so");
}

static void stands_once(void)
{
	expect(preload_env_with(OURS, OURS), OURS);
	expect(preload_env_with("a.so:" OURS " b.so", OURS), OURS ":a.so:b.so");
	expect(preload_env_with("/opt/old/libturnout.so:a.so", OURS),
	       OURS ":a.so");
	expect(preload_env_with("libturnout.so", OURS), OURS);
}

static void goes_alone(void)
{
	expect(preload_env_without(NULL), "");
	expect(preload_env_without(OURS), "");
	expect(preload_env_without("a.so:" OURS ":b.so"), "a.so:b.so");
	expect(preload_env_without("notlibturnout.so"), "notlibturnout.so");
	expect(preload_env_without("libturnout.so.1"), "libturnout.so.1");
}

static CU_TestInfo tests[] = {
	{ "our library stands first", stands_first },
	{ "our library stands once", stands_once },
	{ "our library goes, others stay", goes_alone },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "preload_env", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)

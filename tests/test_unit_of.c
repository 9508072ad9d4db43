/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_unit_of.c - the unit that a process is of, by its cgroup */
#include <config.h>

#include "../tunneld/cli/unit_of.h"

#include "lib/unit.h"

#include <string.h>

static void is(const char *cgroup, const char *name, bool user)
{
	struct unit_of unit;

	CU_ASSERT_EQUAL(unit_of_cgroup(cgroup, &unit), name != NULL);
	if (name == NULL)
		return;
	CU_ASSERT_STRING_EQUAL(unit.name, name);
	CU_ASSERT_EQUAL(unit.user, user);
}

static void test_cgroup(void)
{
	char longer[700] = "0::/";

	is("0::/system.slice/tunneld.service\n", "tunneld.service", false);
	is("12:cpu:/x.service\n0::/system.slice/tunneld.service/sub\n",
	   "tunneld.service", false);
	is("0::/user.slice/user-1000.slice/user@1000.service/app.slice/"
	   "tunneld-user.service\n",
	   "tunneld-user.service", true);
	is("0::/user.slice/user-1000.slice/session-3.scope\n", NULL, false);
	is("0::/user.slice/user-1000.slice/user@1000.service/init.scope\n",
	   NULL, false);
	is("0::/.service\n", NULL, false);
	is("0::/\n", NULL, false);
	is("", NULL, false);
	is("9:name=systemd:/system.slice/a.service\n8:cpu:/b.service\n"
	   "0::/\n",
	   "a.service", false);
	is("8:cpu:/b.service\n", NULL, false);
	memset(longer + 4, 'a', 600);
	strcpy(longer + 604, ".service");
	is(longer, NULL, false);
}

/* Only where tunneld says that it logs there. */
static void test_status(void)
{
	struct unit_of unit;

	CU_ASSERT_FALSE(unit_of_status("pid 1\nlog stderr\n", &unit));
	CU_ASSERT_FALSE(unit_of_status("pid 1\nlog journalist\n", &unit));
	CU_ASSERT_FALSE(unit_of_status("log journal\n", &unit));
	CU_ASSERT_FALSE(unit_of_status("pid 999999999\nlog journal\n", &unit));
	CU_ASSERT_FALSE(unit_of_status("", &unit));
}

static CU_TestInfo tests[] = {
	{ "cgroups", test_cgroup },
	{ "what tunneld says", test_status },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "unit_of", .pTests = tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)

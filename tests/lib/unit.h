/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit.h - the main() of a CUnit test program
 *
 *	static CU_TestInfo tests[] = {
 *		{ "what is true", test_function },
 *		CU_TEST_INFO_NULL,
 *	};
 *	static CU_SuiteInfo suites[] = {
 *		{ .pName = "module", .pTests = tests },
 *		CU_SUITE_INFO_NULL,
 *	};
 *	UNIT_MAIN(suites)
 *
 * The program prints CUnit's summary and exits 0, 1 (a test failed) or 99
 * (the registry itself failed, or no test ran).
 */
#ifndef UNIT_H
#define UNIT_H

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

static inline int unit_run(CU_SuiteInfo *suites)
{
	unsigned int failed, run;

	if (CU_initialize_registry() != CUE_SUCCESS ||
	    CU_register_suites(suites) != CUE_SUCCESS)
		return 99;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	if (CU_basic_run_tests() != CUE_SUCCESS)
		return 99;
	failed = CU_get_number_of_failures() + CU_get_number_of_tests_failed() +
		 CU_get_number_of_suites_failed();
	run = CU_get_number_of_tests_run();
	CU_cleanup_registry();
	if (run == 0)
		return 99;
	return failed ? 1 : 0;
}

#define UNIT_MAIN(suites)                  \
	int main(void)                     \
	{                                  \
		return unit_run((suites)); \
	}

#endif

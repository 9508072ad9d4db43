/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_status_words.c - the state of tunneld as people read it, and documents
 * that are not what they should be
 */
#include <config.h>

#include "../tunneld/cli/status_words.h"

#include "../tunneld/cli/status_doc.h"
#include "../tunneld/cli/status_state.h"
#include "../tunneld/cli/status_view.h"
#include "lib/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char sample[] =
	"{\"schema\":\"turnout-status/1\",\"complete\":true,"
	"\"daemon\":{\"version\":\"1\",\"pid\":7,\"ready\":true},"
	"\"counters\":{\"allocations\":1},"
	"\"relays\":[{\"host\":\"relay.test\",\"port\":443,\"rtt_ms\":1.25,"
	"\"transport\":\"tls\",\"way\":\"proxy\",\"preferred\":true}],"
	"\"flows\":[{\"pid\":42,\"program\":\"/opt/a\\u001b[31m/app\","
	"\"app\":\"127.0.0.1:9\",\"age_ms\":5000,\"talks\":true,"
	"\"up\":{\"datagrams\":200,\"bytes\":2000000,\"dropped\":2},"
	"\"down\":{\"datagrams\":99,\"bytes\":10,\"dropped\":0,"
	"\"rtp\":{\"streams\":1,\"expected\":100,\"lost\":1}},"
	"\"uplinks\":[{\"state\":\"ready\",\"queue\":{\"p50_ms\":2,"
	"\"max_ms\":14,\"drops\":{\"audio\":{\"late\":2}}},"
	"\"path\":{\"relay\":\"r\",\"transport\":\"tls\",\"way\":\"proxy\","
	"\"rtt_ms\":12.34}}]}]}";

static void test_numbers(void)
{
	char out[16];
	json_t *ms = json_real(12.34);

	words_time(out, 119999);
	CU_ASSERT_STRING_EQUAL(out, "119 s");
	words_time(out, 120000);
	CU_ASSERT_STRING_EQUAL(out, "2 min");
	words_time(out, UINT64_MAX);
	CU_ASSERT_PTR_NOT_NULL(strstr(out, " d"));
	words_bytes(out, 999);
	CU_ASSERT_STRING_EQUAL(out, "999");
	words_bytes(out, 1250);
	CU_ASSERT_STRING_EQUAL(out, "1.2k");
	words_bytes(out, 34000000);
	CU_ASSERT_STRING_EQUAL(out, "34M");
	words_bytes(out, UINT64_MAX);
	CU_ASSERT_STRING_EQUAL(out, "18E");
	words_ms(out, ms);
	CU_ASSERT_STRING_EQUAL(out, "12.3");
	words_ms(out, NULL);
	CU_ASSERT_STRING_EQUAL(out, "-");
	json_decref(ms);
	CU_ASSERT_STRING_EQUAL(words_program("/usr/bin/app"), "app");
	CU_ASSERT_STRING_EQUAL(words_program("/"), "/");
	CU_ASSERT_STRING_EQUAL(words_program(NULL), "?");
}

static void test_flow(void)
{
	json_t *doc = status_parse(sample);
	json_t *flow = json_array_get(doc_at(doc, "flows"), 0);
	char out[16];

	CU_ASSERT_PTR_NOT_NULL_FATAL(flow);
	words_traffic(out, flow, NULL, "up.bytes", 0);
	CU_ASSERT_STRING_EQUAL(out, "2.0M");
	words_traffic(out, flow, NULL, "up.bytes", 1000);
	CU_ASSERT_STRING_EQUAL(out, "16M");
	words_loss_up(out, flow, NULL);
	CU_ASSERT_STRING_EQUAL(out, "1.0");
	words_loss_down(out, flow, NULL);
	CU_ASSERT_STRING_EQUAL(out, "1.0");
	words_loss_down(out, flow, flow); /* nothing since */
	CU_ASSERT_STRING_EQUAL(out, "-");
	json_decref(doc);
}

/* What both views print. */
static char *print(const json_t *doc, size_t columns, size_t rows)
{
	char *text = NULL;
	size_t len = 0;
	struct view v = { .to = open_memstream(&text, &len),
			  .columns = columns,
			  .rows = rows,
			  .before = doc };

	CU_ASSERT_PTR_NOT_NULL_FATAL(v.to);
	view_status(&v, doc);
	if (rows == 0)
		view_flows(&v, doc);
	fclose(v.to);
	return text;
}

static void test_views(void)
{
	json_t *doc = status_parse(sample);
	char *text = print(doc, 80, 0);
	size_t lines = 0;

	CU_ASSERT_PTR_NOT_NULL(strstr(text, "ready   tls/proxy r      12.3"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "relay.test:443 tls by proxy in"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "audio too late 2"));
	CU_ASSERT_PTR_NULL(strchr(text, '\033'));
	free(text);
	text = print(doc, 20, 5);
	for (char *line = strtok(text, "\n"); line != NULL;
	     line = strtok(NULL, "\n"), lines++)
		CU_ASSERT(strlen(line) <= 20);
	CU_ASSERT_EQUAL(lines, 5);
	free(text);
	json_decref(doc);
}

/* Another kind of value wherever one is looked for. */
static void test_nonsense(void)
{
	static const char *const documents[] = {
		"{\"schema\":\"turnout-status/1\"}",
		"{\"schema\":\"turnout-status/1\",\"flows\":7,\"apps\":\"\"}",
		"{\"schema\":\"turnout-status/1\",\"flows\":[1,null,[]],"
		"\"apps\":[{}],\"relays\":[{\"port\":\"x\",\"rtt_ms\":{}}],"
		"\"proxies\":[null],\"daemon\":[],\"tcp\":{\"failed_by\":1}}",
		"{\"schema\":\"turnout-status/"
		"1\",\"flows\":[{\"up\":{\"bytes\":"
		"-9223372036854775808},\"uplinks\":[[]]}]}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		json_t *doc = status_parse(documents[i]);

		CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
		free(print(doc, 80, 0));
		json_decref(doc);
	}
	CU_ASSERT_PTR_NULL(status_parse("{\"schema\":\"turnout-status/2\"}"));
	CU_ASSERT_PTR_NULL(status_parse("[]"));
	CU_ASSERT_PTR_NULL(status_parse("{"));
}

static void test_states(void)
{
	json_t *doc = status_parse(sample), *none;
	char words[STATUS_STATE_WORDS_MAX];
	enum status_state state;

	none = status_parse("{\"schema\":\"turnout-status/1\"}");
	for (int i = STATUS_STATE_LIVE; i < STATUS_NUM_STATES; i++) {
		CU_ASSERT(status_state_holds((enum status_state)i, doc, words));
		CU_ASSERT_EQUAL(words[0], '\0');
		CU_ASSERT_EQUAL(
			status_state_holds((enum status_state)i, none, words),
			i == STATUS_STATE_LIVE);
		CU_ASSERT_EQUAL(words[0] == '\0', i == STATUS_STATE_LIVE);
	}
	CU_ASSERT(status_state_parse("call", &state));
	CU_ASSERT_EQUAL(state, STATUS_STATE_CALL);
	CU_ASSERT_FALSE(status_state_parse("Call", &state));
	json_decref(doc);
	json_decref(none);
}

static CU_TestInfo tests[] = {
	{ "numbers", test_numbers },
	{ "a flow", test_flow },
	{ "screens", test_views },
	{ "what is no such document", test_nonsense },
	{ "how far it is", test_states },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "status_words", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)

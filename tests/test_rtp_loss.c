/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_rtp_loss.c - gaps in the sequence numbers of RTP streams */
#include <config.h>

#include "rtp_loss.h"

#include "buf.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static struct rtp_loss *loss;
static uint64_t now_ms;

static void begin(void)
{
	loss = calloc(1, sizeof(*loss));
	CU_ASSERT_PTR_NOT_NULL_FATAL(loss);
	now_ms = 1000;
}

static void note(uint32_t ssrc, uint16_t seq)
{
	uint8_t data[100] = { 0x80, 96 };

	be16_set(data + 2, seq);
	be32_set(data + 8, ssrc);
	rtp_loss_note(loss, data, sizeof(data), now_ms);
}

static struct rtp_loss_sum sum(void)
{
	struct rtp_loss_sum s;

	rtp_loss_sum(loss, now_ms, &s);
	return s;
}

static void test_gaps(void)
{
	begin();
	for (unsigned int i = 0; i < 1000; i++)
		if (i % 10 != 7)
			note(0x1234, (uint16_t)(65000 + i)); /* it wraps */
	CU_ASSERT_EQUAL(sum().expected, 1000);
	CU_ASSERT_EQUAL(sum().lost, 100);
	CU_ASSERT_EQUAL(sum().streams, 1);
	now_ms += 10000;
	CU_ASSERT_EQUAL(sum().streams, 0);
	CU_ASSERT_EQUAL(sum().lost, 100);
	free(loss);
}

/* Late ones are not lost, and what comes twice makes up for nothing else. */
static void test_disorder(void)
{
	begin();
	for (uint16_t i = 0; i < 100; i += 2) {
		note(7, (uint16_t)(i + 1));
		note(7, i);
	}
	/* 1 0 3 2 …: none is in order at first */
	CU_ASSERT_EQUAL(sum().lost, 0);
	for (uint16_t i = 100; i < 200; i++) {
		note(8, i);
		note(8, i);
	}
	CU_ASSERT_EQUAL(sum().lost, 0);
	free(loss);
}

/* Two streams with different loss; one begins anew. */
static void test_streams(void)
{
	begin();
	for (uint16_t i = 0; i < 100; i++) {
		note(1, i);
		if (i % 2 == 0 || i < 2)
			note(2, (uint16_t)(i + 500));
	}
	CU_ASSERT_EQUAL(sum().streams, 2);
	CU_ASSERT_EQUAL(sum().expected, 100 + 99);
	CU_ASSERT_EQUAL(sum().lost, 48);
	for (uint16_t i = 0; i < 10; i++)
		note(1, (uint16_t)(i + 40000));
	CU_ASSERT_EQUAL(sum().lost, 48);
	free(loss);
}

/* What only looks like RTP, and what does not. */
static void test_noise(void)
{
	uint32_t dice = 1;
	uint8_t data[40];

	begin();
	for (int i = 0; i < 10000; i++) {
		for (size_t k = 0; k < sizeof(data); k++) {
			dice = dice * 1664525u + 1013904223u;
			data[k] = (uint8_t)(dice >> 24);
		}
		rtp_loss_note(loss, data, (size_t)(i % 41),
			      now_ms + (uint64_t)i);
	}
	CU_ASSERT_EQUAL(sum().expected, 0);
	memset(data, 0, sizeof(data));
	data[0] = 0x80;
	data[1] = 200; /* RTCP */
	for (int i = 0; i < 100; i++)
		rtp_loss_note(loss, data, sizeof(data), now_ms);
	rtp_loss_note(loss, data, 0, now_ms);
	CU_ASSERT_EQUAL(sum().expected, 0);
	free(loss);
}

/* More than there is room for: sums stay, and nothing is made up. */
static void test_crowd(void)
{
	begin();
	for (uint16_t i = 0; i < 20; i++)
		for (uint32_t ssrc = 1; ssrc <= 1000; ssrc++)
			note(ssrc * 2654435761u, i);
	CU_ASSERT_EQUAL(sum().lost, 0);
	CU_ASSERT(sum().streams <= RTP_LOSS_STREAMS);
	free(loss);
}

static CU_TestInfo tests[] = {
	{ "gaps are losses", test_gaps },
	{ "late and twice", test_disorder },
	{ "several streams", test_streams },
	{ "what is not RTP", test_noise },
	{ "too many streams", test_crowd },
	CU_TEST_INFO_NULL,
};
static CU_SuiteInfo suites[] = {
	{ .pName = "rtp_loss", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)

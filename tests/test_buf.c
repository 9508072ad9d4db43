/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_buf.c - bounded writes and consume-or-fail reads */
#include <config.h>

#include "../tunneld/buf.h"

#include "lib/unit.h"

#include <string.h>

static void test_write(void)
{
	static const uint8_t want[] = { 1, 2, 3, 4, 5, 6, 7, 'a', 'b', 0, 0 };
	uint8_t out[16];
	struct buf b;

	buf_init(&b, out, sizeof(out));
	buf_put_u8(&b, 1);
	buf_put_u16(&b, 0x0203);
	buf_put_u32(&b, 0x04050607);
	buf_put(&b, "ab", 2);
	buf_put_zero(&b, 2);
	CU_ASSERT_FALSE(b.failed);
	CU_ASSERT_EQUAL(b.len, sizeof(want));
	CU_ASSERT_EQUAL(memcmp(out, want, sizeof(want)), 0);
	buf_set_u16(&b, 9, 0xfffe);
	CU_ASSERT_EQUAL(out[9], 0xff);
	CU_ASSERT_EQUAL(out[10], 0xfe);
	CU_ASSERT_FALSE(b.failed);
}

/* The first write that does not fit is the last. */
static void test_write_bounds(void)
{
	uint8_t out[8];
	struct buf b;

	memset(out, 0xaa, sizeof(out));
	buf_init(&b, out, 5);
	buf_put_u32(&b, 0);
	buf_put_u16(&b, 0x1111);
	CU_ASSERT_TRUE(b.failed);
	CU_ASSERT_EQUAL(b.len, 4);
	buf_put_u8(&b, 0x22); /* would fit */
	CU_ASSERT_EQUAL(b.len, 4);
	CU_ASSERT_EQUAL(out[4], 0xaa);
	CU_ASSERT_PTR_NULL(buf_reserve(&b, 1));

	buf_init(&b, out, 5);
	CU_ASSERT_PTR_NULL(buf_reserve(&b, SIZE_MAX));
	CU_ASSERT_TRUE(b.failed);
	buf_init(&b, out, 5);
	CU_ASSERT_PTR_EQUAL(buf_reserve(&b, 5), out);
	CU_ASSERT_FALSE(b.failed);
	buf_put(&b, NULL, 0);
	buf_put_zero(&b, 0);
	CU_ASSERT_FALSE(b.failed);

	/* only what has been written can be overwritten */
	buf_init(&b, out, 5);
	buf_set_u16(&b, 0, 1);
	CU_ASSERT_TRUE(b.failed);
	buf_init(&b, out, 5);
	buf_put_u16(&b, 0);
	buf_set_u16(&b, 1, 1);
	CU_ASSERT_TRUE(b.failed);
}

static void test_read(void)
{
	static const uint8_t in[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	struct buf_reader r;
	const uint8_t *view;
	uint8_t u8, two[2];
	uint16_t u16;
	uint32_t u32;

	buf_reader_init(&r, in, sizeof(in));
	CU_ASSERT_TRUE(buf_get_u8(&r, &u8));
	CU_ASSERT_EQUAL(u8, 1);
	CU_ASSERT_TRUE(buf_get_u16(&r, &u16));
	CU_ASSERT_EQUAL(u16, 0x0203);
	CU_ASSERT_TRUE(buf_get_u32(&r, &u32));
	CU_ASSERT_EQUAL(u32, 0x04050607);
	CU_ASSERT_TRUE(buf_take(&r, 1, &view));
	CU_ASSERT_PTR_EQUAL(view, in + 7);
	/* one byte left: what wants more fails and takes nothing */
	CU_ASSERT_FALSE(buf_get(&r, two, 2));
	CU_ASSERT_FALSE(buf_get_u16(&r, &u16));
	CU_ASSERT_FALSE(buf_get_u32(&r, &u32));
	CU_ASSERT_FALSE(buf_take(&r, SIZE_MAX, &view));
	CU_ASSERT_EQUAL(r.left, 1);
	CU_ASSERT_TRUE(buf_get(&r, two, 1));
	CU_ASSERT_EQUAL(two[0], 9);
	CU_ASSERT_FALSE(buf_get_u8(&r, &u8));

	buf_reader_init(&r, NULL, 0);
	CU_ASSERT_TRUE(buf_take(&r, 0, &view));
	CU_ASSERT_TRUE(buf_get(&r, two, 0));
	CU_ASSERT_FALSE(buf_get_u8(&r, &u8));
}

static void test_order(void)
{
	uint8_t p[4];

	be32_set(p, 0xfedcba98);
	CU_ASSERT_EQUAL(p[0], 0xfe);
	CU_ASSERT_EQUAL(p[3], 0x98);
	CU_ASSERT_EQUAL(be32_get(p), 0xfedcba98);
	CU_ASSERT_EQUAL(be16_get(p + 1), 0xdcba);
	be16_set(p, 0x8001);
	CU_ASSERT_EQUAL(be16_get(p), 0x8001);
}

static CU_TestInfo tests[] = {
	{ "writes in network order", test_write },
	{ "nothing is written past the end", test_write_bounds },
	{ "reads consume or fail", test_read },
	{ "byte order", test_order },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "buf", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)

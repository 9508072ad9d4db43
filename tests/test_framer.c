/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_framer.c - streams cut into frames, however they arrive */
#include <config.h>

#include "../tunneld/framer.h"

#include "lib/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void feed(struct framer *f, const void *data, size_t len)
{
	uint8_t *space;
	size_t room;

	space = framer_space(f, &room);
	CU_ASSERT_FATAL(room >= 16384 && room >= len);
	memcpy(space, data, len);
	framer_commit(f, len);
}

/* STUN, ChannelData with 3, 0 and 1 bytes of padding, an empty one, STUN with
 * an attribute. */
static const uint8_t stream[] = "\0\1\0\0\x21\x12\xa4\x42"
				"idididididid"
				"\x40\0\0\1a___"
				"\x4f\xff\0\4abcd"
				"\x40\1\0\7abcdefg_"
				"\x40\0\0\0"
				"\1\1\0\4\x21\x12\xa4\x42"
				"idididididid"
				"\0\0\0\0";
static const struct {
	size_t at;
	int len;
} frames[] = { { 0, 20 },  { 20, 5 }, { 28, 8 },
	       { 36, 11 }, { 48, 4 }, { 52, 24 } };
#define STREAM_LEN (sizeof(stream) - 1)

static size_t take_all(struct framer *f, size_t n)
{
	const uint8_t *frame;
	int len;

	while ((len = framer_next(f, &frame)) > 0) {
		CU_ASSERT_FATAL(n < ARRAY_SIZE(frames));
		CU_ASSERT_EQUAL(len, frames[n].len);
		CU_ASSERT_EQUAL(
			memcmp(frame, stream + frames[n].at, (size_t)len), 0);
		n++;
	}
	CU_ASSERT_EQUAL(len, 0);
	return n;
}

static void test_whole(void)
{
	struct framer f;

	CU_ASSERT_EQUAL_FATAL(framer_init(&f), 0);
	feed(&f, stream, STREAM_LEN);
	CU_ASSERT_EQUAL(take_all(&f, 0), ARRAY_SIZE(frames));
	framer_fini(&f);
	framer_fini(&f);
}

/* Every size of piece; late padding is never taken for a header. */
static void test_pieces(void)
{
	for (size_t piece = 1; piece < STREAM_LEN; piece++) {
		struct framer f;
		size_t n = 0;

		CU_ASSERT_EQUAL_FATAL(framer_init(&f), 0);
		for (size_t at = 0; at < STREAM_LEN; at += piece) {
			size_t left = STREAM_LEN - at;

			feed(&f, stream + at, left < piece ? left : piece);
			n = take_all(&f, n);
		}
		CU_ASSERT_EQUAL(n, ARRAY_SIZE(frames));
		framer_fini(&f);
	}
}

/* A frame is given without its padding, which is no header when it comes
 * late. */
static void test_late_padding(void)
{
	const uint8_t *frame;
	struct framer f;

	CU_ASSERT_EQUAL_FATAL(framer_init(&f), 0);
	for (int i = 0; i < 3; i++) {
		feed(&f, "\x40\0\0\1a", 5);
		CU_ASSERT_EQUAL(framer_next(&f, &frame), 5);
		CU_ASSERT_EQUAL(framer_next(&f, &frame), 0);
		feed(&f, "\0\0", 2);
		CU_ASSERT_EQUAL(framer_next(&f, &frame), 0);
		feed(&f, "\0\x40", 2);
		CU_ASSERT_EQUAL(framer_next(&f, &frame), 0);
		feed(&f, "\1\0\0", 3);
		CU_ASSERT_EQUAL(framer_next(&f, &frame), 4);
	}
	framer_fini(&f);
}

/* Frames, one behind the other, each with its length. */
struct frame {
	size_t len;
	const char *bytes;
};

#define BINDING_ANSWER                         \
	{                                      \
		20, "\1\1\0\0\x21\x12\xa4\x42" \
		    "idididididid"             \
	}

/* Streams without padding: what stands behind a frame of odd length. */
static const struct frame unpadded[][4] = {
	{ { 5, "\x40\0\0\1a" }, { 5, "\x40\0\0\1b" }, { 6, "\x40\1\0\2cd" } },
	{ { 5, "\x40\0\0\1a" }, { 7, "\x40\5\0\3bcd" }, { 4, "\x40\0\0\0" } },
	{ { 7, "\x40\0\0\3abc" }, BINDING_ANSWER, { 5, "\x40\0\0\1b" } },
	{ { 6, "\x40\0\0\2ab" }, { 5, "\x40\0\0\1c" }, BINDING_ANSWER },
	/* where padding would end, a header seems to begin: 0x4100, and 0x4000
	 * with a length of 0x0101 */
	{ { 5, "\x40\0\0\1a" },
	  { 4 + 0x41, "\x40\0\0\x41\x00\x01.............................."
		      "................................." },
	  BINDING_ANSWER },
	{ { 5, "\x40\x41\0\1a" },
	  { 7, "\x40\x41\0\3bcd" },
	  { 5, "\x40\x41\0\1e" } },
	/* the payload is a STUN message, as most first ones are */
	{ { 4 + 21, "\x40\0\0\x15\1\1\0\0\x21\x12\xa4\x42ididididididx" },
	  { 4 + 21, "\x40\0\0\x15\1\1\0\0\x21\x12\xa4\x42ididididididy" },
	  BINDING_ANSWER },
};

static void expect_frames(const struct frame *want, size_t pad, size_t piece,
			  enum framer_padding padding)
{
	uint8_t bytes[512] = { 0 };
	const uint8_t *frame;
	struct framer f;
	size_t len = 0, n = 0;
	int r;

	for (size_t i = 0; i < 3; i++) {
		memcpy(bytes + len, want[i].bytes, want[i].len);
		len += want[i].len + (-want[i].len & pad);
	}
	CU_ASSERT_EQUAL_FATAL(framer_init(&f), 0);
	for (size_t at = 0; at < len; at += piece) {
		feed(&f, bytes + at, len - at < piece ? len - at : piece);
		while ((r = framer_next(&f, &frame)) > 0) {
			CU_ASSERT_FATAL(n < 3);
			CU_ASSERT_EQUAL(r, (int)want[n].len);
			CU_ASSERT_EQUAL(
				memcmp(frame, want[n].bytes, want[n].len), 0);
			n++;
		}
		CU_ASSERT_EQUAL(r, 0);
	}
	CU_ASSERT_EQUAL(n, 3);
	CU_ASSERT_EQUAL(f.padding, padding);
	framer_fini(&f);
}

/* The same frames with padding and without, in all pieces. */
static void test_unpadded(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(unpadded); i++) {
		for (size_t piece = 1; piece < 120; piece++) {
			expect_frames(unpadded[i], 0, piece,
				      FRAMER_PADDING_LEFT_OUT);
			expect_frames(unpadded[i], 3, piece,
				      FRAMER_PADDING_GIVEN);
		}
	}
}

/* Once it is known that none comes, nothing is waited for: the second of two
 * odd frames needs no byte behind it. And what is known is not forgotten. */
static void test_unpadded_for_good(void)
{
	const uint8_t *frame;
	struct framer f;

	CU_ASSERT_EQUAL_FATAL(framer_init(&f), 0);
	feed(&f, "\x40\0\0\1a\x40\0\0\1b", 10);
	CU_ASSERT_EQUAL(framer_next(&f, &frame), 5);
	CU_ASSERT_EQUAL(framer_next(&f, &frame), 5);
	CU_ASSERT_EQUAL(frame[4], 'b');
	CU_ASSERT_EQUAL(framer_next(&f, &frame), 0);
	/* nor is anything skipped: this would be padding and a frame */
	feed(&f, "\0\1\0\0", 4);
	CU_ASSERT_EQUAL(framer_next(&f, &frame), 0);
	feed(&f, "\x40\0\0\0", 4);
	CU_ASSERT_EQUAL(framer_next(&f, &frame), -EBADMSG);
	framer_fini(&f);

	/* and the other way round: rubbish as padding, later than the first */
	CU_ASSERT_EQUAL_FATAL(framer_init(&f), 0);
	feed(&f, "\x40\0\0\1a\0\0\0\x40\0\0\1b\x40\0\0\x40\0\0\1c___", 24);
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(framer_next(&f, &frame), 5);
		CU_ASSERT_EQUAL(frame[4], 'a' + i);
	}
	framer_fini(&f);
}

static void expect_first(const char *bytes, size_t len, int want)
{
	const uint8_t *frame;
	struct framer f;

	CU_ASSERT_EQUAL_FATAL(framer_init(&f), 0);
	feed(&f, bytes, len);
	CU_ASSERT_EQUAL(framer_next(&f, &frame), want);
	framer_fini(&f);
}

static void test_lost_streams(void)
{
	expect_first("HTTP", 4, 0); /* could be channel 0x4854 */
	expect_first("HTTP/1.1 400", 12, -EBADMSG);
	expect_first("\x50\0\0\0", 4, -EBADMSG);
	expect_first("\x7f\xff\0\0", 4, -EBADMSG);
	expect_first("\x80\0\0\0", 4, -EBADMSG);
	expect_first("\xff\xff\xff\xff", 4, -EBADMSG);
	expect_first("\0\1\0\3", 4, -EBADMSG);
	expect_first("\0\1\0\4", 4, 0);
	expect_first("\0\1\0\4\x21\x12\xa4", 7, 0);
	expect_first("\0\1\0\4\x21\x12\xa4\x43", 8, -EBADMSG);
	expect_first("", 0, 0);
}

/* Only where nothing came before: a channel has that number then. */
static void test_http(void)
{
	const uint8_t *frame;
	struct framer f;

	CU_ASSERT_EQUAL_FATAL(framer_init(&f), 0);
	feed(&f, "HTTP", 4);
	CU_ASSERT_FALSE(framer_met_http(&f));
	CU_ASSERT_EQUAL(framer_next(&f, &frame), 0);
	feed(&f, "/", 1);
	CU_ASSERT_EQUAL(framer_next(&f, &frame), -EBADMSG);
	CU_ASSERT_TRUE(framer_met_http(&f));
	framer_fini(&f);
	CU_ASSERT_EQUAL_FATAL(framer_init(&f), 0);
	feed(&f, "\x40\x01\0\4abcdHTTP/", 13);
	CU_ASSERT_EQUAL(framer_next(&f, &frame), 8);
	CU_ASSERT_EQUAL(framer_next(&f, &frame), 0);
	CU_ASSERT_FALSE(framer_met_http(&f));
	framer_fini(&f);
}

/* The longest frames, many times over: the memory never runs out. */
static void test_longest(void)
{
	static const struct {
		uint8_t head[20];
		size_t head_len, len;
	} kinds[] = {
		{ { 0x40, 0, 0xff, 0xff }, 4, 65540 },
		{ { 0, 0x17, 0xff, 0xfc, 0x21, 0x12, 0xa4, 0x42 }, 20, 65552 },
	};
	const uint8_t *frame;
	struct framer f;
	uint8_t *space;
	size_t room, n;
	int r;

	CU_ASSERT_EQUAL_FATAL(framer_init(&f), 0);
	for (int i = 0; i < 20; i++) {
		size_t left = kinds[i % 2].len;

		feed(&f, kinds[i % 2].head, kinds[i % 2].head_len);
		left -= kinds[i % 2].head_len;
		while (left > 0) {
			CU_ASSERT_EQUAL(framer_next(&f, &frame), 0);
			space = framer_space(&f, &room);
			CU_ASSERT_FATAL(room >= 16384);
			n = left < 9000 ? left : 9000;
			memset(space, i, n);
			framer_commit(&f, n);
			left -= n;
		}
		r = framer_next(&f, &frame);
		CU_ASSERT_EQUAL(r, i % 2 == 0 ? 65539 : 65552);
		CU_ASSERT_EQUAL(frame[r - 1], i);
		CU_ASSERT_EQUAL(framer_next(&f, &frame), 0);
	}
	framer_fini(&f);
}

static CU_TestInfo tests[] = {
	{ "several frames in one read", test_whole },
	{ "the same in pieces of every size", test_pieces },
	{ "no frame waits for its padding", test_late_padding },
	{ "streams without padding", test_unpadded },
	{ "once unpadded, always unpadded", test_unpadded_for_good },
	{ "streams that are lost", test_lost_streams },
	{ "HTTP instead of TURN", test_http },
	{ "the longest frames", test_longest },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "framer", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)

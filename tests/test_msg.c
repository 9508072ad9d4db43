/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_msg.c - iovecs and control messages around our header
 */
#include <config.h>

#include "../preload/msg.h"

#include "lib/unit.h"

#include <turnout/wire.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>
#include <netinet/udp.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define SPACES_MAX 256

static void test_bytes(void)
{
	char c[8];
	struct iovec iov[] = { { c, 3 }, { NULL, 0 }, { c, 5 } };
	struct iovec huge[] = { { c, SIZE_MAX - 1 }, { c, 2 } };

	CU_ASSERT_EQUAL(msg_bytes(iov, 3), 8);
	CU_ASSERT_EQUAL(msg_bytes(NULL, 0), 0);
	CU_ASSERT_EQUAL(msg_bytes(huge, 2), SIZE_MAX);
}

/* Read `bytes` into [header][iov] as the kernel does, close the gap, and see
 * that the iovecs hold the beginning and nothing was written behind it. Each
 * buffer is its own allocation, so that the sanitizer sees each end. */
static void check_gap(const size_t *sizes, size_t count, size_t bytes)
{
	unsigned char wire[SPACES_MAX], header[WIRE_HEADER_BYTES];
	struct iovec iov[4];
	size_t at, room = 0, wrong = 0;

	for (size_t i = 0; i < sizeof(wire); i++)
		wire[i] = (unsigned char)(i + 1);
	memset(header, 0, sizeof(header));
	memcpy(header, wire, bytes < sizeof(header) ? bytes : sizeof(header));
	at = sizeof(header);
	for (size_t i = 0; i < count; i++) {
		iov[i].iov_base = sizes[i] > 0 ? malloc(sizes[i]) : NULL;
		iov[i].iov_len = sizes[i];
		for (size_t k = 0; k < sizes[i]; k++, at++)
			((unsigned char *)iov[i].iov_base)[k] =
				at < bytes ? wire[at] : 0xee;
		room += sizes[i];
	}
	msg_close_gap(header, iov, count, bytes);
	at = 0;
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < sizes[i]; k++, at++) {
			unsigned char c = ((unsigned char *)iov[i].iov_base)[k];

			if (at < bytes && c != wire[at])
				wrong++;
			if (at >= bytes + WIRE_HEADER_BYTES && c != 0xee)
				wrong++;
		}
		free(iov[i].iov_base);
	}
	CU_ASSERT_EQUAL(at, room);
	CU_ASSERT_EQUAL(wrong, 0);
}

static void test_close_gap_one(void)
{
	for (size_t size = 0; size <= 100; size++)
		for (size_t bytes = 0; bytes <= 140; bytes++)
			check_gap(&size, 1, bytes);
}

static void test_close_gap_scattered(void)
{
	static const size_t sizes[][4] = {
		{ 1, 1, 1, 1 },    { 28, 28, 28, 28 }, { 5, 0, 40, 3 },
		{ 0, 0, 0, 60 },   { 27, 1, 29, 2 },   { 10, 10, 10, 10 },
		{ 60, 0, 0, 1 },   { 3, 50, 1, 30 },   { 29, 27, 0, 1 },
		{ 14, 14, 14, 1 },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t bytes = 0; bytes <= 160; bytes++)
			check_gap(sizes[i], 4, bytes);
	check_gap(NULL, 0, 50);
}

static void test_slice(void)
{
	char data[10];
	struct iovec iov[] = { { data, 4 }, { NULL, 0 }, { data + 4, 6 } };
	struct iovec out[4];
	struct msg_cursor at = { .iov = iov, .count = 3 };

	CU_ASSERT_EQUAL(msg_slice(&at, 3, out, 4), 1);
	CU_ASSERT_PTR_EQUAL(out[0].iov_base, data);
	CU_ASSERT_EQUAL(out[0].iov_len, 3);
	CU_ASSERT_EQUAL(msg_slice(&at, 3, out, 1), 0); /* needs two */
	CU_ASSERT_EQUAL(msg_slice(&at, 3, out, 4), 2);
	CU_ASSERT_PTR_EQUAL(out[0].iov_base, data + 3);
	CU_ASSERT_EQUAL(out[0].iov_len, 1);
	CU_ASSERT_PTR_EQUAL(out[1].iov_base, data + 4);
	CU_ASSERT_EQUAL(out[1].iov_len, 2);
	CU_ASSERT_EQUAL(msg_slice(&at, 0, out, 4), 1);
	CU_ASSERT_EQUAL(out[0].iov_len, 0);
	CU_ASSERT_EQUAL(msg_slice(&at, 4, out, 1), 1);
	CU_ASSERT_PTR_EQUAL(out[0].iov_base, data + 6);
	CU_ASSERT_EQUAL(msg_slice(&at, 1, out, 4), 0);
	CU_ASSERT_EQUAL(msg_slice(&at, 0, out, 0), 0);
}

union control {
	struct cmsghdr align;
	char bytes[SPACES_MAX];
};

static void put(struct msghdr *msg, int level, int type, const void *data,
		size_t len)
{
	struct cmsghdr header = { .cmsg_len = CMSG_LEN(len),
				  .cmsg_level = level,
				  .cmsg_type = type };
	char *at = (char *)msg->msg_control + msg->msg_controllen;

	memset(at, 0, CMSG_SPACE(len));
	memcpy(at, &header, sizeof(header));
	memcpy(at + CMSG_LEN(0), data, len);
	msg->msg_controllen += CMSG_SPACE(len);
}

static struct cmsghdr *find(struct msghdr *msg, int level, int type)
{
	struct cmsghdr *c;

	if (msg->msg_control == NULL)
		return NULL;
	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == level && c->cmsg_type == type)
			return c;
	return NULL;
}

static void test_segment_bytes(void)
{
	union control control;
	struct msghdr msg = { .msg_control = &control };
	uint16_t size = 1200;
	int tos = 8;

	CU_ASSERT_EQUAL(msg_segment_bytes(&msg, 7), 7);
	put(&msg, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	CU_ASSERT_EQUAL(msg_segment_bytes(&msg, 7), 7);
	put(&msg, SOL_UDP, UDP_SEGMENT, &size, sizeof(size));
	CU_ASSERT_EQUAL(msg_segment_bytes(&msg, 7), 1200);
	/* too short for its type: the kernel's business */
	msg.msg_controllen = 0;
	put(&msg, SOL_UDP, UDP_SEGMENT, &size, 1);
	CU_ASSERT_EQUAL(msg_segment_bytes(&msg, 0), 0);
}

static void test_control_untouched(void)
{
	union control control, buf;
	struct msghdr app = { .msg_control = &control }, out = { 0 };
	struct msg_edit edit = { .flow_family = 4 };
	int tos = 8;

	CU_ASSERT_EQUAL(msg_edit_control(&out, &app, &edit, &buf, sizeof(buf)),
			0);
	CU_ASSERT_EQUAL(out.msg_controllen, 0);
	put(&app, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	CU_ASSERT_EQUAL(msg_edit_control(&out, &app, &edit, &buf, sizeof(buf)),
			0);
	CU_ASSERT_PTR_EQUAL(out.msg_control, &control);
	CU_ASSERT_EQUAL(out.msg_controllen, app.msg_controllen);
}

static void test_control_dropped(void)
{
	union control control, buf;
	struct msghdr app = { .msg_control = &control }, out = { 0 };
	struct msg_edit edit = { .flow_family = 4 };
	struct in_pktinfo info = { .ipi_ifindex = 5 };
	struct in6_pktinfo info6 = { .ipi6_ifindex = 5 };
	uint16_t size = 1200;
	int tos = 8;

	put(&app, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	CU_ASSERT_EQUAL(msg_edit_control(&out, &app, &edit, &buf, sizeof(buf)),
			0);
	CU_ASSERT_EQUAL(out.msg_controllen, 0);
	CU_ASSERT_PTR_NULL(out.msg_control);
	put(&app, SOL_UDP, UDP_SEGMENT, &size, sizeof(size));
	put(&app, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	put(&app, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	CU_ASSERT_EQUAL(msg_edit_control(&out, &app, &edit, &buf, sizeof(buf)),
			0);
	CU_ASSERT_EQUAL(out.msg_controllen, CMSG_SPACE(sizeof(tos)));
	CU_ASSERT_PTR_NOT_NULL(find(&out, IPPROTO_IP, IP_TOS));
}

static void test_control_added(void)
{
	union control control, buf;
	struct msghdr app = { .msg_control = &control }, out = { 0 };
	struct msg_edit edit = {
		.pin = true,
		.source = { .family = ENDPOINT_IPV4, .ip = { 10, 9, 8, 7 } },
		.flow_family = 4,
		.set_segment = true,
		.segment_bytes = 1228,
	};
	struct in_pktinfo info = { .ipi_ifindex = 5 };
	struct in6_pktinfo info6;
	struct cmsghdr *c;
	uint16_t size = 1200;

	put(&app, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	put(&app, SOL_UDP, UDP_SEGMENT, &size, sizeof(size));
	CU_ASSERT_EQUAL(msg_edit_control(&out, &app, &edit, &buf, sizeof(buf)),
			0);
	c = find(&out, IPPROTO_IP, IP_PKTINFO);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	CU_ASSERT_EQUAL(info.ipi_ifindex, 1);
	CU_ASSERT_EQUAL(memcmp(&info.ipi_spec_dst, edit.source.ip, 4), 0);
	CU_ASSERT_EQUAL(msg_segment_bytes(&out, 0), 1228);
	/* IPv6, from any address */
	edit.flow_family = 6;
	edit.source = (struct endpoint){ 0 };
	CU_ASSERT_EQUAL(msg_edit_control(&out, &app, &edit, &buf, sizeof(buf)),
			0);
	CU_ASSERT_PTR_NULL(find(&out, IPPROTO_IP, IP_PKTINFO));
	c = find(&out, IPPROTO_IPV6, IPV6_PKTINFO);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	memcpy(&info6, CMSG_DATA(c), sizeof(info6));
	CU_ASSERT_EQUAL(info6.ipi6_ifindex, 1);
	CU_ASSERT_TRUE(IN6_IS_ADDR_UNSPECIFIED(&info6.ipi6_addr));
}

static void test_control_no_room(void)
{
	union control control, buf;
	struct msghdr app = { .msg_control = &control }, out = { 0 };
	struct msg_edit edit = { .pin = true, .flow_family = 4 };
	char blob[100] = "";

	put(&app, IPPROTO_IP, IP_RETOPTS, blob, sizeof(blob));
	for (size_t size = 0;
	     size <
	     CMSG_SPACE(sizeof(blob)) + CMSG_SPACE(sizeof(struct in_pktinfo));
	     size++) {
		char *exact = malloc(size + 1);

		CU_ASSERT_EQUAL(
			msg_edit_control(&out, &app, &edit, exact, size),
			-ENOBUFS);
		free(exact);
	}
	CU_ASSERT_EQUAL(msg_edit_control(&out, &app, &edit, &buf, sizeof(buf)),
			0);
}

/* Lengths that lie end the walk, and nothing behind the buffer is read. */
static void test_control_hostile(void)
{
	struct msg_edit edit = { .pin = true, .flow_family = 4 };
	static const size_t lies[] = { 0, 1, 15, 17, 4096, SIZE_MAX };
	struct cmsghdr *c = malloc(CMSG_SPACE(4));
	struct msghdr app = { .msg_control = c }, out = { 0 };
	union control buf;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		memset(c, 0, CMSG_SPACE(4));
		c->cmsg_len = lies[i];
		c->cmsg_level = SOL_UDP;
		c->cmsg_type = UDP_SEGMENT;
		for (size_t len = 0; len <= CMSG_SPACE(4); len++) {
			app.msg_controllen = len;
			CU_ASSERT_EQUAL(msg_segment_bytes(&app, 9), 9);
			CU_ASSERT_EQUAL(msg_edit_control(&out, &app, &edit,
							 &buf, sizeof(buf)),
					0);
		}
	}
	free(c);
}

static void test_name(void)
{
	char name[8] = "xxxxxxx";
	socklen_t len = 3;

	msg_put_name(name, &len, "abcdef", 6);
	CU_ASSERT_EQUAL(len, 6);
	CU_ASSERT_EQUAL(memcmp(name, "abcxxxx", 7), 0);
	len = 0;
	msg_put_name(name, &len, "zzzzzz", 6);
	CU_ASSERT_EQUAL(len, 6);
	CU_ASSERT_EQUAL(name[0], 'a');
	len = sizeof(name);
	msg_put_name(name, &len, "123456", 6);
	CU_ASSERT_EQUAL(memcmp(name, "123456x", 7), 0);
	msg_put_name(NULL, NULL, "abc", 3);
}

static CU_TestInfo gap_tests[] = {
	{ "sum of lengths", test_bytes },
	{ "gap closed in one buffer", test_close_gap_one },
	{ "gap closed in scattered buffers", test_close_gap_scattered },
	{ "slices", test_slice },
	{ "names are cut", test_name },
	CU_TEST_INFO_NULL,
};

static CU_TestInfo control_tests[] = {
	{ "segment size", test_segment_bytes },
	{ "nothing to change", test_control_untouched },
	{ "the app's own are dropped", test_control_dropped },
	{ "ours are added", test_control_added },
	{ "no room", test_control_no_room },
	{ "lengths that lie", test_control_hostile },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "msg: payload", .pTests = gap_tests },
	{ .pName = "msg: control", .pTests = control_tests },
	CU_SUITE_INFO_NULL,
};

UNIT_MAIN(suites)

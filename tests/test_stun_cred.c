/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_stun_cred.c - what a challenge makes of a user and a password
 *
 * Linked with --wrap=malloc, calloc and strdup, for the test in which each
 * allocation fails once.
 */
#include <config.h>

#include "../tunneld/stun_cred.h"

#include "../tunneld/buf.h"
#include "../tunneld/stun_msg.h"
#include "lib/rfc5769.h"
#include "lib/rfc8489.h"
#include "lib/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool armed, struck;
static unsigned int countdown; /* allocations that still succeed */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
char *__wrap_strdup(const char *s);

static bool strike(void)
{
	if (!armed || struck || countdown-- > 0)
		return false;
	struck = true;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return strike() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return strike() ? NULL : __real_calloc(n, size);
}

char *__wrap_strdup(const char *s)
{
	return strike() ? NULL : __real_strdup(s);
}

/* A PASSWORD-ALGORITHMS attribute's value. */
struct list {
	const char *bytes;
	size_t len;
};
#define LIST(s)                                    \
	&(const struct list)                       \
	{                                          \
		.bytes = (s), .len = sizeof(s) - 1 \
	}
#define MD5      "\0\1\0\0"
#define SHA256   "\0\2\0\0"
#define NEWER    "\0\x42\0\3abc\0" /* with parameters, and their padding */
#define SHA256_P "\0\2\0\4none"

static uint8_t bytes[4096];

/* Either of the three may be NULL. */
static struct stun_msg challenge(const char *realm, const char *nonce,
				 const struct list *algorithms)
{
	struct stun_build b;
	struct stun_msg m;
	struct buf buf;

	buf_init(&buf, bytes, sizeof(bytes));
	stun_build_begin(&b, &buf, STUN_CLASS_ERROR, STUN_METHOD_ALLOCATE,
			 rfc8489_id);
	if (realm != NULL)
		stun_build_bytes(&b, STUN_ATTR_REALM, realm, strlen(realm));
	if (nonce != NULL)
		stun_build_bytes(&b, STUN_ATTR_NONCE, nonce, strlen(nonce));
	if (algorithms != NULL)
		stun_build_bytes(&b, STUN_ATTR_PASSWORD_ALGORITHMS,
				 algorithms->bytes, algorithms->len);
	CU_ASSERT_FALSE_FATAL(buf.failed);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, bytes, buf.len), 0);
	return m;
}

static int take(struct stun_cred *c, const char *realm, const char *nonce,
		const struct list *algorithms)
{
	struct stun_msg m = challenge(realm, nonce, algorithms);

	return stun_cred_challenge(c, &m);
}

/* The request that these credentials sign. */
static struct stun_msg request(const struct stun_cred *c)
{
	static uint8_t out[4096];
	struct stun_build b;
	struct stun_msg m;
	struct buf buf;

	buf_init(&buf, out, sizeof(out));
	stun_build_begin(&b, &buf, STUN_CLASS_REQUEST, STUN_METHOD_BINDING,
			 rfc8489_id);
	stun_cred_sign(c, &b);
	CU_ASSERT_FALSE_FATAL(buf.failed);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, out, buf.len), 0);
	return m;
}

static void init(struct stun_cred *c)
{
	CU_ASSERT_EQUAL_FATAL(stun_cred_init(c, "user", "pass"), 0);
}

static bool has(const struct stun_msg *m, enum stun_attr_type type)
{
	struct stun_attr a;

	return stun_attr_find(m, type, &a);
}

static bool has_value(const struct stun_msg *m, enum stun_attr_type type,
		      const void *value, size_t len)
{
	struct stun_attr a;

	return stun_attr_find(m, type, &a) && a.len == len &&
	       memcmp(a.value, value, len) == 0;
}

static void test_challenge(void)
{
	char longest[STUN_NONCE_MAX + 2];
	struct stun_cred c;

	memset(longest, 'n', sizeof(longest));
	longest[STUN_NONCE_MAX + 1] = '\0';
	init(&c);
	CU_ASSERT_FALSE(stun_cred_ready(&c));
	CU_ASSERT_EQUAL(take(&c, NULL, "n1", NULL), -EBADMSG);
	CU_ASSERT_EQUAL(take(&c, "realm", NULL, NULL), -EBADMSG);
	CU_ASSERT_EQUAL(take(&c, "", "n1", NULL), -EBADMSG);
	CU_ASSERT_EQUAL(take(&c, "realm", "", NULL), -EBADMSG);
	CU_ASSERT_EQUAL(take(&c, longest, "n1", NULL), -EBADMSG);
	CU_ASSERT_FALSE(stun_cred_ready(&c));
	CU_ASSERT_EQUAL(c.challenges, 0);

	CU_ASSERT_EQUAL(take(&c, "realm", "n1", NULL), 0);
	CU_ASSERT_TRUE(stun_cred_ready(&c));
	CU_ASSERT_EQUAL(c.seal.key[0], 0x84); /* RFC 8489, 9.2.2 */
	CU_ASSERT_EQUAL(take(&c, NULL, longest, NULL), -EBADMSG);
	/* a new nonce; the realm stays */
	longest[STUN_NONCE_MAX] = '\0';
	CU_ASSERT_EQUAL(take(&c, NULL, longest, NULL), 0);
	CU_ASSERT_EQUAL(c.challenges, 2);
	CU_ASSERT_EQUAL(c.seal.key[0], 0x84);
	stun_cred_fini(&c);
	CU_ASSERT_FALSE(stun_cred_ready(&c));
	stun_cred_fini(&c);
}

/* Servers of RFC 5389 get what they always got. */
static void test_old_server(void)
{
	static const enum stun_attr_type absent[] = {
		STUN_ATTR_USERHASH,
		STUN_ATTR_PASSWORD_ALGORITHM,
		STUN_ATTR_PASSWORD_ALGORITHMS,
		STUN_ATTR_MESSAGE_INTEGRITY_SHA256,
	};
	struct stun_cred c;
	struct stun_msg m;

	init(&c);
	CU_ASSERT_EQUAL(take(&c, "realm", "0123456789abcdef", NULL), 0);
	CU_ASSERT_FALSE(stun_cred_is_strict(&c));
	m = request(&c);
	CU_ASSERT_TRUE(has_value(&m, STUN_ATTR_USERNAME, "user", 4));
	CU_ASSERT_TRUE(has_value(&m, STUN_ATTR_REALM, "realm", 5));
	CU_ASSERT_TRUE(has_value(&m, STUN_ATTR_NONCE, "0123456789abcdef", 16));
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
		CU_ASSERT_FALSE(has(&m, absent[i]));
	CU_ASSERT_EQUAL(c.seal.key_len, STUN_KEY_LEN);
	CU_ASSERT_EQUAL(stun_auth_verify(&m, c.seal.key, STUN_KEY_LEN),
			STUN_AUTH_GOOD);
	CU_ASSERT_EQUAL(stun_cred_verify(&c, &m), STUN_AUTH_GOOD);
	stun_cred_fini(&c);
}

/* What each challenge of RFC 8489 is answered with (9.2.5). The cookie's bits
 * are counted from either end. */
static const struct feature {
	const char *nonce;
	const struct list *algorithms;
	bool userhash;
	int algorithm; /* 0: not said */
} features[] = {
	{ "obMatJos2AAAAx", NULL, false, 0 },
	{ "obMatJos2gAAAx", LIST(SHA256 MD5), false, 2 },
	{ "obMatJos2AAABx", LIST(SHA256 MD5), false, 2 },
	/* the server's order is the order (9.2.5) */
	{ "obMatJos2gAAAx", LIST(MD5 SHA256), false, 1 },
	{ "obMatJos2gAAAx", LIST(MD5), false, 1 },
	{ "obMatJos2gAAAx", LIST(NEWER SHA256), false, 2 },
	{ "obMatJos2gAAAx", LIST(SHA256_P MD5), false, 1 },
	{ "obMatJos2QAAAx", NULL, true, 0 },
	{ "obMatJos2AAACx", NULL, true, 0 },
	{ "obMatJos2wAAAx", LIST(SHA256), true, 2 },
	{ "obMatJos2AAADx", LIST(SHA256), true, 2 },
	{ "obMatJos2AAAD", LIST(SHA256), true, 2 },
	/* bits that nobody has defined yet */
	{ "obMatJos2AAP8x", NULL, false, 0 },
	/* no cookie, or none that is whole */
	{ "obMatJos2wAA", NULL, false, 0 },
	{ "obMatJos2w!AAx", NULL, false, 0 },
	{ "0bMatJos2wAAAx", NULL, false, 0 },
	{ "x", LIST(SHA256), false, 2 },
};

static void check_request(const struct feature *f, const struct stun_cred *c,
			  const struct stun_msg *m)
{
	static const char userhash[] = /* sha256("user:realm") */
		"\x6a\x30\x29\x11\x6b\x47\xaa\x98"
		"\xbc\xaa\x32\x53\x99\x73\x3d\xc1"
		"\xa2\x3c\xd5\x7e\x26\xb8\x1b\xef"
		"\x3f\xf6\x53\x1c\xe6\x24\xe2\xda";
	static const char sha256_key[] = /* sha256("user:realm:pass") */
		"\x07\xe9\x34\x11\x7a\xbd\x40\x83"
		"\x6e\x7c\x63\x29\xb5\x47\x31\xb2"
		"\xb2\xd2\xa5\xf9\xa7\x1f\x54\x49"
		"\x22\xd7\x5e\x07\x30\xd8\x25\x1b";
	static const char md5_key[] = "\x84\x93\xfb\xc5\x3b\xa5\x82\xfb"
				      "\x4c\x04\x4c\x45\x6b\xdc\x40\xeb";

	uint8_t algorithm[4] = { 0, (uint8_t)f->algorithm };
	const char *key = f->algorithm == 2 ? sha256_key : md5_key;

	CU_ASSERT_EQUAL(has(m, STUN_ATTR_USERNAME), !f->userhash);
	CU_ASSERT_EQUAL(has_value(m, STUN_ATTR_USERHASH, userhash, 32),
			f->userhash);
	CU_ASSERT_EQUAL(
		has_value(m, STUN_ATTR_PASSWORD_ALGORITHM, algorithm, 4),
		f->algorithm != 0);
	if (f->algorithms != NULL)
		CU_ASSERT_TRUE(has_value(m, STUN_ATTR_PASSWORD_ALGORITHMS,
					 f->algorithms->bytes,
					 f->algorithms->len));
	/* one integrity, and with algorithms it is SHA-256's */
	CU_ASSERT_EQUAL(has(m, STUN_ATTR_MESSAGE_INTEGRITY), f->algorithm == 0);
	CU_ASSERT_EQUAL(has(m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256),
			f->algorithm != 0);
	CU_ASSERT_EQUAL(c->seal.key_len, f->algorithm == 2 ? 32 : 16);
	CU_ASSERT_EQUAL(memcmp(c->seal.key, key, c->seal.key_len), 0);
	CU_ASSERT_EQUAL(stun_cred_verify(c, m), STUN_AUTH_GOOD);
}

static void test_features(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		struct stun_cred c;
		struct stun_msg m;

		init(&c);
		CU_ASSERT_EQUAL_FATAL(take(&c, "realm", features[i].nonce,
					   features[i].algorithms),
				      0);
		m = request(&c);
		check_request(&features[i], &c, &m);
		stun_cred_fini(&c);
	}
}

/* Who has a cookie or algorithms knows RFC 8489, and signs all it says. */
static void test_strict(void)
{
	struct stun_cred c;

	init(&c);
	CU_ASSERT_FALSE(stun_cred_is_strict(&c));
	CU_ASSERT_EQUAL(take(&c, "realm", "obMatJos2", NULL), 0);
	CU_ASSERT_FALSE(stun_cred_is_strict(&c));
	CU_ASSERT_EQUAL(take(&c, "realm", "obMatJos2AAAAx", NULL), 0);
	CU_ASSERT_TRUE(stun_cred_is_strict(&c));
	CU_ASSERT_EQUAL(take(&c, "realm", "x", LIST(SHA256)), 0);
	CU_ASSERT_TRUE(stun_cred_is_strict(&c));
	stun_cred_fini(&c);
}

/* Challenges that are not followed, and what stays of the credentials. */
static void test_not_followed(void)
{
	const struct {
		const char *nonce;
		const struct list *algorithms;
		int err;
	} rows[] = {
		/* the nonce promises algorithms */
		{ "obMatJos2gAAAx", NULL, -EPROTO },
		{ "obMatJos2AAABx", NULL, -EPROTO },
		{ "obMatJos2wAAAx", NULL, -EPROTO },
		/* none that we know */
		{ "obMatJos2gAAAx", LIST(NEWER), -EPROTONOSUPPORT },
		{ "obMatJos2gAAAx", LIST(SHA256_P), -EPROTONOSUPPORT },
		{ "obMatJos2gAAAx", LIST(""), -EPROTONOSUPPORT },
		/* malformed */
		{ "obMatJos2gAAAx", LIST("\0\2\0"), -EBADMSG },
		{ "obMatJos2gAAAx", LIST(SHA256 "\0\1\0\1"), -EBADMSG },
		{ "obMatJos2gAAAx", LIST(SHA256 "\0\1\xff\xff"), -EBADMSG },
	};
	struct stun_cred fresh, c;

	init(&c);
	CU_ASSERT_EQUAL_FATAL(take(&c, "realm", "n1", NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct stun_msg m;

		init(&fresh);
		CU_ASSERT_EQUAL(take(&fresh, "realm", rows[i].nonce,
				     rows[i].algorithms),
				rows[i].err);
		CU_ASSERT_FALSE(stun_cred_ready(&fresh));
		stun_cred_fini(&fresh);

		CU_ASSERT_EQUAL(
			take(&c, "other", rows[i].nonce, rows[i].algorithms),
			rows[i].err);
		m = request(&c);
		CU_ASSERT_TRUE(has_value(&m, STUN_ATTR_NONCE, "n1", 2));
		CU_ASSERT_EQUAL(stun_cred_verify(&c, &m), STUN_AUTH_GOOD);
		CU_ASSERT_TRUE(strlen(stun_cred_words(rows[i].err)) > 0);
	}
	CU_ASSERT_EQUAL(c.challenges, 1);
	stun_cred_fini(&c);
}

/* Once a connection has had something, no challenge takes it away. */
static void test_bid_down(void)
{
	const struct {
		const char *nonce;
		const struct list *algorithms;
		const char *nonce2;
		const struct list *algorithms2;
		int err;
	} rows[] = {
		{ "obMatJos2gAAAx", LIST(SHA256), "obMatJos2gAAAy",
		  LIST(SHA256), 0 },
		/* the same, counted from the other end */
		{ "obMatJos2gAAAx", LIST(SHA256), "obMatJos2AAABy",
		  LIST(SHA256), 0 },
		/* more than before */
		{ "plain", NULL, "obMatJos2wAAAy", LIST(SHA256), 0 },
		{ "obMatJos2gAAAx", LIST(MD5), "obMatJos2gAAAy", LIST(SHA256),
		  0 },
		/* the cookie altered, the list left out or shortened */
		{ "obMatJos2gAAAx", LIST(SHA256), "obMatJos2AAAAy", NULL,
		  -EPROTO },
		{ "obMatJos2gAAAx", LIST(SHA256), "obMatJos2AAAAy",
		  LIST(SHA256), -EPROTO },
		{ "obMatJos2gAAAx", LIST(SHA256), "plain", NULL, -EPROTO },
		{ "obMatJos2gAAAx", LIST(SHA256), "obMatJos2gAAAy", NULL,
		  -EPROTO },
		{ "obMatJos2gAAAx", LIST(SHA256 MD5), "obMatJos2gAAAy",
		  LIST(MD5), -EPROTO },
		{ "obMatJos2QAAAx", NULL, "obMatJos2AAAAy", NULL, -EPROTO },
		{ "obMatJos2wAAAx", LIST(SHA256), "obMatJos2gAAAy",
		  LIST(SHA256), -EPROTO },
		{ "plain", LIST(SHA256), "plain", NULL, -EPROTO },
	};
	struct stun_cred c;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		init(&c);
		CU_ASSERT_EQUAL_FATAL(
			take(&c, "realm", rows[i].nonce, rows[i].algorithms),
			0);
		CU_ASSERT_EQUAL(
			take(&c, "realm", rows[i].nonce2, rows[i].algorithms2),
			rows[i].err);
		stun_cred_fini(&c);
	}
}

/* A response that carries the promise without the list (9.2.5). */
static void test_stripped(void)
{
	struct stun_msg m;

	m = challenge("realm", "obMatJos2gAAAx", NULL);
	CU_ASSERT_TRUE(stun_cred_is_stripped(&m));
	m = challenge("realm", "obMatJos2gAAAx", LIST(SHA256));
	CU_ASSERT_FALSE(stun_cred_is_stripped(&m));
	m = challenge("realm", "obMatJos2QAAAx", NULL);
	CU_ASSERT_FALSE(stun_cred_is_stripped(&m));
	m = challenge("realm", NULL, NULL);
	CU_ASSERT_FALSE(stun_cred_is_stripped(&m));
}

/* Only the integrity agreed upon counts. */
static void test_weaker_integrity(void)
{
	uint8_t out[128];
	struct stun_build b;
	struct stun_cred c;
	struct stun_msg m;
	struct buf buf;

	for (int sha256 = 0; sha256 < 2; sha256++) {
		init(&c);
		CU_ASSERT_EQUAL_FATAL(take(&c, "realm",
					   sha256 ? "obMatJos2gAAAx" : "x",
					   sha256 ? LIST(MD5) : NULL),
				      0);
		buf_init(&buf, out, sizeof(out));
		stun_build_begin(&b, &buf, STUN_CLASS_SUCCESS,
				 STUN_METHOD_REFRESH, rfc8489_id);
		stun_auth_sign(&b, c.seal.key, c.seal.key_len);
		CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, out, buf.len), 0);
		CU_ASSERT_EQUAL(stun_cred_verify(&c, &m),
				sha256 ? STUN_AUTH_NONE : STUN_AUTH_GOOD);
		CU_ASSERT_EQUAL(stun_cred_is_strict(&c), sha256);
		/* both: the agreed one is looked at */
		stun_auth_sign_sha256(&b, c.seal.key, c.seal.key_len);
		CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, out, buf.len), 0);
		CU_ASSERT_EQUAL(stun_cred_verify(&c, &m), STUN_AUTH_GOOD);
		out[30] ^= 1; /* MESSAGE-INTEGRITY, which SHA-256's covers */
		CU_ASSERT_EQUAL(stun_cred_verify(&c, &m), STUN_AUTH_BAD);
		stun_cred_fini(&c);
	}
}

/* RFC 5769, 2.4 and RFC 8489, B.1, from what the user typed. */
static void test_vectors(void)
{
	static const char typed[] = "The\xc2\xadM\xc2\xaatr\xe2\x85\xa8";
	static const uint8_t mac_of_algorithms[] = {
		0x49, 0x71, 0x5f, 0xa4, 0xdf, 0x3e, 0xf1, 0x51,
		0x79, 0x2f, 0x88, 0x46, 0x38, 0xcd, 0x85, 0x63,
		0xdb, 0x5d, 0x4a, 0x59, 0xa4, 0x70, 0x72, 0xd1,
		0x95, 0x52, 0x65, 0xfe, 0x8f, 0xba, 0x97, 0x0b,
	};
	struct stun_attr a;
	struct stun_cred c;
	struct stun_msg m;

	CU_ASSERT_EQUAL_FATAL(stun_cred_init(&c, RFC5769_LT_USERNAME, typed),
			      0);
	CU_ASSERT_EQUAL(take(&c, RFC5769_LT_REALM, RFC5769_LT_NONCE, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(stun_msg_parse(&m, rfc5769_long_term,
					     sizeof(rfc5769_long_term)),
			      0);
	CU_ASSERT_EQUAL(stun_cred_verify(&c, &m), STUN_AUTH_GOOD);
	stun_cred_fini(&c);

	CU_ASSERT_EQUAL_FATAL(stun_cred_init(&c, RFC5769_LT_USERNAME, typed),
			      0);
	CU_ASSERT_EQUAL(take(&c, RFC5769_LT_REALM, RFC8489_NONCE, LIST(SHA256)),
			0);
	CU_ASSERT_EQUAL_FATAL(
		stun_msg_parse(&m, rfc8489_request, sizeof(rfc8489_request)),
		0);
	CU_ASSERT_EQUAL(stun_cred_verify(&c, &m), STUN_AUTH_GOOD);
	m = request(&c);
	CU_ASSERT_TRUE(
		has_value(&m, STUN_ATTR_USERHASH, rfc8489_request + 24, 32));
	/* ours has the list, too; computed by Python's hmac */
	CU_ASSERT_TRUE_FATAL(
		stun_attr_find(&m, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, &a));
	CU_ASSERT_EQUAL(memcmp(a.value, mac_of_algorithms, 32), 0);
	stun_cred_fini(&c);
}

/* The realm goes into the key without quotes and NULs, and prepared; into the
 * request as it came (9.2.2). */
static void test_realms(void)
{
	static const char *const same[] = {
		"realm",
		"\"realm\"",
		"re\302\255alm",
	};
	struct stun_cred c;
	struct stun_msg m;

	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		init(&c);
		CU_ASSERT_EQUAL(take(&c, same[i], "n", NULL), 0);
		CU_ASSERT_EQUAL(c.seal.key[0], 0x84);
		CU_ASSERT_EQUAL(c.seal.key[15], 0xeb);
		m = request(&c);
		CU_ASSERT_TRUE(has_value(&m, STUN_ATTR_REALM, same[i],
					 strlen(same[i])));
		stun_cred_fini(&c);
	}
	/* what cannot be prepared is hashed as it came */
	init(&c);
	CU_ASSERT_EQUAL(take(&c, "r\xff", "n", NULL), 0);
	stun_cred_fini(&c);
}

static void test_logins(void)
{
	char name[STUN_USERNAME_MAX + 2];
	struct stun_cred c;

	memset(name, 'u', sizeof(name));
	name[STUN_USERNAME_MAX + 1] = '\0';
	CU_ASSERT_EQUAL(stun_cred_init(&c, name, "pass"), -EINVAL);
	CU_ASSERT_EQUAL(stun_cred_init(&c, "", "pass"), -EINVAL);
	CU_ASSERT_EQUAL(stun_cred_init(&c, "\xc2\xad", "pass"), -EINVAL);
	CU_ASSERT_EQUAL(stun_cred_init(&c, "user", "\xff"), -EILSEQ);
	CU_ASSERT_EQUAL(stun_cred_init(&c, "us\ner", "pass"), -EBADMSG);
	CU_ASSERT_PTR_NULL(c.username);
	name[STUN_USERNAME_MAX] = '\0';
	CU_ASSERT_EQUAL(stun_cred_init(&c, name, ""), 0);
	CU_ASSERT_EQUAL(strlen(c.username), STUN_USERNAME_MAX);
	stun_cred_fini(&c);
}

static void test_asks_anew(void)
{
	struct stun_cred c;
	struct stun_msg m;

	init(&c);
	CU_ASSERT_EQUAL_FATAL(take(&c, "realm", "n1", NULL), 0);
	m = challenge("realm", "n2", NULL);
	CU_ASSERT_FALSE(stun_cred_asks_anew(&c, &m));
	m = challenge(NULL, "n2", NULL);
	CU_ASSERT_FALSE(stun_cred_asks_anew(&c, &m));
	m = challenge("other", "n2", NULL);
	CU_ASSERT_TRUE(stun_cred_asks_anew(&c, &m));
	m = challenge("realm", "obMatJos2QAAAx", NULL);
	CU_ASSERT_TRUE(stun_cred_asks_anew(&c, &m));
	stun_cred_fini(&c);
}

static void test_save(void)
{
	uint8_t saved[STUN_CRED_SAVE_MAX], again[STUN_CRED_SAVE_MAX];
	struct stun_cred a, b;
	struct buf_reader r;
	struct stun_msg m;
	struct buf buf;

	init(&a);
	init(&b);
	/* before any challenge */
	buf_init(&buf, saved, sizeof(saved));
	stun_cred_save(&a, &buf);
	buf_reader_init(&r, saved, buf.len);
	CU_ASSERT_EQUAL(stun_cred_load(&b, &r), 0);
	CU_ASSERT_FALSE(stun_cred_ready(&b));

	CU_ASSERT_EQUAL_FATAL(take(&a, "realm", "obMatJos2wAAAx", LIST(SHA256)),
			      0);
	buf_init(&buf, saved, sizeof(saved));
	stun_cred_save(&a, &buf);
	CU_ASSERT_FALSE(buf.failed);
	for (size_t n = 0; n < buf.len; n++) {
		buf_reader_init(&r, saved, n);
		CU_ASSERT_EQUAL(stun_cred_load(&b, &r), -EBADMSG);
	}
	buf_reader_init(&r, saved, buf.len);
	CU_ASSERT_EQUAL(stun_cred_load(&b, &r), 0);
	CU_ASSERT_EQUAL(r.left, 0);
	CU_ASSERT_TRUE(b.inherited);
	m = request(&a);
	CU_ASSERT_EQUAL(stun_cred_verify(&b, &m), STUN_AUTH_GOOD);
	buf_init(&buf, again, sizeof(again));
	stun_cred_save(&b, &buf);
	CU_ASSERT_EQUAL(memcmp(saved, again, buf.len), 0);
	/* the next connection may know better: one 401 more is fine */
	m = challenge("realm", "obMatJos2wAAAy", LIST(SHA256));
	CU_ASSERT_TRUE(stun_cred_asks_anew(&b, &m));
	CU_ASSERT_EQUAL(stun_cred_challenge(&b, &m), 0);
	CU_ASSERT_FALSE(b.inherited);
	CU_ASSERT_FALSE(stun_cred_asks_anew(&b, &m));
	stun_cred_fini(&a);
	stun_cred_fini(&b);
}

static void test_save_longest(void)
{
	uint8_t saved[STUN_CRED_SAVE_MAX];
	char realm[STUN_REALM_MAX + 1], nonce[STUN_NONCE_MAX + 1];
	char list[STUN_ALGORITHMS_MAX + 4] = SHA256;
	struct list longest = { .bytes = list, .len = STUN_ALGORITHMS_MAX };
	struct stun_cred c;
	struct buf buf;

	memset(realm, 'r', sizeof(realm));
	memset(nonce, 'n', sizeof(nonce));
	realm[STUN_REALM_MAX] = nonce[STUN_NONCE_MAX] = '\0';
	init(&c);
	CU_ASSERT_EQUAL(take(&c, realm, nonce, &longest), 0);
	buf_init(&buf, saved, sizeof(saved));
	stun_cred_save(&c, &buf);
	CU_ASSERT_FALSE(buf.failed);
	CU_ASSERT_EQUAL(buf.len, STUN_CRED_SAVE_MAX);
	longest.len += 4;
	CU_ASSERT_EQUAL(take(&c, realm, nonce, &longest), -EBADMSG);
	stun_cred_fini(&c);
}

/* Each allocation fails once: what was, stays. */
static void test_oom(void)
{
	unsigned int n = 0, failures = 0;
	struct stun_cred c;
	struct stun_msg m;
	int r;

	do {
		countdown = n++;
		struck = false;
		armed = true;
		r = stun_cred_init(&c, "user", "pass");
		armed = false;
		CU_ASSERT_EQUAL(r, struck ? -ENOMEM : 0);
		if (r < 0) {
			CU_ASSERT_PTR_NULL(c.username);
			failures++;
			continue;
		}
		CU_ASSERT_EQUAL(take(&c, "realm", "n1", NULL), 0);
		m = challenge("other", "obMatJos2gAAAx", LIST(SHA256));
		armed = true;
		r = stun_cred_challenge(&c, &m);
		armed = false;
		CU_ASSERT_EQUAL(r, struck ? -ENOMEM : 0);
		failures += struck;
		m = request(&c);
		CU_ASSERT_EQUAL(stun_cred_verify(&c, &m), STUN_AUTH_GOOD);
		stun_cred_fini(&c);
	} while (struck);
	CU_ASSERT(failures >= 4);
}

static CU_TestInfo tests[] = {
	{ "realm and nonce are taken from challenges", test_challenge },
	{ "servers of RFC 5389 get MD5 and SHA-1", test_old_server },
	{ "what each challenge of RFC 8489 gets", test_features },
	{ "which servers have to sign all they say", test_strict },
	{ "challenges that are not followed", test_not_followed },
	{ "nobody bids down in the middle", test_bid_down },
	{ "a promise without its list", test_stripped },
	{ "the agreed integrity, not a weaker one", test_weaker_integrity },
	{ "RFC 5769, 2.4 and RFC 8489, B.1 as typed", test_vectors },
	{ "realms in keys and in requests", test_realms },
	{ "limits of usernames, and what is no text", test_logins },
	{ "which refusals ask for something else", test_asks_anew },
	{ "a challenge for the next connection", test_save },
	{ "the longest challenge", test_save_longest },
	{ "each allocation fails once", test_oom },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "stun_cred", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)

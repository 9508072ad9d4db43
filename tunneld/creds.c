/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * creds.c - where a relay's username and password come from
 *
 * Turns configured secrets into a pair for one allocation
 * (draft-uberti-behave-turn-rest-00, 2.2: username "expiry:id", password
 * base64(HMAC-SHA1(secret, username))).
 */
#include <config.h>

#include "creds.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define SHA1_LEN    20
#define ID_DEFAULT  "turnout"
#define EXPIRY_MAX  20 /* digits of a time_t */
#define BASE64_SHA1 28

static void wipe_free(char *secret)
{
	if (secret != NULL)
		OPENSSL_cleanse(secret, strlen(secret));
	free(secret);
}

static bool acceptable(enum creds_kind kind, const char *username,
		       const char *secret)
{
	size_t name = strlen(username), pass = strlen(secret);

	if (kind == CREDS_REST)
		return name + EXPIRY_MAX + 1 <= CREDS_USERNAME_MAX && pass > 0;
	return name > 0 && name <= CREDS_USERNAME_MAX &&
	       pass <= CREDS_PASSWORD_MAX;
}

int creds_init(struct creds *c, enum creds_kind kind, const char *username,
	       const char *secret)
{
	*c = (struct creds){ .kind = kind };
	if (!acceptable(kind, username, secret))
		return -EINVAL;
	if (kind == CREDS_REST && *username == '\0')
		username = ID_DEFAULT;
	c->username = strdup(username);
	c->secret = strdup(secret);
	if (c->username == NULL || c->secret == NULL) {
		creds_fini(c);
		return -ENOMEM;
	}
	return 0;
}

void creds_fini(struct creds *c)
{
	free(c->username);
	wipe_free(c->secret);
	*c = (struct creds){ 0 };
}

static int make_rest(const struct creds *c, time_t now, struct creds_pair *out)
{
	uint8_t mac[SHA1_LEN];
	size_t n = 0;
	int r = 0;

	out->expires = now + CREDS_LIFETIME_S;
	snprintf(out->username, sizeof(out->username), "%lld:%s",
		 (long long)out->expires, c->username);
	if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA1", NULL, c->secret,
		      strlen(c->secret), (const uint8_t *)out->username,
		      strlen(out->username), mac, sizeof(mac), &n) == NULL ||
	    n != sizeof(mac) ||
	    EVP_EncodeBlock((uint8_t *)out->password, mac, SHA1_LEN) !=
		    BASE64_SHA1) {
		creds_pair_wipe(out);
		r = -EIO;
	}
	OPENSSL_cleanse(mac, sizeof(mac));
	return r;
}

int creds_make(const struct creds *c, time_t now, struct creds_pair *out)
{
	*out = (struct creds_pair){ .expires = 0 };
	if (c->kind == CREDS_REST)
		return make_rest(c, now, out);
	snprintf(out->username, sizeof(out->username), "%s", c->username);
	snprintf(out->password, sizeof(out->password), "%s", c->secret);
	return 0;
}

void creds_pair_wipe(struct creds_pair *pair)
{
	OPENSSL_cleanse(pair, sizeof(*pair));
}

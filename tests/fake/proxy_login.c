/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_login.c - how a proxy makes its clients log in
 *
 * RFC 7617 (Basic), RFC 7616 (Digest, qop=auth); NTLM by its messages' types
 * alone.
 */
#include <config.h>

#include "proxy_login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define REALM  "the \\\"proxy\\\""
#define PLAIN  "the \"proxy\""
#define FIELD  "\r\nProxy-Authorization: "
#define VALUE  256
#define DIGEST 65

static bool basic_right(const char *login, const char *request)
{
	unsigned char encoded[512];
	char line[640];

	EVP_EncodeBlock(encoded, (const unsigned char *)login,
			(int)strlen(login));
	snprintf(line, sizeof(line), FIELD "Basic %s\r\n", (char *)encoded);
	return strstr(request, line) != NULL;
}

/* Digest */

static void hash(const EVP_MD *md, const char *text, char out[DIGEST])
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (EVP_Digest(text, strlen(text), raw, &len, md, NULL) != 1)
		abort();
	for (unsigned int i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

/* name=value or name="value" in a header field. */
static void get(const char *field, const char *name, char out[VALUE])
{
	char what[32];
	const char *at;
	size_t n;

	out[0] = '\0';
	snprintf(what, sizeof(what), "%s=", name);
	at = strstr(field, what);
	while (at != NULL && at[-1] != ' ' && at[-1] != ',')
		at = strstr(at + 1, what);
	if (at == NULL)
		return;
	at += strlen(what);
	n = *at == '"' ? strcspn(++at, "\"") : strcspn(at, ", \r\n");
	if (n < VALUE)
		snprintf(out, VALUE, "%.*s", (int)n, at);
}

/* `nonce` 0: any will do. */
static bool digest_right(const char *login, const char *field, bool sha256,
			 unsigned int nonce)
{
	const EVP_MD *md = sha256 ? EVP_sha256() : EVP_md5();
	char uri[VALUE], nc[VALUE], cnonce[VALUE], response[VALUE];
	char algorithm[VALUE], given[VALUE], text[2048], wanted[16];
	char ha1[DIGEST] = "", ha2[DIGEST] = "", right[DIGEST] = "";
	const char *colon = strchr(login, ':');

	get(field, "algorithm", algorithm);
	get(field, "uri", uri);
	get(field, "nc", nc);
	get(field, "cnonce", cnonce);
	get(field, "nonce", given);
	get(field, "response", response);
	snprintf(wanted, sizeof(wanted), "nonce%u", nonce);
	if ((nonce != 0 && strcmp(given, wanted) != 0) ||
	    (strcmp(algorithm, "SHA-256") == 0) != sha256)
		return false;
	snprintf(text, sizeof(text), "%.*s:" PLAIN ":%s", (int)(colon - login),
		 login, colon + 1);
	hash(md, text, ha1);
	snprintf(text, sizeof(text), "CONNECT:%s", uri);
	hash(md, text, ha2);
	snprintf(text, sizeof(text), "%s:%s:%s:%s:auth:%s", ha1, given, nc,
		 cnonce, ha2);
	hash(md, text, right);
	return strcmp(right, response) == 0;
}

/* NTLM */

/* [MS-NLMP] 2.2.1.2, with an empty target and a challenge of zeros. */
static void second_message(char *out)
{
	static const unsigned char message[48] = {
		'N', 'T', 'L', 'M',       'S',         'S',  'P',  0,    2,
		0,   0,   0,   [16] = 48, [20] = 0x05, 0x82, 0x08, 0x00,
	};

	EVP_EncodeBlock((unsigned char *)out, message, sizeof(message));
}

static bool ntlm_right(const struct proxy_login_opts *o,
		       struct proxy_login_state *s, const char *field)
{
	bool first = strncmp(field, "NTLM TlRMTVNTUAAB", 17) == 0;
	bool third = strncmp(field, "NTLM TlRMTVNTUAAD", 17) == 0;
	bool right = third && s->ntlm_second && !o->ntlm_wrong;

	s->ntlm_second = first;
	return right;
}

static unsigned int ways_of(const struct proxy_login_opts *o)
{
	return o->ways != 0 ? o->ways : PROXY_LOGIN_BASIC;
}

/* 407 */

static void add(const struct proxy_login_opts *o, char *text, size_t max,
		const char *challenge)
{
	size_t used = strlen(text);
	bool more = strstr(text, "Authenticate") != NULL;

	if (o->one_line && more)
		snprintf(text + used, max - used, ", %s", challenge);
	else
		snprintf(text + used, max - used, "\r\nProxy-Authenticate: %s",
			 challenge);
}

static void say_digest(const struct proxy_login_opts *o,
		       struct proxy_login_state *s, bool stale, char *text,
		       size_t max)
{
	char line[256];

	s->nonce++;
	snprintf(line, sizeof(line),
		 "Digest realm=\"" REALM
		 "\", qop=\"auth\", nonce=\"nonce%u\", algorithm=%s%s",
		 s->nonce,
		 (o->ways & PROXY_LOGIN_SHA256) != 0 ? "SHA-256" : "MD5",
		 stale ? ", stale=true" : "");
	add(o, text, max, line);
}

static void say_407(const struct proxy_login_opts *o,
		    struct proxy_login_state *s, bool stale, char *text,
		    size_t max)
{
	unsigned int ways = ways_of(o);
	char ntlm[80] = "NTLM ";

	snprintf(text, max, "HTTP/1.%d 407 Proxy Authentication Required",
		 o->http10 ? 0 : 1);
	if ((ways & PROXY_LOGIN_NTLM) != 0 && s->ntlm_second) {
		second_message(ntlm + 5);
		add(o, text, max, ntlm);
		ways = 0;
	}
	if ((ways & PROXY_LOGIN_NEGOTIATE) != 0)
		add(o, text, max, "Negotiate");
	if ((ways & PROXY_LOGIN_NTLM) != 0)
		add(o, text, max, "NTLM");
	if ((ways & PROXY_LOGIN_BEARER) != 0)
		add(o, text, max, "Bearer realm=\"x\"");
	if ((ways & (PROXY_LOGIN_MD5 | PROXY_LOGIN_SHA256)) != 0)
		say_digest(o, s, stale, text, max);
	if ((ways & PROXY_LOGIN_BASIC) != 0)
		add(o, text, max, "Basic realm=\"" REALM "\"");
	snprintf(text + strlen(text), max - strlen(text),
		 "\r\nX-Squid-Error: ERR_CACHE_ACCESS_DENIED 0"
		 "\r\nContent-Length: 2%s\r\n\r\nno",
		 o->close ? "\r\nConnection: close" : "");
}

bool proxy_login_check(const struct proxy_login_opts *o,
		       struct proxy_login_state *s, const char *request,
		       char *answer, size_t max)
{
	unsigned int ways = ways_of(o);
	const char *field = strstr(request, FIELD);
	bool right = o->login == NULL, stale = false;

	if (right)
		return true;
	if (field != NULL)
		field += sizeof(FIELD) - 1;
	if (field != NULL && strncmp(field, "Digest ", 7) == 0 &&
	    (ways & (PROXY_LOGIN_MD5 | PROXY_LOGIN_SHA256)) != 0) {
		right = digest_right(o->login, field,
				     (ways & PROXY_LOGIN_SHA256) != 0,
				     o->close ? 0 : s->nonce);
		stale = o->always_stale || (o->stale_once && s->nonce == 1);
		right = right && !stale;
	}
	if (field != NULL && (ways & PROXY_LOGIN_BASIC) != 0)
		right = right || basic_right(o->login, request);
	if (field != NULL && (ways & PROXY_LOGIN_NTLM) != 0)
		right = right || ntlm_right(o, s, field);
	if (!right)
		say_407(o, s, stale, answer, max);
	return right;
}

bool proxy_login_is_sent(const char *request)
{
	const char *field = strstr(request, FIELD);

	if (field == NULL)
		return false;
	field += sizeof(FIELD) - 1;
	return strncmp(field, "Basic ", 6) == 0 ||
	       strncmp(field, "Digest ", 7) == 0 ||
	       strncmp(field, "NTLM TlRMTVNTUAAD", 17) == 0;
}

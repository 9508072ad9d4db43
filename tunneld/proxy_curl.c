/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_curl.c - logging in at a proxy by libcurl
 *
 * RFC 7617 (Basic), RFC 7616 (Digest), RFC 4559 (Negotiate), NTLM. One scheme
 * an attempt: CURLAUTH_ANY does not go on to the next when one fails. Whether a
 * password has left this host is seen in the requests themselves, which libcurl
 * shows to a debug function; they go no further than this file.
 */
#include <config.h>

#include "proxy_curl.h"

#include "proxy_creds.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#define AUTH_HEADER "\r\nProxy-Authorization: "
/* "NTLM " and base64 of "NTLMSSP\0" and the message's type: the third one
 * proves that the password is known ([MS-NLMP] 2.2.1.3). */
#define NTLM_TYPE3 "NTLM TlRMTVNTUAAD"

static void init(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

void proxy_curl_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, init);
}

bool proxy_curl_has(enum proxy_scheme scheme)
{
	int features = curl_version_info(CURLVERSION_NOW)->features;

	switch (scheme) {
	case PROXY_SCHEME_NEGOTIATE:
		return (features & CURL_VERSION_GSSAPI) != 0;
	case PROXY_SCHEME_NTLM:
		return (features & CURL_VERSION_NTLM) != 0;
	case PROXY_SCHEME_NONE:
	case PROXY_SCHEME_DIGEST:
	case PROXY_SCHEME_BASIC:
		break;
	}
	return true;
}

static bool begins(const char *text, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && memcmp(text, with, n) == 0;
}

/* Not NUL-terminated. */
static const char *find(const char *text, size_t len, const char *what)
{
	return memmem(text, len, what, strlen(what));
}

static void watch_request(struct proxy_curl_watch *w, const char *text,
			  size_t len)
{
	const char *at = find(text, len, AUTH_HEADER);
	size_t left;

	if (at == NULL)
		return;
	at += sizeof(AUTH_HEADER) - 1;
	left = len - (size_t)(at - text);
	w->auth_sent = true;
	if (begins(at, left, "Basic ") || begins(at, left, "Digest ") ||
	    begins(at, left, NTLM_TYPE3))
		w->login_sent = true;
}

/* "gss_init_sec_context() failed: MAJOR. MINOR": the second says which. */
static void watch_words(struct proxy_curl_watch *w, const char *text,
			size_t len)
{
	static const char gss[] = "gss_init_sec_context() failed: ";
	const char *at = find(text, len, gss), *minor;
	size_t n = 0, left;

	if (at == NULL)
		return;
	at += sizeof(gss) - 1;
	left = len - (size_t)(at - text);
	minor = find(at, left, ".  ");
	if (minor != NULL) {
		left -= (size_t)(minor + 3 - at);
		at = minor + 3;
	}
	for (; left > 0 && *at != '\n' && n + 1 < sizeof(w->ticket);
	     at++, left--)
		w->ticket[n++] = *at >= ' ' && *at <= '~' ? *at : '?';
	w->ticket[n] = '\0';
}

static int on_debug(CURL *curl, curl_infotype type, char *text, size_t len,
		    void *arg)
{
	(void)curl;
	if (type == CURLINFO_HEADER_OUT)
		watch_request(arg, text, len);
	else if (type == CURLINFO_TEXT)
		watch_words(arg, text, len);
	return 0;
}

static void wipe(char *text)
{
	if (text != NULL)
		OPENSSL_cleanse(text, strlen(text));
	curl_free(text);
}

/* CURLOPT_PROXYUSERPWD is URL-decoded; the options for each part alone are
 * too in some versions, undocumented. */
static CURLcode set_userpwd(CURL *curl, const struct proxy_login_text *login)
{
	char *user = curl_easy_escape(curl, login->username, 0);
	char *password = login->password[0] != '\0'
				 ? curl_easy_escape(curl, login->password, 0)
				 : NULL;
	char both[2 * 3 * (PROXY_USERNAME_MAX + 1)];
	CURLcode rc = CURLE_OUT_OF_MEMORY;
	int n = snprintf(both, sizeof(both), "%s:%s", user != NULL ? user : "",
			 password != NULL ? password : "");

	if (user != NULL && (password != NULL || login->password[0] == '\0') &&
	    (size_t)n < sizeof(both))
		rc = curl_easy_setopt(curl, CURLOPT_PROXYUSERPWD, both);
	OPENSSL_cleanse(both, sizeof(both));
	wipe(user);
	wipe(password);
	return rc;
}

CURLcode proxy_curl_login(CURL *curl, enum proxy_scheme scheme,
			  const struct proxy_login_text *login,
			  struct proxy_curl_watch *watch)
{
	static const struct {
		enum proxy_scheme scheme;
		unsigned long bit;
	} bits[] = {
		{ PROXY_SCHEME_NEGOTIATE, CURLAUTH_NEGOTIATE },
		{ PROXY_SCHEME_NTLM, CURLAUTH_NTLM },
		{ PROXY_SCHEME_DIGEST, CURLAUTH_DIGEST },
		{ PROXY_SCHEME_BASIC, CURLAUTH_BASIC },
	};
	/* Without a name libcurl sends no token; this one is empty. */
	static const struct proxy_login_text ticket = { .username = "" };
	CURLcode rc;

	*watch = (struct proxy_curl_watch){ .auth_sent = false };
	if (scheme == PROXY_SCHEME_NONE)
		return CURLE_OK;
	if (scheme == PROXY_SCHEME_NEGOTIATE)
		login = &ticket;
	rc = set_userpwd(curl, login) |
	     curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug) |
	     curl_easy_setopt(curl, CURLOPT_DEBUGDATA, watch) |
	     curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		if (bits[i].scheme == scheme)
			rc |= curl_easy_setopt(curl, CURLOPT_PROXYAUTH,
					       (long)bits[i].bit);
	return rc;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_socks.c - a TCP connection to a SOCKS5 proxy turned into one to a
 * target
 *
 * RFC 1928, RFC 1929 (username and password) by libcurl, which gets a duplicate
 * of the connected descriptor and reads exactly what belongs to SOCKS
 * (tests/platform/curl_socks.c). GSSAPI, which nobody has, is not offered.
 */
#include <config.h>

#include "proxy_socks.h"

#include "cancel.h"
#include "curl_tunnel.h"
#include "proxy_curl.h"

#include <turnout/control.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <curl/curl.h>

/* For libcurl's callbacks. */
struct exchange {
	struct proxy_socks *ps;
	struct proxy_curl_watch watch;
	bool opened;
	long reply; /* CURLPX_* */
};

static curl_socket_t on_open(void *arg, curlsocktype purpose,
			     struct curl_sockaddr *addr)
{
	struct exchange *ex = arg;

	(void)purpose;
	(void)addr;
	if (ex->opened)
		return CURL_SOCKET_BAD;
	ex->opened = true;
	return fcntl(ex->ps->fd, F_DUPFD_CLOEXEC, 0);
}

static CURLcode set_tunnel(CURL *curl, const struct proxy_socks *ps,
			   struct curl_slist **resolve)
{
	/* The proxy looks up names. */
	const struct curl_tunnel tunnel = {
		.scheme = "socks5h",
		.proxy_host = ps->proxy_host,
		.proxy_port = ps->proxy_port,
		.peer = ps->peer,
		.host = ps->host,
		.port = ps->port,
		.deadline_ms = ps->deadline_ms,
		.cancel = ps->cancel,
	};

	return curl_tunnel_set(curl, &tunnel, resolve);
}

static CURLcode set_login(CURL *curl, struct exchange *ex)
{
	const struct proxy_login_text *login = ex->ps->login;
	CURLcode rc = curl_easy_setopt(curl, CURLOPT_SOCKS5_AUTH,
				       login != NULL ? (long)CURLAUTH_BASIC
						     : (long)CURLAUTH_NONE);

	return rc | proxy_curl_login(curl,
				     login != NULL ? PROXY_SCHEME_BASIC
						   : PROXY_SCHEME_NONE,
				     login, &ex->watch);
}

static CURLcode perform(CURL *curl, struct exchange *ex)
{
	struct proxy_socks *ps = ex->ps;
	struct curl_slist *resolve = NULL;
	CURLcode rc = set_tunnel(curl, ps, &resolve) | set_login(curl, ex) |
		      curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION,
				       on_open) |
		      curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, ex);
	long os_error = 0;

	if (rc == CURLE_OK) {
		cancel_watch(ps->cancel, ps->fd);
		rc = curl_easy_perform(curl);
		cancel_watch(ps->cancel, -1);
		curl_easy_getinfo(curl, CURLINFO_PROXY_ERROR, &ex->reply);
		curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_error);
		ps->os_error = (int)os_error;
	} else {
		rc = CURLE_OUT_OF_MEMORY;
	}
	curl_easy_cleanup(curl);
	curl_slist_free_all(resolve);
	return rc;
}

static enum proxy_socks_end end_by(struct proxy_socks *ps,
				   enum proxy_socks_end end, const char *words)
{
	snprintf(ps->words, sizeof(ps->words), "%s", words);
	return end;
}

/* What the proxy has said (RFC 1928, 6; RFC 1929, 2). */
static enum proxy_socks_end by_reply(struct proxy_socks *ps, long reply)
{
	static const struct {
		CURLproxycode reply;
		enum proxy_socks_end end;
		const char *words;
	} rows[] = {
		{ CURLPX_REPLY_GENERAL_SERVER_FAILURE, PROXY_SOCKS_UNREACHABLE,
		  "general failure (reply 1)" },
		{ CURLPX_REPLY_NOT_ALLOWED, PROXY_SOCKS_DENIED,
		  "not allowed by its rules (reply 2)" },
		{ CURLPX_REPLY_NETWORK_UNREACHABLE, PROXY_SOCKS_UNREACHABLE,
		  "network unreachable (reply 3)" },
		{ CURLPX_REPLY_HOST_UNREACHABLE, PROXY_SOCKS_UNREACHABLE,
		  "host unreachable (reply 4)" },
		{ CURLPX_REPLY_CONNECTION_REFUSED, PROXY_SOCKS_REFUSED,
		  "connection refused (reply 5)" },
		{ CURLPX_REPLY_TTL_EXPIRED, PROXY_SOCKS_UNREACHABLE,
		  "TTL expired (reply 6)" },
		{ CURLPX_REPLY_COMMAND_NOT_SUPPORTED, PROXY_SOCKS_DENIED,
		  "it knows no CONNECT (reply 7)" },
		{ CURLPX_REPLY_ADDRESS_TYPE_NOT_SUPPORTED, PROXY_SOCKS_DENIED,
		  "it does not take such an address (reply 8)" },
		{ CURLPX_REPLY_UNASSIGNED, PROXY_SOCKS_UNREACHABLE,
		  "a failure without a name" },
		{ CURLPX_USER_REJECTED, PROXY_SOCKS_LOGIN_REFUSED,
		  "the proxy refused this login" },
		{ CURLPX_NO_AUTH, PROXY_SOCKS_LOGIN_WANTED,
		  "the proxy wants a login" },
		{ CURLPX_UNKNOWN_MODE, PROXY_SOCKS_LOGIN_WANTED,
		  "the proxy wants a way to log in that is unknown here" },
		{ CURLPX_GSSAPI, PROXY_SOCKS_LOGIN_WANTED,
		  "the proxy wants GSSAPI, which is unknown here" },
		{ CURLPX_GSSAPI_PERMSG, PROXY_SOCKS_LOGIN_WANTED,
		  "the proxy wants GSSAPI, which is unknown here" },
		{ CURLPX_BAD_VERSION, PROXY_SOCKS_GARBAGE,
		  "the answer is not SOCKS5" },
		{ CURLPX_BAD_ADDRESS_TYPE, PROXY_SOCKS_GARBAGE,
		  "the answer is not SOCKS5" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if ((long)rows[i].reply == reply)
			return end_by(ps, rows[i].end, rows[i].words);
	if (ps->os_error == ECONNRESET || ps->os_error == EPIPE)
		return end_by(ps, PROXY_SOCKS_RESET, strerror(ps->os_error));
	return end_by(ps, PROXY_SOCKS_CLOSED,
		      "the proxy closed the connection");
}

enum proxy_socks_end proxy_socks(struct proxy_socks *ps)
{
	struct exchange ex = { .ps = ps };
	CURL *curl = curl_easy_init();
	CURLcode rc = CURLE_OUT_OF_MEMORY;

	if (curl != NULL)
		rc = perform(curl, &ex);
	switch (rc) {
	case CURLE_OK:
		return PROXY_SOCKS_OK;
	case CURLE_OPERATION_TIMEDOUT:
		return end_by(ps, PROXY_SOCKS_TIMEOUT, "no answer in time");
	case CURLE_ABORTED_BY_CALLBACK:
		return end_by(ps, PROXY_SOCKS_CANCELLED, "cancelled");
	case CURLE_OUT_OF_MEMORY:
	case CURLE_COULDNT_CONNECT: /* on_open() had no descriptor */
		ps->os_error = ENOBUFS;
		return end_by(ps, PROXY_SOCKS_INTERNAL, curl_easy_strerror(rc));
	default:
		return by_reply(ps, ex.reply);
	}
}

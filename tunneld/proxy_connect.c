/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proxy_connect.c - a TCP connection to a proxy turned into one to a target
 *
 * RFC 9110, 9.3.6 (CONNECT) by libcurl, RFC 7639 (ALPN header). libcurl gets a
 * duplicate of the connected descriptor, so it neither resolves nor connects;
 * it reads the answer byte by byte, so what follows is still in the socket when
 * its handle is gone. When the proxy closes after a 407, and the handshake has
 * another leg, libcurl asks for a second connection.
 */
#include <config.h>

#include "proxy_connect.h"

#include "cancel.h"
#include "curl_tunnel.h"
#include "proxy_connect_private.h"
#include "proxy_curl.h"

#include <turnout/control.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <curl/curl.h>
#include <sys/socket.h>

/* Connections of one attempt: the first, and what a handshake needs beyond. */
#define OPENS_MAX 3

/* For libcurl's callbacks. */
struct exchange {
	struct proxy_connect *pc;
	struct proxy_connect_hold *hold;
	struct proxy_curl_watch watch;
	unsigned int opened;
	bool answered; /* a line came, whatever it said */
	char status[64];
	char squid_error[48];
	char error[CURL_ERROR_SIZE];
};

/* Where the descriptor can be taken away, it is given but once. */
static curl_socket_t take_held(struct proxy_connect_hold *hold)
{
	curl_socket_t fd;

	pthread_mutex_lock(&hold->lock);
	fd = hold->own;
	hold->own = -1;
	hold->curl = fd;
	pthread_mutex_unlock(&hold->lock);
	return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose,
			     struct curl_sockaddr *addr)
{
	struct exchange *ex = arg;
	struct proxy_connect *pc = ex->pc;

	(void)purpose;
	(void)addr;
	if (ex->hold != NULL)
		return take_held(ex->hold);
	if (ex->opened++ > 0) {
		if (pc->reopen == NULL || ex->opened > OPENS_MAX)
			return CURL_SOCKET_BAD;
		cancel_watch(pc->cancel, -1);
		pc->fd = pc->reopen(pc->arg);
		if (pc->fd < 0)
			return CURL_SOCKET_BAD;
		cancel_watch(pc->cancel, pc->fd);
	}
	return fcntl(pc->fd, F_DUPFD_CLOEXEC, 0);
}

static int on_close(void *arg, curl_socket_t fd)
{
	struct proxy_connect_hold *hold = arg;

	pthread_mutex_lock(&hold->lock);
	hold->curl = -1;
	pthread_mutex_unlock(&hold->lock);
	return close(fd);
}

/* The proxy's text is for the log: printable, one line, bounded. */
static void copy_text(char *out, size_t max, const char *in, size_t len)
{
	size_t n = 0;

	while (len > 0 && *in == ' ') {
		in++;
		len--;
	}
	for (; len > 0 && n + 1 < max; in++, len--) {
		unsigned char c = (unsigned char)*in;

		if (c == '\r' || c == '\n')
			break;
		out[n++] = isprint(c) ? (char)c : '?';
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	static const char squid[] = "X-Squid-Error:";
	static const char asks[] = "Proxy-Authenticate:";
	struct exchange *ex = arg;
	size_t len = size * count;
	char date[48];
	char *space = memchr(line, ' ', len);

	ex->answered = true;
	if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
		ex->squid_error[0] = '\0';
		ex->pc->asked = (struct proxy_challenge){ .offered = 0 };
		if (space != NULL)
			copy_text(ex->status, sizeof(ex->status), space,
				  len - (size_t)(space - line));
	} else if (len > 5 && strncasecmp(line, "Date:", 5) == 0) {
		copy_text(date, sizeof(date), line + 5, len - 5);
		ex->pc->date = curl_getdate(date, NULL);
	} else if (len >= sizeof(asks) &&
		   strncasecmp(line, asks, sizeof(asks) - 1) == 0) {
		proxy_challenge_add(&ex->pc->asked, line + sizeof(asks) - 1,
				    len - sizeof(asks) + 1);
	} else if (len >= sizeof(squid) &&
		   strncasecmp(line, squid, sizeof(squid) - 1) == 0) {
		copy_text(ex->squid_error, sizeof(ex->squid_error),
			  line + sizeof(squid) - 1, len - sizeof(squid) + 1);
		/* "ERR_ACCESS_DENIED 0": the number is squid's own errno. */
		ex->squid_error[strcspn(ex->squid_error, " ")] = '\0';
	}
	return len;
}

static CURLcode set_tunnel(CURL *curl, const struct proxy_connect *pc,
			   struct curl_slist **resolve)
{
	const struct curl_tunnel tunnel = {
		.scheme = "http",
		.proxy_host = pc->proxy_host,
		.proxy_port = pc->proxy_port,
		.peer = pc->peer,
		.host = pc->host,
		.port = pc->port,
		.deadline_ms = pc->deadline_ms,
		.cancel = pc->cancel,
	};

	return curl_tunnel_set(curl, &tunnel, resolve) |
	       curl_easy_setopt(curl, CURLOPT_HTTPPROXYTUNNEL, 1L);
}

static CURLcode set_headers(CURL *curl, const struct proxy_connect *pc,
			    struct curl_slist **headers)
{
	CURLcode rc = curl_easy_setopt(curl, CURLOPT_USERAGENT, PACKAGE_NAME);

	if (!pc->alpn_header)
		return rc;
	/* RFC 7639, 2.2: percent-encoded, but never what a token may hold. */
	*headers = curl_slist_append(NULL, "ALPN: stun.turn");
	if (*headers == NULL)
		return CURLE_OUT_OF_MEMORY;
	return rc | curl_easy_setopt(curl, CURLOPT_PROXYHEADER, *headers);
}

static CURLcode set_callbacks(CURL *curl, struct exchange *ex)
{
	CURLcode rc = CURLE_OK;

	if (ex->hold != NULL)
		rc = curl_easy_setopt(curl, CURLOPT_CLOSESOCKETFUNCTION,
				      on_close) |
		     curl_easy_setopt(curl, CURLOPT_CLOSESOCKETDATA, ex->hold);
	return rc |
	       curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open) |
	       curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, ex) |
	       curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) |
	       curl_easy_setopt(curl, CURLOPT_HEADERDATA, ex) |
	       curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, ex->error);
}

static enum proxy_connect_end end_by(struct proxy_connect *pc,
				     enum proxy_connect_end end,
				     const char *words)
{
	snprintf(pc->words, sizeof(pc->words), "%s", words);
	return end;
}

/* Something came that is no answer to CONNECT, on a connection that is as good
 * as before. */
static enum proxy_connect_end strange(const struct exchange *ex)
{
	struct proxy_connect *pc = ex->pc;
	char words[sizeof(pc->words)];

	if (!ex->answered || pc->http_code == 0)
		return end_by(pc, PROXY_CONNECT_GARBAGE,
			      "the answer is not HTTP");
	/* RFC 9110, 15.2: others may follow; libcurl takes it for the last. */
	if (pc->http_code < 200)
		snprintf(words, sizeof(words), "%s is not a final answer",
			 ex->status);
	else if (ex->error[0] != '\0')
		copy_text(words, sizeof(words), ex->error, strlen(ex->error));
	else
		snprintf(words, sizeof(words), "a header is not HTTP");
	return end_by(pc, PROXY_CONNECT_GARBAGE, words);
}

static bool is_closed(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* CONNECT got no complete answer. */
static enum proxy_connect_end why(const struct exchange *ex, CURLcode rc)
{
	struct proxy_connect *pc = ex->pc;

	switch (rc) {
	case CURLE_OPERATION_TIMEDOUT:
		return end_by(pc, PROXY_CONNECT_TIMEOUT, "no answer in time");
	case CURLE_ABORTED_BY_CALLBACK:
		return end_by(pc, PROXY_CONNECT_CANCELLED, "cancelled");
	case CURLE_COULDNT_CONNECT: /* on_open() had no descriptor */
		if (ex->opened > 1)
			return end_by(pc, PROXY_CONNECT_CLOSED,
				      "the proxy closed the connection in the "
				      "middle of the login");
		/* fall through */
	case CURLE_OUT_OF_MEMORY:
		pc->os_error = ENOBUFS;
		return end_by(pc, PROXY_CONNECT_INTERNAL,
			      curl_easy_strerror(rc));
	default:
		break;
	}
	if (pc->os_error == ECONNRESET || pc->os_error == EPIPE)
		return end_by(pc, PROXY_CONNECT_RESET, strerror(pc->os_error));
	if (pc->os_error != 0)
		return end_by(pc, PROXY_CONNECT_KERNEL, strerror(pc->os_error));
	if ((ex->answered && pc->http_code == 0) || !is_closed(pc->fd))
		return strange(ex);
	return end_by(pc, PROXY_CONNECT_CLOSED,
		      "the proxy closed the connection");
}

static CURLcode perform(CURL *curl, struct exchange *ex)
{
	struct proxy_connect *pc = ex->pc;
	struct curl_slist *resolve = NULL, *headers = NULL;
	CURLcode rc = set_tunnel(curl, pc, &resolve) |
		      set_headers(curl, pc, &headers) |
		      set_callbacks(curl, ex) |
		      proxy_curl_login(curl, pc->scheme, pc->login, &ex->watch);
	long os_error = 0;

	if (rc == CURLE_OK) {
		if (ex->hold == NULL)
			cancel_watch(pc->cancel, pc->fd);
		rc = curl_easy_perform(curl);
		cancel_watch(pc->cancel, -1);
		curl_easy_getinfo(curl, CURLINFO_HTTP_CONNECTCODE,
				  &pc->http_code);
		curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_error);
		pc->os_error = (int)os_error;
	} else {
		rc = CURLE_OUT_OF_MEMORY;
	}
	curl_easy_cleanup(curl);
	curl_slist_free_all(resolve);
	curl_slist_free_all(headers);
	return rc;
}

static void take_watch(struct proxy_connect *pc,
		       const struct proxy_curl_watch *watch)
{
	pc->auth_sent = watch->auth_sent;
	pc->login_sent = watch->login_sent;
	memcpy(pc->ticket, watch->ticket, sizeof(pc->ticket));
}

_Static_assert(sizeof(((struct proxy_connect *)NULL)->ticket) ==
		       sizeof(((struct proxy_curl_watch *)NULL)->ticket),
	       "the same words");

enum proxy_connect_end proxy_connect_here(struct proxy_connect *pc,
					  struct proxy_connect_hold *hold)
{
	struct exchange ex = { .pc = pc, .hold = hold };
	CURL *curl = curl_easy_init();
	CURLcode rc = CURLE_OUT_OF_MEMORY;
	bool squid;

	if (curl != NULL)
		rc = perform(curl, &ex);
	take_watch(pc, &ex.watch);
	/* A proxy that said 200 and never ended its headers has not answered:
	 * the result counts before the code. */
	if (rc == CURLE_OK)
		return PROXY_CONNECT_OK;
	if (rc == CURLE_OPERATION_TIMEDOUT || pc->http_code < 300)
		return why(&ex, rc);
	squid = ex.squid_error[0] != '\0';
	snprintf(pc->words, sizeof(pc->words), "%s%s%s%s", ex.status,
		 squid ? " (" : "", ex.squid_error, squid ? ")" : "");
	return PROXY_CONNECT_STATUS;
}

enum proxy_connect_end proxy_connect(struct proxy_connect *pc)
{
	/* GSSAPI asks Kerberos' servers, and cannot be told to stop. */
	return pc->scheme == PROXY_SCHEME_NEGOTIATE
		       ? proxy_connect_aside(pc)
		       : proxy_connect_here(pc, NULL);
}

void proxy_connect_init(void)
{
	proxy_curl_init();
}

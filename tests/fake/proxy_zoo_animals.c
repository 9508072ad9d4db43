/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy_zoo_animals.c - the animals of the proxy zoo */
#include <config.h>

#include "proxy_zoo.h"

#define OK      "HTTP/1.1 200 Connection established\r\n"
#define EMPTY   "Content-Length: 0\r\n\r\n"
#define LOGIN   "HTTP/1.1 407 Proxy Authentication Required\r\n"
#define BASIC   "Proxy-Authenticate: Basic realm=\"zoo\"\r\n"
#define PAGE    "<html>Please log in</html>"
#define WITHNUL OK "X-A: b\0c\r\n\r\n"

const struct zoo_animal zoo_animals[] = {
	/* Well-behaved, each in its own way */
	{ .name = "plain 200", .says = OK "\r\n" },
	{ .name = "HTTP/1.0", .says = "HTTP/1.0 200 OK\r\n\r\n" },
	{ .name = "no reason phrase", .says = "HTTP/1.1 200\r\n\r\n" },
	{ .name = "204", .says = "HTTP/1.1 204 No Content\r\n\r\n" },
	/* RFC 9110, 9.3.6: a client ignores both in a 2xx answer to CONNECT,
	 * so what follows is of the tunnel. */
	{ .name = "200 with a length",
	  .says = OK "Content-Length: 5\r\n\r\nhello" },
	{ .name = "200 in chunks",
	  .says = OK "Transfer-Encoding: chunked\r\n\r\n"
		     "5\r\nhello\r\n0\r\n\r\n" },
	{ .name = "early data", .says = OK "Via: 1.1 zoo\r\n\r\nearly" },
	{ .name = "drip that ends", .says = OK "\r\n", .byte_ms = 2 },
	{ .name = "LF only", .says = "HTTP/1.1 200 OK\nVia: 1.1 zoo\n\n" },
	{ .name = "folded header",
	  .says = OK "X-Note: one\r\n two\r\n\tthree\r\n\r\n" },
	{ .name = "100 KB of headers",
	  .says = OK,
	  .fill = "X-Filler: 0123456789012345678901234567890123456\r\n",
	  .fill_count = 2048,
	  .ends = "\r\n" },
	{ .name = "slow target", .says = OK "\r\n", .delay_ms = 600 },
	/* Particular about something */
	{ .name = "rejects ALPN", .says = OK "\r\n", .rejects = "ALPN" },
	{ .name = "407 and goes on",
	  .says = LOGIN BASIC "Content-Length: 26\r\n\r\n" PAGE,
	  .login = "zoe:secret" },
	{ .name = "407 and closes",
	  .says = LOGIN BASIC "Connection: close\r\n" EMPTY,
	  .after = ZOO_FIN,
	  .login = "zoe:secret" },
	{ .name = "407 without challenge",
	  .says = LOGIN EMPTY,
	  .after = ZOO_FIN },
	/* tinyproxy 1.11.1 */
	{ .name = "401 to a wrong login",
	  .says = LOGIN BASIC "Connection: close\r\n" EMPTY,
	  .after = ZOO_FIN,
	  .login = "zoe:secret",
	  .wrong = "HTTP/1.0 401 Unauthorized\r\n"
		   "WWW-Authenticate: Basic realm=\"zoo\"\r\n\r\n" },
	/* Say no */
	{ .name = "302",
	  .says = "HTTP/1.1 302 Found\r\n"
		  "Location: http://portal.example/login?from=x\r\n" EMPTY,
	  .after = ZOO_FIN },
	{ .name = "400",
	  .says = "HTTP/1.1 400 Bad Request\r\n" EMPTY,
	  .after = ZOO_FIN },
	{ .name = "403",
	  .says = "HTTP/1.1 403 Forbidden\r\n"
		  "Content-Length: 26\r\n\r\n" PAGE,
	  .after = ZOO_FIN },
	{ .name = "403 of squid",
	  .says = "HTTP/1.1 403 Forbidden\r\n"
		  "X-Squid-Error: ERR_ACCESS_DENIED 0\r\n" EMPTY,
	  .after = ZOO_HANG },
	{ .name = "405",
	  .says = "HTTP/1.1 405 Method Not Allowed\r\n" EMPTY,
	  .after = ZOO_FIN },
	{ .name = "501",
	  .says = "HTTP/1.0 501 Not Implemented\r\n\r\n",
	  .after = ZOO_FIN },
	{ .name = "502",
	  .says = "HTTP/1.1 502 Bad Gateway\r\n" EMPTY,
	  .after = ZOO_FIN },
	{ .name = "503",
	  .says = "HTTP/1.1 503 Service Unavailable\r\n" EMPTY,
	  .after = ZOO_FIN },
	{ .name = "504",
	  .says = "HTTP/1.1 504 Gateway Timeout\r\n" EMPTY,
	  .after = ZOO_FIN },
	/* Do not speak HTTP as it is written */
	{ .name = "1xx first",
	  .says = "HTTP/1.1 103 Early Hints\r\n\r\n" OK "\r\n" },
	{ .name = "garbage",
	  .says = "SSH-2.0-OpenSSH_9.2\r\n\r\n",
	  .after = ZOO_FIN },
	{ .name = "HTML", .says = PAGE "\r\n\r\n", .after = ZOO_FIN },
	{ .name = "NUL in a header",
	  .says = WITHNUL,
	  .says_bytes = sizeof(WITHNUL) - 1 },
	{ .name = "64 KB in a header",
	  .says = OK "X-Filler: ",
	  .fill = "0123456789abcdef",
	  .fill_count = 4096,
	  .ends = "\r\n\r\n" },
	{ .name = "endless headers",
	  .says = OK,
	  .fill = "X-Filler: 0123456789012345678901234567890123456\r\n",
	  .endless = true },
	/* Do not answer, or not to the end */
	{ .name = "black hole", .deaf = true },
	{ .name = "silent", .after = ZOO_HANG },
	{ .name = "200 without end", .says = OK, .after = ZOO_HANG },
	{ .name = "endless drip",
	  .says = OK "X-Slow: ",
	  .fill = "z",
	  .endless = true,
	  .byte_ms = 10 },
	{ .name = "FIN at once", .after = ZOO_FIN, .unasked = true },
	{ .name = "FIN for an answer", .after = ZOO_FIN },
	{ .name = "FIN after the status line", .says = OK, .after = ZOO_FIN },
	{ .name = "RST at once", .after = ZOO_RST, .unasked = true },
	{ .name = "RST in the headers",
	  .says = OK "Via: 1.1 z",
	  .after = ZOO_RST },
	/* Meddle with the tunnel; with a server of TLS behind it whose
	 * authority nobody trusts, the first of all is one that inspects */
	{ .name = "idle cutter", .says = OK "\r\n", .idle_ms = 3200 },
	{ .name = "cuts after 1 MB", .says = OK "\r\n", .cut_bytes = 1 << 20 },
};
const size_t zoo_animals_count = sizeof(zoo_animals) / sizeof(zoo_animals[0]);

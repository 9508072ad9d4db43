/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_answer.c - header lines into one head, and that into the app's
 *
 * RFC 9112, 2.3 (our own version), 5.2 (folded lines become one) and 6.3;
 * RFC 9110, 7.6.1 (what is for one connection is not passed on).
 */
#include <config.h>

#include "http_answer.h"

#include "http_app.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As libcurl's own. */
#define BYTES_MAX (300 * 1024)

void http_answer_fini(struct http_answer *a)
{
	free(a->text);
	a->text = NULL;
	a->len = 0;
}

/* RFC 9112, 5.2: a proxy makes blanks of the fold. */
static void unfold(struct http_answer *a)
{
	while (a->len > 0 &&
	       (a->text[a->len - 1] == '\n' || a->text[a->len - 1] == '\r'))
		a->len--;
}

int http_answer_line(struct http_answer *a, const char *line, size_t len,
		     bool to_head)
{
	bool folded = len > 0 && (line[0] == ' ' || line[0] == '\t');
	bool last = len > 0 && (line[0] == '\r' || line[0] == '\n');
	char *more;

	if (len > 5 && memcmp(line, "HTTP/", 5) == 0)
		a->len = 0;
	if (len > BYTES_MAX - a->len) {
		a->head.why = "a header that is too long";
		return -EBADMSG;
	}
	more = realloc(a->text, a->len + len);
	if (more == NULL)
		return -ENOMEM;
	a->text = more;
	if (folded)
		unfold(a);
	memcpy(a->text + a->len, line, len);
	a->len += len;
	if (!last)
		return 0;
	return http_head_parse_response(&a->head, a->text, a->len, to_head) < 0
		       ? -EBADMSG
		       : 1;
}

static bool put_text(struct http_app *app, const struct http_text *t)
{
	return t->len == 0 || http_app_put(app, t->at, t->len);
}

static bool put_field(struct http_app *app, const struct http_field *f)
{
	return put_text(app, &f->name) && http_app_put(app, ": ", 2) &&
	       put_text(app, &f->value) && http_app_put(app, "\r\n", 2);
}

static bool put_fields(const struct http_head *h, struct http_app *app)
{
	bool length = h->framing == HTTP_FRAMING_CHUNKED;

	for (size_t i = 0; i < h->fields; i++) {
		const struct http_field *f = &h->field[i];

		if (http_head_is_private(h, f))
			continue;
		if (http_text_is(&f->name, "Content-Length")) {
			if (length) /* once, and not beside a coding */
				continue;
			length = true;
		}
		if (!put_field(app, f))
			return false;
	}
	return true;
}

bool http_answer_put(const struct http_answer *a, struct http_app *app,
		     enum http_connection connection, bool chunked)
{
	static const char *const says[] = {
		[HTTP_CONNECTION_CLOSE] = "Connection: close\r\n",
		[HTTP_CONNECTION_KEEP] = "",
		[HTTP_CONNECTION_KEEP_1_0] = "Connection: keep-alive\r\n",
	};
	const struct http_head *h = &a->head;
	char line[32];
	int n = snprintf(line, sizeof(line), "HTTP/1.1 %03u ", h->status);

	if (!http_app_put(app, line, (size_t)n) || !put_text(app, &h->reason) ||
	    !http_app_put(app, "\r\n", 2) || !put_fields(h, app))
		return false;
	if (chunked && !http_app_put(app, "Transfer-Encoding: chunked\r\n", 28))
		return false;
	/* One that is not the final one says nothing of the connection. */
	if (h->status >= 200 &&
	    !http_app_put(app, says[connection], strlen(says[connection])))
		return false;
	return http_app_put(app, "\r\n", 2);
}

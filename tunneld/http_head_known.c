/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_head_known.c - the fields of a head that say how the message is framed
 * and what becomes of the connection
 *
 * RFC 9112, 6 and 9; RFC 9110, 7.2 and 7.6.1.
 */
#include <config.h>

#include "http_head_private.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

bool http_text_is(const struct http_text *t, const char *word)
{
	return t->len == strlen(word) && strncasecmp(t->at, word, t->len) == 0;
}

struct http_text http_text_trim(struct http_text t)
{
	while (t.len > 0 && (t.at[0] == ' ' || t.at[0] == '\t')) {
		t.at++;
		t.len--;
	}
	while (t.len > 0 && (t.at[t.len - 1] == ' ' || t.at[t.len - 1] == '\t'))
		t.len--;
	return t;
}

int http_head_bad(struct http_head *h, int error, const char *why)
{
	h->why = why;
	return error;
}

/* The next of a list of tokens, from `*list` on. */
static bool next_item(struct http_text *list, struct http_text *item)
{
	const char *comma;
	size_t len;

	if (list->len == 0)
		return false;
	comma = memchr(list->at, ',', list->len);
	len = comma != NULL ? (size_t)(comma - list->at) : list->len;
	*item = http_text_trim((struct http_text){ list->at, len });
	len += comma != NULL;
	list->at += len;
	list->len -= len;
	return true;
}

static bool list_has(struct http_text list, const char *word)
{
	struct http_text item;

	while (next_item(&list, &item))
		if (http_text_is(&item, word))
			return true;
	return false;
}

static int parse_length(struct http_head *h, const struct http_text *value)
{
	uint64_t n = 0;

	for (size_t i = 0; i < value->len; i++) {
		unsigned int digit = (unsigned char)value->at[i] - '0';

		if (digit > 9 || n > ((uint64_t)INT64_MAX - digit) / 10)
			return http_head_bad(h, -EBADMSG,
					     "a strange Content-Length");
		n = n * 10 + digit;
	}
	if (value->len == 0)
		return http_head_bad(h, -EBADMSG, "an empty Content-Length");
	/* RFC 9112, 6.3 (5.): not even the same one twice, in a request. */
	if (h->framing == HTTP_FRAMING_LENGTH &&
	    (h->status == 0 || h->length != n))
		return http_head_bad(h, -EBADMSG, "several Content-Length");
	h->length = n;
	if (h->framing == HTTP_FRAMING_NONE)
		h->framing = HTTP_FRAMING_LENGTH;
	return 0;
}

static int parse_coding(struct http_head *h, const struct http_text *value)
{
	bool request = h->status == 0;

	/* RFC 9112, 6.1 */
	if (h->framing == HTTP_FRAMING_LENGTH && request)
		return http_head_bad(h, -EBADMSG,
				     "Transfer-Encoding beside Content-Length");
	if (h->framing == HTTP_FRAMING_CHUNKED)
		return http_head_bad(h, -EBADMSG, "several Transfer-Encoding");
	if (h->minor == 0 && request)
		return http_head_bad(h, -EBADMSG,
				     "Transfer-Encoding in HTTP/1.0");
	/* Nobody has offered another one. */
	if (!http_text_is(value, "chunked"))
		return http_head_bad(h, -ENOTSUP,
				     "a Transfer-Encoding not known");
	h->framing = HTTP_FRAMING_CHUNKED;
	return 0;
}

/* RFC 9110, 7.2 */
static int parse_host(struct http_head *h, const struct http_text *value)
{
	if (h->host.at != NULL)
		return http_head_bad(h, -EBADMSG, "several Host");
	for (size_t i = 0; i < value->len; i++)
		if (!isalnum((unsigned char)value->at[i]) &&
		    strchr("-._~!$&'()*+;=%:[]", value->at[i]) == NULL)
			return http_head_bad(h, -EBADMSG, "a strange Host");
	h->host = *value;
	return 0;
}

static void parse_connection(struct http_head *h, const struct http_text *value)
{
	h->close |= list_has(*value, "close");
	h->keep_alive |= list_has(*value, "keep-alive");
}

int http_head_know(struct http_head *h, const struct http_field *f)
{
	bool request = h->status == 0;

	if (http_text_is(&f->name, "Content-Length")) {
		if (h->framing == HTTP_FRAMING_CHUNKED && request)
			return http_head_bad(
				h, -EBADMSG,
				"Content-Length beside Transfer-Encoding");
		/* RFC 9112, 6.3 (3.): the coding overrides it. */
		return h->framing == HTTP_FRAMING_CHUNKED
			       ? 0
			       : parse_length(h, &f->value);
	}
	if (http_text_is(&f->name, "Transfer-Encoding"))
		return parse_coding(h, &f->value);
	if (http_text_is(&f->name, "Connection"))
		parse_connection(h, &f->value);
	else if (http_text_is(&f->name, "Host") && request)
		return parse_host(h, &f->value);
	/* RFC 9110, 7.8: it may be ignored; who offers HTTP/2 goes on with
	 * HTTP/1.1 then. */
	else if (http_text_is(&f->name, "Upgrade"))
		h->upgrade |= !http_text_is(&f->value, "h2c");
	else if (http_text_is(&f->name, "Expect"))
		h->expects_continue = http_text_is(&f->value, "100-continue");
	return 0;
}

/* RFC 9110, 7.6.1: the fields of the connection, and those that it names. */
bool http_head_is_private(const struct http_head *h, const struct http_field *f)
{
	static const char *const names[] = { "Connection", "Keep-Alive", "TE",
					     "Transfer-Encoding", "Upgrade" };
	char name[64];

	if (f->name.len >= 6 && strncasecmp(f->name.at, "Proxy-", 6) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (http_text_is(&f->name, names[i]))
			return true;
	if (f->name.len >= sizeof(name))
		return false;
	memcpy(name, f->name.at, f->name.len);
	name[f->name.len] = '\0';
	for (size_t i = 0; i < h->fields; i++)
		if (http_text_is(&h->field[i].name, "Connection") &&
		    list_has(h->field[i].value, name))
			return true;
	return false;
}

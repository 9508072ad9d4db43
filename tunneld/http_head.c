/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * http_head.c - the text of an HTTP/1.1 head into its fields and framing
 *
 * RFC 9112, 2 to 6; RFC 9110, 5 and 7.6. Whatever two readers could take in
 * two ways is refused: folded lines, blanks before a colon, control
 * characters, several lengths, a length beside a transfer coding, a transfer
 * coding of HTTP/1.0. A line may end in LF alone (RFC 9112, 2.2).
 */
#include <config.h>

#include "http_head.h"

#include "http_head_private.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

/* What a method and its blank are within, or this is not HTTP at all. */
#define EARLY_BYTES (HTTP_METHOD_MAX + 1)

/* RFC 9110, 5.6.2 */
static bool is_token_char(unsigned char c)
{
	return isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_token_char((unsigned char)text[i]))
			return false;
	return len > 0;
}

/* RFC 9110, 5.5; `blanks`: SP and HTAB are fine, too. */
static bool is_printable(const char *text, size_t len, bool blanks)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == 0x7f ||
		    (c <= 0x20 && !(blanks && (c == ' ' || c == '\t'))))
			return false;
	}
	return true;
}

/* The bytes of another protocol may hold no line end at all. */
static bool is_hopeless(const char *text, size_t len)
{
	size_t method = 0;

	if (len > EARLY_BYTES)
		len = EARLY_BYTES;
	while (method < len && is_token_char((unsigned char)text[method]))
		method++;
	/* RFC 9112, 2.2: an empty line may come before it. */
	if (method == 0)
		return text[0] != '\r' && text[0] != '\n';
	return method > HTTP_METHOD_MAX ||
	       (method < len && text[method] != ' ');
}

static size_t empty_lines(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && (text[n] == '\r' || text[n] == '\n'))
		n++;
	return n;
}

int http_head_find(const char *text, size_t len, size_t from)
{
	size_t begin = empty_lines(text, len), at;

	if (begin > 4 ||
	    (begin < len && is_hopeless(text + begin, len - begin)))
		return -EBADMSG;
	at = from > begin + 3 ? from - 3 : begin;
	for (; at < len; at++) {
		size_t next = at + 1;

		if (text[at] != '\n')
			continue;
		if (next < len && text[next] == '\r')
			next++;
		if (next < len && text[next] == '\n')
			return (int)next + 1;
	}
	return len < HTTP_HEAD_MAX ? 0 : -EBADMSG;
}

/* The next line without its end; false: there is none. A CR elsewhere than
 * there is no blank, whatever RFC 9112, 2.2 allows. */
static bool next_line(struct http_text *rest, struct http_text *line)
{
	const char *end = memchr(rest->at, '\n', rest->len);
	size_t used;

	if (end == NULL)
		return false;
	used = (size_t)(end - rest->at) + 1;
	*line = (struct http_text){ rest->at, used - 1 };
	if (line->len > 0 && line->at[line->len - 1] == '\r')
		line->len--;
	rest->at += used;
	rest->len -= used;
	return true;
}

static int parse_field(struct http_head *h, const struct http_text *line)
{
	const char *colon = memchr(line->at, ':', line->len);
	struct http_field *f = &h->field[h->fields];
	size_t name;

	if (line->at[0] == ' ' || line->at[0] == '\t')
		return http_head_bad(h, -EBADMSG, "a folded header line");
	if (colon == NULL || h->fields == HTTP_FIELDS_MAX)
		return http_head_bad(h, -EBADMSG,
				     colon == NULL
					     ? "a header line without colon"
					     : "too many header lines");
	name = (size_t)(colon - line->at);
	if (!is_token(line->at, name))
		return http_head_bad(h, -EBADMSG, "a header's name is none");
	f->name = (struct http_text){ line->at, name };
	f->value = http_text_trim(
		(struct http_text){ colon + 1, line->len - name - 1 });
	if (!is_printable(f->value.at, f->value.len, true))
		return http_head_bad(h, -EBADMSG,
				     "a control character in a header");
	h->fields++;
	return 0;
}

static int parse_fields(struct http_head *h, struct http_text *rest)
{
	struct http_text line;
	int rc;

	while (next_line(rest, &line)) {
		if (line.len == 0)
			return 0;
		rc = parse_field(h, &line);
		if (rc == 0)
			rc = http_head_know(h, &h->field[h->fields - 1]);
		if (rc < 0)
			return rc;
	}
	return http_head_bad(h, -EBADMSG, "no end of the header");
}

static bool parse_version(struct http_head *h, const char *text)
{
	if (memcmp(text, "HTTP/1.", 7) != 0 ||
	    (text[7] != '0' && text[7] != '1'))
		return false;
	h->minor = (unsigned int)(text[7] - '0');
	return true;
}

/* RFC 9112, 3.2: what is absolute becomes a path, and its host the Host. */
static int parse_target(struct http_head *h, struct http_text t)
{
	const char *slash;

	if (!is_printable(t.at, t.len, false) || t.len == 0)
		return http_head_bad(h, -EBADMSG, "a strange request target");
	if (http_text_is(&t, "*") && strcmp(h->method, "OPTIONS") == 0) {
		h->target = t;
		return 0;
	}
	if (t.len > 7 && strncasecmp(t.at, "http://", 7) == 0) {
		slash = memchr(t.at + 7, '/', t.len - 7);
		if (slash == NULL)
			return http_head_bad(h, -EBADMSG,
					     "a strange request target");
		t.len -= (size_t)(slash - t.at);
		t.at = slash;
	}
	if (t.at[0] != '/')
		return http_head_bad(h, -EBADMSG, "a strange request target");
	h->target = t;
	return 0;
}

/* RFC 9112, 3: two blanks, no more. */
static int parse_request_line(struct http_head *h, const struct http_text *line)
{
	const char *end = line->at + line->len;
	const char *first = memchr(line->at, ' ', line->len);
	const char *last = memrchr(line->at, ' ', line->len);

	if (first == NULL || last == first)
		return http_head_bad(h, -EBADMSG, "not an HTTP request");
	if (end - last != 9 || !parse_version(h, last + 1))
		return http_head_bad(h, -EPROTO, "not HTTP/1.0 or HTTP/1.1");
	if (first - line->at > HTTP_METHOD_MAX ||
	    !is_token(line->at, (size_t)(first - line->at)))
		return http_head_bad(h, -EBADMSG, "a strange method");
	memcpy(h->method, line->at, (size_t)(first - line->at));
	return parse_target(
		h, (struct http_text){ first + 1, (size_t)(last - first) - 1 });
}

int http_head_parse_request(struct http_head *h, const char *text, size_t len)
{
	size_t begin = empty_lines(text, len);
	struct http_text rest = { text + begin, len - begin }, line;
	int rc;

	*h = (struct http_head){ .framing = HTTP_FRAMING_NONE };
	if (!next_line(&rest, &line))
		return http_head_bad(h, -EBADMSG, "not an HTTP request");
	rc = parse_request_line(h, &line);
	if (rc == 0)
		rc = parse_fields(h, &rest);
	/* RFC 9112, 3.2 */
	if (rc == 0 && h->minor > 0 && h->host.at == NULL)
		rc = http_head_bad(h, -EBADMSG, "no Host");
	return rc;
}

static int parse_status_line(struct http_head *h, const struct http_text *line)
{
	const char *s = line->at;

	if (line->len < 12 || !parse_version(h, s) || s[8] != ' ' ||
	    !isdigit((unsigned char)s[9]) || !isdigit((unsigned char)s[10]) ||
	    !isdigit((unsigned char)s[11]) || s[9] == '0' ||
	    (line->len > 12 && s[12] != ' '))
		return http_head_bad(h, -EBADMSG, "a strange status line");
	h->status = (unsigned int)(s[9] - '0') * 100 +
		    (unsigned int)(s[10] - '0') * 10 +
		    (unsigned int)(s[11] - '0');
	h->reason = http_text_trim(
		(struct http_text){ s + 12, line->len - 12 });
	return is_printable(h->reason.at, h->reason.len, true)
		       ? 0
		       : http_head_bad(h, -EBADMSG, "a strange status line");
}

/* RFC 9112, 6.3 */
static void frame_response(struct http_head *h, bool to_head)
{
	if (to_head || h->status < 200 || h->status == 204 || h->status == 304)
		h->framing = HTTP_FRAMING_NONE;
	else if (h->framing == HTTP_FRAMING_NONE)
		h->framing = HTTP_FRAMING_TO_END;
}

int http_head_parse_response(struct http_head *h, const char *text, size_t len,
			     bool to_head)
{
	struct http_text rest = { text, len }, line;
	int rc;

	*h = (struct http_head){ .framing = HTTP_FRAMING_NONE };
	if (!next_line(&rest, &line))
		return http_head_bad(h, -EBADMSG, "a strange status line");
	rc = parse_status_line(h, &line);
	if (rc == 0)
		rc = parse_fields(h, &rest);
	if (rc == 0)
		frame_response(h, to_head);
	return rc;
}

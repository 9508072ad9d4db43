/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* term.c - text from outside, made fit to be shown; what a terminal can do */
#include <config.h>

#include "term.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/ioctl.h>

static const struct {
	uint32_t first, last;
} unfit[] = {
	{ 0x0000, 0x001f }, /* C0 */
	{ 0x007f, 0x009f }, /* DEL, C1 */
	{ 0x00ad, 0x00ad }, /* soft hyphen */
	{ 0x061c, 0x061c }, /* Arabic letter mark */
	{ 0x200b, 0x200f }, /* without width; marks of direction */
	{ 0x2028, 0x202e }, /* ends of lines; embeddings, overrides */
	{ 0x2060, 0x206f }, /* isolates and their kind */
	{ 0xd800, 0xdfff }, /* halves of UTF-16 */
	{ 0xfeff, 0xfeff }, /* byte order mark */
	{ 0xfff9, 0xfffb }, /* annotations */
};

static bool is_fit(uint32_t c)
{
	for (size_t i = 0; i < ARRAY_SIZE(unfit); i++)
		if (c >= unfit[i].first && c <= unfit[i].last)
			return false;
	return true;
}

/* How many bytes the character at `s` has, 0: it is no UTF-8 (RFC 3629). */
static size_t decode(const char *s, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char lead = (unsigned char)*s;
	size_t len = lead < 0x80    ? 1
		     : lead < 0xc2  ? 0
		     : lead < 0xe0  ? 2
		     : lead < 0xf0  ? 3
		     : lead <= 0xf4 ? 4
				    : 0;

	*c = len > 1 ? lead & (0x7fu >> len) : lead;
	for (size_t i = 1; i < len; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | ((unsigned char)s[i] & 0x3fu);
	}
	return len > 0 && *c >= least[len] && *c <= 0x10ffff ? len : 0;
}

const char *term_clean(char *out, size_t max, const char *text)
{
	size_t n = 0;

	while (*text != '\0') {
		uint32_t c;
		size_t len = decode(text, &c);
		bool fit = len > 0 && is_fit(c);
		size_t put = fit ? len : 1;

		if (n + put >= max)
			break;
		memcpy(out + n, fit ? text : "?", put);
		n += put;
		text += len > 0 ? len : 1;
	}
	out[n] = '\0';
	return out;
}

size_t term_columns(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* https://no-color.org: set, and not empty. */
bool term_has_colours(int fd)
{
	const char *no = getenv("NO_COLOR");
	const char *kind = getenv("TERM");

	return isatty(fd) && (no == NULL || no[0] == '\0') && kind != NULL &&
	       strcmp(kind, "dumb") != 0;
}

size_t term_width(int fd, size_t other)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return other;
}

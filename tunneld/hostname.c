/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hostname.c - host names as text
 *
 * Turns what a person, an app or a DNS query wrote into the one spelling that
 * tables and rules compare (RFC 1035, 2.3.1 and 2.3.4; RFC 4343). Underscores
 * pass: service names and many real hosts have them.
 */
#include <config.h>

#include "hostname.h"

#include <string.h>

#define LABEL_MAX 63  /* RFC 1035, 2.3.4 */
#define TEXT_MAX  253 /* 255 on the wire: a length byte more, and the root */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One byte of a label in lower case, or 0. */
static char fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	if ((c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_')
		return c;
	return 0;
}

/* inet_aton(3), which getaddrinfo() tries first, takes numbers in decimal,
 * octal and hexadecimal: a name whose last label is one never is looked up. */
static bool is_number(const char *label)
{
	const char *digits = "0123456789";

	if (label[0] == '0' && label[1] == 'x') {
		label += 2;
		digits = "0123456789abcdef";
	}
	return label[strspn(label, digits)] == '\0';
}

bool hostname_normalise(const char *name, char out[CONTROL_NAME_MAX + 1])
{
	size_t len = strlen(name), label = 0;
	const char *last;

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0 || len > TEXT_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
			out[i] = '.';
			continue;
		}
		out[i] = fold(name[i]);
		if (out[i] == 0 || ++label > LABEL_MAX)
			return false;
	}
	out[len] = '\0';
	last = strrchr(out, '.');
	return label > 0 && !is_number(last ? last + 1 : out);
}

bool hostname_is_below(const char *name, const char *domain)
{
	size_t n = strlen(name), d = strlen(domain);

	if (n < d || strcmp(name + n - d, domain) != 0)
		return false;
	return n == d || name[n - d - 1] == '.';
}

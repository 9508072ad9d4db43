/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rules_parse.c - rules as text
 *
 * Turns `ACTION [tcp|udp] NAME-OR-CIDR[:PORT[-PORT]] [program=NAME-OR-PATH]
 * [user=NAME-OR-UID]` into a struct rule, or into words that say what is wrong
 * and what would be right.
 */
#include <config.h>

#include "addr.h"
#include "hostname.h"
#include "rules_private.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MAX 300 /* a name of 255 bytes, brackets and ports */
#define GLOB_MAX  253 /* as a name */

/* The next blank-separated token: > 0 its length, 0 at the end, < 0 when it is
 * longer than any valid one. */
static int next_token(const char **text, char token[TOKEN_MAX])
{
	const char *start = *text + strspn(*text, " \t");
	size_t len = strcspn(start, " \t");

	if (len >= TOKEN_MAX)
		return -EINVAL;
	memcpy(token, start, len);
	token[len] = '\0';
	*text = start + len;
	return (int)len;
}

static bool parse_port(const char *text, size_t len, uint16_t *port)
{
	unsigned int n = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (unsigned int)(text[i] - '0');
	}
	*port = (uint16_t)n;
	return n >= 1 && n <= UINT16_MAX;
}

static int parse_ports(const char *text, struct rule *rule,
		       const struct words *w)
{
	size_t len = strcspn(text, "-");

	if (!parse_port(text, len, &rule->port_min))
		goto fail;
	rule->port_max = rule->port_min;
	if (text[len] == '-' &&
	    !parse_port(text + len + 1, strlen(text + len + 1),
			&rule->port_max))
		goto fail;
	if (rule->port_min > rule->port_max)
		return words_wrong(
			w,
			"port range %s runs backwards: write the lower "
			"port first",
			text);
	return 0;
fail:
	return words_wrong(
		w,
		"`%s` is not a port: write 1 to 65535, or a range as in "
		"5000-5100",
		text);
}

static int parse_prefix(const char *text, bool any_bits, struct rule *rule,
			const struct words *w)
{
	if (any_bits ? addr_parse_network(text, &rule->ip, &rule->prefix_bits)
		     : addr_parse_prefix(text, &rule->ip, &rule->prefix_bits))
		return 0;
	return words_wrong(
		w,
		"`%s` is not a network: write ADDRESS/BITS with zero bits "
		"behind the prefix, as in 10.0.0.0/8",
		text);
}

/* Letters in lower case, and no trailing dot. At least one letter, or it would
 * look like an address, which it never matches. */
static bool parse_glob(const char *text, char out[CONTROL_NAME_MAX + 1])
{
	size_t len = strlen(text);
	bool letter = false;

	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len > GLOB_MAX || text[0] == '.' || strstr(text, "..") != NULL)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		letter |= c >= 'a' && c <= 'z';
		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') &&
		    strchr("-_.*?", c) == NULL)
			return false;
		out[i] = c;
	}
	out[len] = '\0';
	return letter;
}

static int wrong_name(const char *text, const struct words *w)
{
	if (*text != '\0' && text[strspn(text, "0123456789.*?")] == '\0')
		return words_wrong(w,
				   "`%s` is not a whole address: write four "
				   "numbers, or a network as in 10.1.2.0/24",
				   text);
	return words_wrong(
		w,
		"`%s` is neither a host name nor an address: "
		"write NAME, .SUFFIX, a pattern as in host-*.example, "
		"ADDRESS, ADDRESS/BITS or *",
		text);
}

static int parse_name(const char *text, struct rule *rule,
		      const struct words *w)
{
	bool suffix = text[0] == '.' || strncmp(text, "*.", 2) == 0;
	const char *rest = suffix ? strchr(text, '.') + 1 : text;
	char name[CONTROL_NAME_MAX + 1];

	if (strcmp(text, "*") == 0) {
		strcpy(rule->name, "*");
		return 0;
	}
	if (strpbrk(rest, "*?") != NULL)
		return parse_glob(text, rule->name) ? 0 : wrong_name(text, w);
	if (!hostname_normalise(rest, name))
		return wrong_name(text, w);
	/* hostname_normalise() leaves room: 253 bytes at most. */
	rule->name[0] = '.';
	strcpy(rule->name + suffix, name);
	return 0;
}

/* `[V6]`, `[V6/BITS]` or `[V6]/BITS`, each with `:PORT` or without. */
static int parse_bracketed(char *text, bool any_bits, struct rule *rule,
			   const struct words *w)
{
	char *close = strchr(text, ']'), *colon;
	char plain[TOKEN_MAX];

	if (close == NULL)
		return words_wrong(w, "`%s` lacks its closing ]", text);
	colon = strchr(close, ':');
	if (colon != NULL)
		*colon = '\0';
	*close = '\0';
	snprintf(plain, sizeof(plain), "%s%s", text + 1, close + 1);
	if (strchr(plain, ':') == NULL)
		return words_wrong(
			w, "brackets are for IPv6 addresses, not for `%s`",
			plain);
	if (parse_prefix(plain, any_bits, rule, w) < 0)
		return -EINVAL;
	return colon ? parse_ports(colon + 1, rule, w) : 0;
}

int rules_parse_target(char *text, bool any_bits, struct rule *rule,
		       const struct words *w)
{
	char *colon = strchr(text, ':');
	struct endpoint ip;

	rule->port_min = 0;
	rule->port_max = UINT16_MAX;
	if (*text == '[')
		return parse_bracketed(text, any_bits, rule, w);
	if (colon != NULL && strchr(colon + 1, ':') != NULL)
		return parse_prefix(text, any_bits, rule, w);
	if (colon != NULL)
		*colon = '\0';
	if (colon != NULL && parse_ports(colon + 1, rule, w) < 0)
		return -EINVAL;
	if (strchr(text, '/') != NULL || addr_parse_ip(text, &ip))
		return parse_prefix(text, any_bits, rule, w);
	return parse_name(text, rule, w);
}

static int parse_action(const char *text, struct rule *rule,
			const struct words *w)
{
	/* What stands behind is no rule: the daemon finds it out itself. */
	for (int i = 0; i < POLICY_PREFER_DIRECT; i++) {
		if (strcmp(text, rules_action_name((enum policy_action)i)) != 0)
			continue;
		rule->action = (enum policy_action)i;
		return 0;
	}
	return words_wrong(
		w,
		"`%s` is not an action: write direct, proxy, tunnel or "
		"block",
		text);
}

static int check_protocol(struct rule *rule, const struct words *w)
{
	if (rule->action == POLICY_PROXY && rule->protocol == POLICY_UDP)
		return words_wrong(
			w, "an HTTP proxy carries TCP only: write `proxy "
			   "tcp`, or `tunnel udp` for the relay");
	if (rule->action == POLICY_TUNNEL && rule->protocol == POLICY_TCP)
		return words_wrong(w,
				   "the tunnel carries UDP only: write `tunnel "
				   "udp`, or `proxy tcp` for the proxy");
	if (rule->action == POLICY_PROXY)
		rule->protocol = POLICY_TCP;
	if (rule->action == POLICY_TUNNEL)
		rule->protocol = POLICY_UDP;
	return 0;
}

static int parse_program(const char *text, struct rule *rule,
			 const struct words *w)
{
	size_t len = strlen(text);
	const char *slash = strchr(text, '/');

	if (rule->who.program[0] != '\0')
		return words_wrong(w, "one program= a rule");
	if (len == 0 || len > PAGE_PROGRAM_MAX ||
	    (slash != NULL && (slash != text || text[len - 1] == '/')))
		return words_wrong(w,
				   "`%s` is no program: write the name of its "
				   "file, or the whole path",
				   text);
	strcpy(rule->who.program, text);
	return 0;
}

/* By number or by name, as the system knows it now. */
static bool find_user(const char *text, uint32_t *uid)
{
	char room[4096], *end;
	struct passwd entry, *found = NULL;

	if (*text >= '0' && *text <= '9') {
		unsigned long long n = strtoull(text, &end, 10);

		*uid = (uint32_t)n;
		return *end == '\0' && n < UINT32_MAX;
	}
	if (getpwnam_r(text, &entry, room, sizeof(room), &found) != 0 ||
	    found == NULL)
		return false;
	*uid = (uint32_t)entry.pw_uid;
	return true;
}

static int parse_user(const char *text, struct rule *rule,
		      const struct words *w)
{
	if (rule->who.by_user)
		return words_wrong(w, "one user= a rule");
	if (strlen(text) > RULES_USER_MAX || !find_user(text, &rule->who.uid))
		return words_wrong(w,
				   "there is no user `%s`: write one of this "
				   "machine's, or a number",
				   text);
	rule->who.by_user = 1;
	strcpy(rule->user, text);
	return 0;
}

/* What stands behind the destination: whom the rule is about. */
static int parse_who(const char *text, const char *target, struct rule *rule,
		     const struct words *w)
{
	static const char program[] = "program=", user[] = "user=";
	char token[TOKEN_MAX];
	int n, error = 0;

	while (error == 0 && (n = next_token(&text, token)) != 0) {
		if (n > 0 && strncmp(token, program, strlen(program)) == 0)
			error = parse_program(token + strlen(program), rule, w);
		else if (n > 0 && strncmp(token, user, strlen(user)) == 0)
			error = parse_user(token + strlen(user), rule, w);
		else
			error = words_wrong(
				w,
				"one destination a rule, and nothing behind "
				"`%s` but program= and user=: write a rule of "
				"its own for each",
				target);
	}
	return error;
}

int rules_parse_line(const char *text, struct rule *rule, char *words,
		     size_t words_max)
{
	const struct words w = { words, words_max };
	char token[TOKEN_MAX];
	int n;

	memset(rule, 0, sizeof(*rule));
	if (next_token(&text, token) <= 0)
		return words_wrong(
			&w, "a rule starts with direct, proxy, tunnel or "
			    "block");
	if (parse_action(token, rule, &w) < 0)
		return -EINVAL;
	n = next_token(&text, token);
	if (n > 0 && (strcmp(token, "tcp") == 0 || strcmp(token, "udp") == 0)) {
		rule->protocol = token[0] == 't' ? POLICY_TCP : POLICY_UDP;
		n = next_token(&text, token);
	}
	if (n == 0)
		return words_wrong(&w,
				   "the destination is missing: write NAME, "
				   ".SUFFIX, ADDRESS/BITS or *, then :PORT if "
				   "need be");
	if (n < 0)
		return words_wrong(&w,
				   "the destination is longer than any name");
	if (parse_who(text, token, rule, &w) < 0)
		return -EINVAL;
	if (check_protocol(rule, &w) < 0)
		return -EINVAL;
	return rules_parse_target(token, false, rule, &w);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* explain_print.c - what was found out, as lines for people or as JSON */
#include <config.h>

#include "explain_private.h"
#include "json_text.h"

static const char *protocol_name(const struct explained *x)
{
	return x->query->target.protocol == POLICY_UDP ? "udp" : "tcp";
}

/* A proxy has chosen its realm, and this may be a terminal. */
static void plain(FILE *to, const char *text)
{
	for (; *text != '\0'; text++)
		putc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text,
		     to);
}

static void line(FILE *to, const char *label, const char *text)
{
	if (text[0] == '\0')
		return;
	fprintf(to, "%-10s", label);
	plain(to, text);
	putc('\n', to);
}

static void print_ways(const struct explained *x, FILE *to)
{
	for (size_t i = 0; i < x->proxy_count; i++) {
		const char *name = x->proxy[i].name;

		fprintf(to, "%-10s", i == 0 ? "way" : "else");
		plain(to, name[0] != '\0' ? name : "directly, by tunneld");
		fputs(x->proxy[i].rests ? ", which could not be reached\n"
					: "\n",
		      to);
		line(to, "  login", x->proxy[i].login);
	}
	for (size_t i = 0; i < x->relay_count; i++)
		line(to, i == 0 ? "relay" : "else", x->relay[i]);
}

static void print_lines(const struct explained *x, FILE *to)
{
	const struct explain_target *t = &x->query->target;
	bool brackets = t->ip.family == ENDPOINT_IPV6;

	fprintf(to, "%-10s%s %s%s%s:%u\n", "target", protocol_name(x),
		brackets ? "[" : "", t->host, brackets ? "]" : "", t->port);
	fprintf(to, "%-10s%s, because ", "decision",
		rules_action_name(x->rule.action));
	plain(to, x->rule.words);
	putc('\n', to);
	line(to, "address", x->address);
	line(to, "asked", x->asked ? x->asked : "");
	print_ways(x, to);
	line(to, "answer", x->answer);
}

/* One more. */
static void member(FILE *to, const char *name, const char *text)
{
	fputs(", ", to);
	json_text_member(to, name, text);
}

static void print_proxies(const struct explained *x, FILE *to)
{
	member(to, "asked", x->asked);
	fputs(", \"proxies\": [", to);
	for (size_t i = 0; i < x->proxy_count; i++) {
		fputs(i > 0 ? ", {" : "{", to);
		json_text_member(to, "proxy",
				 x->proxy[i].name[0] != '\0' ? x->proxy[i].name
							     : NULL);
		member(to, "login",
		       x->proxy[i].login[0] != '\0' ? x->proxy[i].login : NULL);
		fprintf(to, ", \"rests\": %s}",
			x->proxy[i].rests ? "true" : "false");
	}
	fputs("], \"relays\": [", to);
	for (size_t i = 0; i < x->relay_count; i++) {
		fputs(i > 0 ? ", " : "", to);
		json_text_put(to, x->relay[i]);
	}
	putc(']', to);
}

static void print_json(const struct explained *x, FILE *to)
{
	const struct rule *rule = x->rule.rule;
	char text[RULES_TEXT_MAX];

	fputs("{\"schema\": \"turnout-explain/1\", \"version\": 1", to);
	member(to, "protocol", protocol_name(x));
	member(to, "host", x->query->target.host);
	fprintf(to, ", \"port\": %u", x->query->target.port);
	member(to, "name", x->name[0] != '\0' ? x->name : NULL);
	member(to, "decision", rules_action_name(x->rule.action));
	member(to, "because", x->rule.words);
	member(to, "rule", rule ? rules_format(rule, text) : NULL);
	member(to, "origin",
	       rule && rule->origin[0] != '\0' ? rule->origin : NULL);
	member(to, "address", x->address[0] != '\0' ? x->address : NULL);
	print_proxies(x, to);
	fprintf(to, ", \"goes\": %s", x->goes ? "true" : "false");
	member(to, "answer", x->answer);
	fputs("}\n", to);
}

void explain_print(const struct explained *x, FILE *to)
{
	if (x->query->json)
		print_json(x, to);
	else
		print_lines(x, to);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* explain_print.c - what was found out, as lines for people or as JSON */
#include <config.h>

#include "explain_private.h"
#include "json_text.h"

static const char *protocol_name(const struct explained *x)
{
	return x->query->target.protocol == POLICY_UDP ? "udp" : "tcp";
}

static void line(FILE *to, const char *label, const char *text)
{
	if (text[0] != '\0')
		fprintf(to, "%-10s%s\n", label, text);
}

static void print_lines(const struct explained *x, FILE *to)
{
	const struct explain_target *t = &x->query->target;
	bool brackets = t->ip.family == ENDPOINT_IPV6;

	fprintf(to, "%-10s%s %s%s%s:%u\n", "target", protocol_name(x),
		brackets ? "[" : "", t->host, brackets ? "]" : "", t->port);
	fprintf(to, "%-10s%s, because %s\n", "decision",
		rules_action_name(x->rule.action), x->rule.words);
	line(to, "address", x->address);
	line(to, "asked", x->asked ? x->asked : "");
	for (size_t i = 0; i < x->proxy_count; i++) {
		fprintf(to, "%-10s%s%s\n", i == 0 ? "way" : "else",
			x->proxy[i].name[0] != '\0' ? x->proxy[i].name
						    : "directly, by tunneld",
			x->proxy[i].rests ? ", which could not be reached"
					  : "");
		line(to, "  login", x->proxy[i].login);
	}
	for (size_t i = 0; i < x->relay_count; i++)
		line(to, i == 0 ? "relay" : "else", x->relay[i]);
	line(to, "answer", x->answer);
}

static void print_proxies(const struct explained *x, FILE *to)
{
	fputs(", ", to);
	json_text_member(to, "asked", x->asked);
	fputs(", \"proxies\": [", to);
	for (size_t i = 0; i < x->proxy_count; i++) {
		fputs(i > 0 ? ", {" : "{", to);
		json_text_member(to, "proxy",
				 x->proxy[i].name[0] != '\0' ? x->proxy[i].name
							     : NULL);
		fputs(", ", to);
		json_text_member(to, "login",
				 x->proxy[i].login[0] != '\0'
					 ? x->proxy[i].login
					 : NULL);
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

	fputs("{\"version\": 1, ", to);
	json_text_member(to, "protocol", protocol_name(x));
	fputs(", ", to);
	json_text_member(to, "host", x->query->target.host);
	fprintf(to, ", \"port\": %u, ", x->query->target.port);
	json_text_member(to, "decision", rules_action_name(x->rule.action));
	fputs(", ", to);
	json_text_member(to, "because", x->rule.words);
	fputs(", ", to);
	json_text_member(to, "rule", rule ? rules_format(rule, text) : NULL);
	fputs(", ", to);
	json_text_member(to, "origin",
			 rule && rule->origin[0] != '\0' ? rule->origin : NULL);
	fputs(", ", to);
	json_text_member(to, "address",
			 x->address[0] != '\0' ? x->address : NULL);
	print_proxies(x, to);
	fprintf(to, ", \"goes\": %s, ", x->goes ? "true" : "false");
	json_text_member(to, "answer", x->answer);
	fputs("}\n", to);
}

void explain_print(const struct explained *x, FILE *to)
{
	if (x->query->json)
		print_json(x, to);
	else
		print_lines(x, to);
}

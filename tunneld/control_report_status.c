/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control_report_status.c - the document turnout-status/1
 *
 * Theory of operation. What flows do is known to the workers alone. Each is
 * asked to copy it out when it comes to it, and the answer is put together when
 * all have answered, or after a second without those that have not; neither
 * side ever waits for the other. A user is told of his own programs and flows;
 * root, and the user that tunneld runs as, of all.
 */
#include <config.h>

#include "apps.h"
#include "control_conn.h"
#include "dial.h"
#include "egress.h"
#include "flow_table.h"
#include "json_clean.h"
#include "names.h"
#include "policy.h"
#include "proxy.h"
#include "proxy_auth.h"
#include "proxy_health.h"
#include "proxy_pump.h"
#include "relay.h"
#include "stats.h"
#include "status_json.h"
#include "tunnel.h"
#include "worker.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define GATHER_MS 1000
/* What a client is let pile up holds about so many. */
#define FLOWS_MAX   512
#define PROXIES_MAX 64

struct gather {
	struct conn *conn; /* NULL: answered, or gone */
	struct loop *loop;
	struct loop_timer deadline;
	size_t waiting; /* workers that have not answered */
	bool complete;
	size_t count; /* of `look` */
	struct worker_look *look[];
};

static void free_gather(struct gather *g)
{
	for (size_t i = 0; i < g->count; i++)
		free(g->look[i]);
	free(g);
}

static bool sees_all(const struct conn *conn)
{
	return conn_may_command(conn);
}

static json_t *count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* Proxies */

static bool is_same(const struct proxy_health_entry *e, const struct proxy *p)
{
	return e->kind == p->kind && e->port == p->port &&
	       strcasecmp(e->host, p->host) == 0;
}

static void put_proxy(json_t *list, const struct control *c,
		      const struct proxy *p, bool configured,
		      const struct proxy_health_entry *health)
{
	struct proxy_auth_facts login;
	char url[PROXY_TEXT_MAX];

	proxy_auth_look(dial_tunnel_env(c->opts.pool)->auth, p, &login);
	json_array_append_new(list,
			      status_json_proxy(proxy_format(p, url),
						configured, health, &login,
						loop_now_ms(c->opts.loop)));
}

/* Those that are known beforehand; then those that a script has named, as far
 * as anybody has turned to them. */
static json_t *proxies(const struct control *c)
{
	const struct egress *egress = policy_egress(c->opts.policy);
	struct proxy *const *proxy = NULL;
	size_t n = egress != NULL && egress_source(egress) == NULL
			   ? egress_proxies(egress, &proxy)
			   : 0;
	struct proxy_health_entry known[PROXIES_MAX];
	size_t seen = proxy_health_list(dial_tunnel_env(c->opts.pool)->health,
					loop_now_ms(c->opts.loop), known,
					PROXIES_MAX);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < seen && !is_same(&known[k], proxy[i]))
			k++;
		put_proxy(list, c, proxy[i], true, k < seen ? &known[k] : NULL);
		if (k < seen)
			known[k] = known[--seen];
	}
	for (size_t k = 0; k < seen; k++) {
		struct proxy p = { .kind = known[k].kind,
				   .port = known[k].port };

		strcpy(p.host, known[k].host);
		put_proxy(list, c, &p, false, &known[k]);
	}
	return list;
}

/* Relays, names, TCP */

static json_t *relays(const struct control *c)
{
	const struct relay_set *set = c->opts.relays;
	json_t *list = json_array();

	for (size_t i = 0; i < set->count; i++)
		json_array_append_new(list,
				      status_json_relay(&set->relay[i],
							relay_set_winner(set)));
	return list;
}

static json_t *pool(const struct control *c, uint8_t family)
{
	uint32_t used, capacity;

	names_use(c->opts.names, family, &used, &capacity);
	return capacity != 0 ? json_pack("{s:I, s:I}", "used", (json_int_t)used,
					 "capacity", (json_int_t)capacity)
			     : json_null();
}

static json_t *names(const struct control *c)
{
	return json_pack("{s:o, s:o, s:o}", "ipv4", pool(c, ENDPOINT_IPV4),
			 "ipv6", pool(c, ENDPOINT_IPV6), "lookups",
			 count(c->lookups));
}

static json_t *tcp(const struct control *c)
{
	uint64_t others = c->connects_failed + c->connecting;
	json_t *failed = json_object();
	struct proxy_pump_stats pump;

	for (int i = 0; i < DIAL_NUM_REASONS; i++)
		if (c->failed[i] != 0)
			json_object_set_new(
				failed, dial_reason_name((enum dial_reason)i),
				count(c->failed[i]));
	proxy_pump_stats(dial_tunnel_env(c->opts.pool)->pump, &pump);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}}",
			 "connecting", count(c->connecting), "opened",
			 count(c->connects > others ? c->connects - others : 0),
			 "failed", count(c->connects_failed), "refused",
			 count(c->refused), "failed_by", failed, "pump",
			 "connections", count(pump.pairs), "bytes",
			 count(pump.bytes));
}

static json_t *counters(const struct control *c)
{
	struct worker_stats sum = { 0 };

	for (size_t i = 0; i <= c->opts.worker_count; i++) {
		const struct worker_stats *s =
			i < c->opts.worker_count
				? worker_stats(c->opts.workers[i])
				: &c->stats;
#define ADD_COUNTER(name, help) stats_add(&sum.name, stats_get(&s->name));
		STATS_WORKER_LIST(ADD_COUNTER)
#undef ADD_COUNTER
	}
	return status_json_counters(&sum);
}

/* Apps and flows */

static json_t *apps(const struct conn *conn)
{
	struct control *c = conn->control;
	json_t *list = json_array();

	apps_sweep(&c->apps);
	for (size_t i = 0; i < APPS_MAX; i++) {
		const struct app *app = &c->apps.app[i];

		if (app->pid != 0 &&
		    (sees_all(conn) || app->uid == conn->cred.uid))
			json_array_append_new(
				list, status_json_app(
					      app, loop_now_ms(c->opts.loop)));
	}
	return list;
}

static json_t *flows(const struct gather *g, size_t *left_out)
{
	const struct control *c = g->conn->control;
	json_t *list = json_array();
	size_t room = FLOWS_MAX;

	for (size_t i = 0; i < g->count; i++) {
		const struct worker_look *look = g->look[i];
		size_t n = look->count < room ? look->count : room;

		for (size_t k = 0; k < n; k++)
			json_array_append_new(
				list,
				status_json_flow(
					&look->flow[k],
					flow_table_find(c->flows,
							look->flow[k].cookie,
							look->flow[k].uid)));
		room -= n;
		*left_out += look->left_out + look->count - n;
	}
	return list;
}

static json_t *document(const struct gather *g)
{
	struct control *c = g->conn->control;
	size_t left_out = 0;
	json_t *doc;

	doc = json_pack("{s:s, s:o, s:b, s:b}", "schema", "turnout-status/1",
			"at", status_json_utc(time(NULL)), "complete",
			g->complete, "everybody", sees_all(g->conn));
	if (doc == NULL)
		return NULL;
	if (c->opts.on_status != NULL)
		c->opts.on_status(c->opts.arg, doc);
	json_object_set_new(json_object_get(doc, "daemon"), "reload",
			    json_pack("{s:b, s:o}", "ok", !c->reload_failed,
				      "at", status_json_utc(c->reloaded_s)));
	json_object_set_new(doc, "proxies", proxies(c));
	json_object_set_new(doc, "relays", relays(c));
	json_object_set_new(doc, "apps", apps(g->conn));
	json_object_set_new(doc, "flows", flows(g, &left_out));
	json_object_set_new(doc, "flows_left_out", count(left_out));
	json_object_set_new(doc, "tcp", tcp(c));
	json_object_set_new(doc, "names", names(c));
	json_object_set_new(doc, "counters", counters(c));
	return doc;
}

/* Gathering */

static void answer(struct gather *g)
{
	struct conn *conn = g->conn;
	json_t *doc = document(g);
	char *text = doc != NULL ? json_dumps(doc, JSON_COMPACT) : NULL;

	json_decref(doc);
	g->conn = NULL;
	loop_timer_stop(g->loop, &g->deadline);
	if (text != NULL) {
		conn_write(conn, text, strlen(text));
		conn_write(conn, "\n", 1);
	}
	free(text);
	conn_finish(conn);
}

static void on_gone(void *arg)
{
	struct gather *g = arg;

	g->conn = NULL;
	loop_timer_stop(g->loop, &g->deadline);
	if (g->waiting == 0)
		free_gather(g);
}

static void on_deadline(void *arg, uint64_t now_ms)
{
	struct gather *g = arg;

	(void)now_ms;
	g->complete = false;
	answer(g);
}

static void on_look(void *arg, struct worker_look *look)
{
	struct gather *g = arg;

	if (look != NULL)
		g->look[g->count++] = look;
	else
		g->complete = false;
	if (--g->waiting > 0)
		return;
	if (g->conn != NULL)
		answer(g);
	free_gather(g);
}

static void ask_workers(struct gather *g, const struct conn *conn)
{
	const struct control_opts *opts = &conn->control->opts;
	struct worker_look_opts look = {
		.loop = opts->loop,
		.everybody = sees_all(conn),
		.uid = conn->cred.uid,
		.max = FLOWS_MAX,
		.done = on_look,
		.arg = g,
	};

	for (size_t i = 0; i < opts->worker_count; i++) {
		if (worker_look(opts->workers[i], &look))
			g->waiting++;
		else
			g->complete = false;
	}
}

void conn_report_status(struct conn *conn)
{
	const struct control_opts *opts = &conn->control->opts;
	struct gather *g = calloc(1, sizeof(*g) + opts->worker_count *
							  sizeof(g->look[0]));

	if (g == NULL) {
		conn_close(conn);
		return;
	}
	g->conn = conn;
	g->loop = opts->loop;
	g->complete = true;
	conn_stream(conn, on_gone, g);
	ask_workers(g, conn);
	if (g->waiting == 0) {
		answer(g);
		free_gather(g);
	} else if (loop_timer_set(g->loop, &g->deadline,
				  loop_now_ms(g->loop) + GATHER_MS, on_deadline,
				  g) < 0) {
		conn_close(conn);
	}
}

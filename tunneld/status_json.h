/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * status_json.h - parts of the document turnout-status/1
 * (docs/schema/turnout-status-1.json)
 *
 * Each returns a new reference; NULL: no memory. What comes from outside is
 * cleaned.
 */
#ifndef STATUS_JSON_H
#define STATUS_JSON_H

#include <turnout/compiler.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct app;
struct endpoint;
struct flow_facts;
struct flow_record;
struct proxy_auth_facts;
struct proxy_health_entry;
struct relay;
struct worker_stats;

/* "2026-11-28T06:00:00Z", of seconds since 1970; null for 0 */
json_t *status_json_utc(int64_t s) MUST_CHECK;
/* "203.0.113.5:3478"; null for family 0 */
json_t *status_json_endpoint(const struct endpoint *e) MUST_CHECK;
json_t *status_json_app(const struct app *app, uint64_t now_ms) MUST_CHECK;
/* `record` NULL: it has ended since. */
json_t *status_json_flow(const struct flow_facts *f,
			 const struct flow_record *record) MUST_CHECK;
json_t *status_json_relay(const struct relay *r,
			  const struct relay *preferred) MUST_CHECK;
/* `url`: without a login; `configured`: not by a script. */
json_t *status_json_proxy(const char *url, bool configured,
			  const struct proxy_health_entry *health,
			  const struct proxy_auth_facts *login,
			  uint64_t now_ms) MUST_CHECK;
json_t *status_json_counters(const struct worker_stats *s) MUST_CHECK;

#endif

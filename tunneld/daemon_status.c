/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* daemon_status.c - what tunneld as a whole tells of itself */
#include <config.h>

#include "conf.h"
#include "daemon.h"
#include "egress.h"
#include "json_clean.h"
#include "options.h"
#include "sandbox.h"
#include "udp_probe.h"

#include <jansson.h>
#include <unistd.h>

static const char *kind(const struct tunneld *d)
{
	if (d->opts->private_daemon)
		return "private";
	return daemon_serves_everyone(d) ? "system" : "user";
}

static json_t *files(const struct tunneld *d)
{
	json_t *list = json_array();

	for (char **f = d->conf->file; f != NULL && *f != NULL; f++)
		json_array_append_new(list, json_clean(*f));
	return list;
}

static json_t *network(const struct tunneld *d)
{
	const struct egress *egress = d->snapshot.egress;
	const char *source = egress != NULL ? egress_source(egress) : NULL;

	return json_pack(
		"{s:o, s:o, s:s, s:s, s:s}", "proxy",
		json_clean(egress != NULL ? egress_words(egress) : NULL),
		"proxy_source", json_clean(source), "media_mode",
		d->conf->media == CONF_MEDIA_AUTO ? "auto" : "relay", "media",
		daemon_media_is_direct(d) ? "direct" : "relay", "direct_udp",
		udp_verdict_name(d->media.verdict));
}

void daemon_put_status(void *arg, json_t *doc)
{
	const struct tunneld *d = arg;
	char sandbox[SANDBOX_WORDS_MAX];

	sandbox_words(sandbox);

	json_object_set_new(
		doc, "daemon",
		json_pack("{s:s, s:i, s:s, s:I, s:o, s:o, s:b, s:I, s:s}",
			  "version", PACKAGE_VERSION, "pid", (int)getpid(),
			  "kind", kind(d), "uid", (json_int_t)geteuid(),
			  "socket", json_clean(d->socket), "config", files(d),
			  "ready", d->ready_said, "uptime_ms",
			  (json_int_t)(loop_now_ms(d->loop) - d->started_ms),
			  "sandbox", sandbox));
	json_object_set_new(doc, "network", network(d));
}

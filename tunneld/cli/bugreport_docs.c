/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bugreport_docs.c - the documents of a bug report
 *
 * Each comes from tunneld, from turnout or from systemd, and goes through
 * redact.c whole. Files with secrets are not opened at all. What is not there
 * is told, with the reason.
 */
#include <config.h>

#include "bugreport_docs.h"

#include "bundle.h"
#include "capture.h"
#include "daemon.h"
#include "places.h"
#include "redact.h"
#include "redact_json.h"
#include "unit_of.h"

#include <turnout/compiler.h>
#include <turnout/control.h>

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gnu/libc-version.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#define ANSWER_TIMEOUT_MS  5000
#define PROGRAM_TIMEOUT_MS 10000
#define DOCTOR_TIMEOUT_MS  30000

/* Adding */

static void leave_out(struct bugreport *b, const char *name, int err)
{
	bundle_leave_out(b->bundle, name,
			 err < 0 ? strerror(-err) : "it could not be had");
}

static void add_text(struct bugreport *b, const char *name, const char *words,
		     const char *text, size_t len)
{
	bool numbers = strcmp(name, "metrics.txt") == 0;
	size_t bytes = 0;
	char *out = NULL;
	FILE *to = open_memstream(&out, &bytes);

	if (to == NULL) {
		leave_out(b, name, -ENOMEM);
		return;
	}
	redact_text(b->redact, text, len, numbers, to);
	if (fclose(to) == 0)
		bundle_add(b->bundle, name, words, out, bytes);
	else
		leave_out(b, name, -ENOMEM);
	free(out);
}

static void add_json(struct bugreport *b, const char *name, const char *words,
		     const json_t *doc)
{
	char left_out[REDACT_JSON_OUT_MAX];
	json_t *reduced = redact_json(b->redact, doc, left_out);
	char *out = json_dumps(reduced, JSON_INDENT(1));
	char why[REDACT_JSON_OUT_MAX + 64];

	json_decref(reduced);
	if (out == NULL) {
		leave_out(b, name, -ENOMEM);
		return;
	}
	bundle_add(b->bundle, name, words, out, strlen(out));
	free(out);
	if (left_out[0] == '\0')
		return;
	snprintf(why, sizeof(why), "not on the list of what is harmless: %s",
		 left_out);
	bundle_leave_out(b->bundle, name, why);
}

/* Names, and the configuration */

static void know_machine(struct redact *r)
{
	const struct passwd *user = getpwuid(getuid());
	struct utsname machine;

	redact_know(r, REDACT_USER, getenv("SUDO_USER"));
	redact_know(r, REDACT_USER, getenv("USER"));
	if (user != NULL)
		redact_know(r, REDACT_USER, user->pw_name);
	if (uname(&machine) < 0)
		return;
	redact_know(r, REDACT_HOST, machine.nodename);
	machine.nodename[strcspn(machine.nodename, ".")] = '\0';
	redact_know(r, REDACT_HOST, machine.nodename);
}

/* These hold whatever somebody wrote: that they are set is enough. */
static void hide_values(json_t *config)
{
	static const char *const keys[] = { "credential_command",
					    "credentials_body" };
	json_t *rows = json_object_get(config, "values");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *row = json_array_get(rows, i);
		const char *key = json_string_value(
			json_object_get(row, "key"));

		for (size_t j = 0; key != NULL && j < ARRAY_SIZE(keys); j++)
			if (strcmp(key, keys[j]) == 0)
				json_object_set_new(row, "value",
						    json_string("set"));
	}
}

/* A file that the running tunneld was given; NULL: it reads the usual ones. */
static const char *own_config(const json_t *status)
{
	static const char usual[] = SYSCONFDIR "/turnout/";
	const json_t *files = json_object_get(json_object_get(status, "daemon"),
					      "config");

	for (size_t i = 0; i < json_array_size(files); i++) {
		const char *path = json_string_value(json_array_get(files, i));

		if (path != NULL && strncmp(path, usual, strlen(usual)) != 0)
			return path;
	}
	return NULL;
}

static json_t *load_config(const json_t *status, int *err)
{
	char tunneld[PATH_MAX], *text;
	const char *own = own_config(status);
	const char *argv[] = { tunneld,
			       "--show-config",
			       "--json",
			       "--origin",
			       own != NULL ? "--config" : NULL,
			       own,
			       NULL };
	const struct capture c = { argv, PROGRAM_TIMEOUT_MS };
	json_t *doc;
	size_t bytes;

	*err = places_tunneld(tunneld, sizeof(tunneld));
	if (*err == 0)
		*err = capture(&c, &text, &bytes);
	if (*err < 0)
		return NULL;
	doc = json_loadb(text, bytes, 0, NULL);
	free(text);
	if (doc != NULL)
		hide_values(doc);
	return doc;
}

/* Documents of the running tunneld */

static json_t *load_status(struct bugreport *b, int *err)
{
	const struct control_report body = { .kind = REPORT_STATUS };
	char *text;
	json_t *doc;

	*err = -ENOENT;
	if (b->socket != NULL)
		*err = daemon_document(b->socket, CONTROL_REPORT, &body,
				       sizeof(body), ANSWER_TIMEOUT_MS, &text);
	if (*err < 0)
		return NULL;
	doc = json_loads(text, 0, NULL);
	free(text);
	return doc;
}

static void add_report(struct bugreport *b, const char *name, const char *words,
		       struct control_report body)
{
	char *text;
	int err = daemon_document(b->socket, CONTROL_REPORT, &body,
				  sizeof(body), ANSWER_TIMEOUT_MS, &text);

	if (err < 0) {
		leave_out(b, name, err);
		return;
	}
	add_text(b, name, words, text, strlen(text));
	free(text);
}

/* Of the lines about how far it is, and the report, the report. */
static int on_doctor(void *arg, char *line, size_t bytes)
{
	json_t **report = arg, *doc = json_loadb(line, bytes, 0, NULL);

	if (*report == NULL)
		*report = json_incref(json_object_get(doc, "report"));
	json_decref(doc);
	return 0;
}

static void add_doctor(struct bugreport *b)
{
	const struct control_doctor body = { .flags = 0 };
	json_t *report = NULL;
	int err;

	if (b->no_doctor || b->socket == NULL) {
		bundle_leave_out(b->bundle, "doctor.json",
				 b->no_doctor ? "--no-doctor"
					      : "no tunneld is running");
		return;
	}
	err = daemon_stream(b->socket, CONTROL_DOCTOR, &body, sizeof(body),
			    on_doctor, &report, DOCTOR_TIMEOUT_MS);
	if (report != NULL)
		add_json(b, "doctor.json", "what is wrong, hop by hop", report);
	else
		leave_out(b, "doctor.json", err);
	json_decref(report);
}

/* The machine */

static void put_limit(FILE *to, const char *name, int which)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)which, &limit) == 0)
		fprintf(to, "limit %s %lld of %lld\n", name,
			(long long)limit.rlim_cur, (long long)limit.rlim_max);
}

/* One number of the kernel's. */
static void put_sysctl(FILE *to, const char *name, const char *path)
{
	FILE *from = fopen(path, "re");
	unsigned long long value;

	if (from == NULL)
		return;
	if (fscanf(from, "%llu", &value) == 1)
		fprintf(to, "%s %llu\n", name, value);
	fclose(from);
}

/* Of os-release(5): which system, no more. */
static void put_system(FILE *to)
{
	FILE *from = fopen("/etc/os-release", "re");
	char line[256];

	while (from != NULL && fgets(line, sizeof(line), from) != NULL)
		if (strncmp(line, "ID=", 3) == 0 ||
		    strncmp(line, "VERSION_ID=", 11) == 0)
			fprintf(to, "system %s", line);
	if (from != NULL)
		fclose(from);
}

static void add_machine(struct bugreport *b)
{
	struct utsname machine;
	size_t bytes = 0;
	char *text = NULL;
	FILE *to = open_memstream(&text, &bytes);

	if (to == NULL) {
		leave_out(b, "machine.txt", -ENOMEM);
		return;
	}
	fprintf(to, "turnout %s\nlibc %s\n", PACKAGE_VERSION,
		gnu_get_libc_version());
	if (uname(&machine) == 0)
		fprintf(to, "kernel %s %s %s\n", machine.sysname,
			machine.release, machine.machine);
	put_system(to);
	fprintf(to, "processors %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
	put_limit(to, "files", RLIMIT_NOFILE);
	put_limit(to, "processes", RLIMIT_NPROC);
	put_sysctl(to, "receive buffer", "/proc/sys/net/core/rmem_max");
	put_sysctl(to, "send buffer", "/proc/sys/net/core/wmem_max");
	put_sysctl(to, "ptrace scope", "/proc/sys/kernel/yama/ptrace_scope");
	put_sysctl(to, "IPv6 disabled",
		   "/proc/sys/net/ipv6/conf/all/disable_ipv6");
	/* Nothing of these has a name in it: they need no pseudonyms. */
	if (fclose(to) == 0)
		bundle_add(b->bundle, "machine.txt", "kernel, system, limits",
			   text, bytes);
	free(text);
}

static void add_unit(struct bugreport *b, const char *status)
{
	struct unit_of unit;
	const char *argv[] = {
		"systemctl",
		"--system",
		"show",
		"--property=ActiveState,SubState,Result,NRestarts,"
		"ExecMainStatus,ExecMainCode,MemoryCurrent,TasksCurrent,"
		"LimitNOFILE,Type",
		"--",
		unit.name,
		NULL,
	};
	const struct capture c = { argv, PROGRAM_TIMEOUT_MS };
	size_t bytes;
	char *text;
	int err;

	if (!unit_of_status(status, &unit)) {
		bundle_leave_out(b->bundle, "unit.txt",
				 "tunneld is no service of systemd");
		return;
	}
	if (unit.user)
		argv[1] = "--user";
	err = capture(&c, &text, &bytes);
	if (err < 0) {
		leave_out(b, "unit.txt", err);
		return;
	}
	add_text(b, "unit.txt", "its service", text, bytes);
	free(text);
}

static void add_running(struct bugreport *b)
{
	char *status;
	int err;

	if (b->socket == NULL) {
		bundle_leave_out(b->bundle, "log, metrics, unit",
				 "no tunneld is running");
		return;
	}
	add_report(b, "metrics.txt", "what tunneld counts",
		   (struct control_report){ .kind = REPORT_METRICS });
	add_report(b, "log.txt", "the last lines of its log",
		   (struct control_report){
			   .kind = REPORT_LOG,
			   .flags = REPORT_LOG_LEVEL(3) |
				    REPORT_LOG_LINES(REPORT_LOG_LINES_MAX) });
	err = daemon_status(b->socket, &status);
	if (err < 0) {
		leave_out(b, "unit.txt", err);
		return;
	}
	add_unit(b, status);
	free(status);
}

static void add_pseudonyms(struct bugreport *b)
{
	for (int kind = 0; kind < REDACT_NUM_KINDS; kind++) {
		size_t n = redact_count(b->redact, (enum redact_kind)kind);
		char what[64];

		if (n == 0)
			continue;
		snprintf(what, sizeof(what), "%s-1 to %s-%zu",
			 redact_kind_name((enum redact_kind)kind),
			 redact_kind_name((enum redact_kind)kind), n);
		bundle_leave_out(b->bundle, what,
				 "stand for what is yours; which is which is "
				 "written nowhere");
	}
	bundle_leave_out(b->bundle, "passwords, keys, secrets",
			 "their files are not opened; what tunneld has in "
			 "memory it tells nobody");
	bundle_leave_out(b->bundle, "what apps send and receive",
			 "tunneld keeps nothing of it");
}

void bugreport_collect(struct bugreport *b)
{
	int config_err, status_err;
	json_t *status = load_status(b, &status_err);
	json_t *config = load_config(status, &config_err);

	/* All names first: they may stand in any document. */
	know_machine(b->redact);
	redact_json_learn(b->redact, config);
	redact_json_learn(b->redact, status);
	if (config != NULL)
		add_json(b, "config.json",
			 "the configuration of a tunneld started now", config);
	else
		leave_out(b, "config.json", config_err);
	if (status != NULL)
		add_json(b, "status.json", "what tunneld does", status);
	else if (b->socket != NULL)
		leave_out(b, "status.json", status_err);
	json_decref(config);
	json_decref(status);
	add_doctor(b);
	add_running(b);
	add_machine(b);
	add_pseudonyms(b);
}

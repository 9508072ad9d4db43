/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf.h - the configuration as read from INI files and --set, checked
 *
 * Only main.c (and cli/) includes this; modules get their own *_opts.
 */
#ifndef CONF_H
#define CONF_H

#include "conf_secret.h"
#include "conf_uri.h"
#include "log.h"
#include "rules.h"

#include <turnout/compiler.h>
#include <turnout/control.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

enum conf_path {
	CONF_PATH_AUTO = 0,
	CONF_PATH_DIRECT,
	CONF_PATH_PROXY
};
enum conf_media {
	CONF_MEDIA_ALWAYS = 0,
	CONF_MEDIA_AUTO,
	CONF_MEDIA_NEVER
};

/* Ways to log in at a proxy; the values of enum proxy_scheme. */
enum conf_auth {
	CONF_AUTH_NEGOTIATE = 1,
	CONF_AUTH_NTLM = 2,
	CONF_AUTH_DIGEST = 4,
	CONF_AUTH_BASIC = 8,
};
#define CONF_AUTH_MAX 4

/* Where it is said which proxy leads to a destination. */
enum conf_proxy_source {
	CONF_PROXY_NONE = 0, /* there is none */
	CONF_PROXY_LIST,
	CONF_PROXY_PAC,
	CONF_PROXY_DESKTOP,
};
#define CONF_PROXIES_MAX 8

struct conf_proxy_server {
	enum conf_proxy_kind kind;
	char host[CONTROL_NAME_MAX + 1];
	uint16_t port;
	/* of the environment only */
	const char *variable;
	char username[256], password[256];
};

#define CONF_PATH_MAX    4096
#define CONF_TEXT_MAX    1024
#define CONF_HEADERS_MAX 8192 /* bytes of credentials_headers_file */

struct conf_relay {
	char name[64];
	struct conf_uri uri; /* no host: the URIs come with credentials_uri */
	char username[256];
	/* one of these */
	char password_file[CONF_PATH_MAX];   /* static credentials */
	char secret_file[CONF_PATH_MAX];     /* TURN REST */
	char credentials_uri[CONF_TEXT_MAX]; /* https://, a JSON object */
	char credential_command[CONF_TEXT_MAX];
	/* of credentials_uri; may be empty */
	char credentials_headers_file[CONF_PATH_MAX];
	char credentials_body[CONF_TEXT_MAX];
	char ca_file[CONF_PATH_MAX]; /* empty: the system's store */
	enum conf_path path;
	uint8_t warm;                    /* allocations kept ready */
	uint8_t keepalive_s;             /* at most so long silent */
	bool mobility;                   /* RFC 8016: ask for it */
	bool redirect;                   /* 300: follow it */
	char origin[CONF_PATH_MAX + 16]; /* file:line, for messages */
};

enum conf_resolver {
	CONF_RESOLVER_AUTO = 0,
	CONF_RESOLVER_SYSTEM,
	CONF_RESOLVER_HTTPS,
	CONF_RESOLVER_RELAY,
};

struct conf {
	struct {
		enum conf_proxy_source source;
		/* LIST: in the order of preference */
		struct conf_proxy_server server[CONF_PROXIES_MAX];
		size_t server_count;
		/* LIST: for port 80 there is another one (http_proxy) */
		struct conf_proxy_server plain;
		bool has_plain;
		char pac[CONF_PATH_MAX]; /* PAC: http(s):// or a path */
		char username[256];      /* at all of them */
		/* one of these, or none */
		char password_file[CONF_PATH_MAX];
		char password_credential[256]; /* a name, systemd.exec(5) */
		char credential_command[CONF_TEXT_MAX];
		char netrc_file[CONF_PATH_MAX];
		uint8_t scheme[CONF_AUTH_MAX]; /* enum conf_auth, in order */
		uint8_t scheme_count;
		bool basic_over_http;
		char **no_proxy;             /* NULL-terminated; NULL: none */
		char ca_file[CONF_PATH_MAX]; /* empty: the system's store */
		char client_cert_file[CONF_PATH_MAX];
		char client_key_file[CONF_PATH_MAX];
		bool alpn_header; /* RFC 7639 */
	} proxy;
	struct conf_relay *relay; /* in order of preference */
	size_t relay_count;
	enum conf_media media;
	enum rules_lookup lookup; /* [names] mode */
	enum conf_resolver resolver;
	char doh_uri[CONF_TEXT_MAX]; /* or empty */
	struct endpoint relay_dns;   /* or of family 0 */
	struct endpoint pool4, pool6;
	uint8_t pool4_bits, pool6_bits;
	struct rules rules;
	struct {
		char textfile[CONF_PATH_MAX]; /* or empty */
		uint8_t interval_s;
		struct endpoint listen; /* of family 0: nowhere */
	} metrics;
	char run_as[33];            /* empty: who starts it */
	char socket[CONF_PATH_MAX]; /* empty: the default of main.c */
	char **file; /* that were read, NULL-terminated; NULL: none */
	enum log_level log_level;
};

/* What the command line gave: `file` instead of the default, and
 * "SECTION.KEY=VALUE" settings (section "relay NAME" is written
 * relay.NAME.KEY=VALUE) that win over files: rules and relays of theirs come
 * first. The default file may be absent; conf.d is read with it only, or where
 * `dir` says. policy.d is always read and wins over all of that. */
struct conf_source {
	const char *file; /* NULL: SYSTEM_CONF and SYSTEM_CONF_DIR */
	const char *dir;  /* read *.conf here instead; NULL: see above */
	const char *const *set;
	size_t set_count;
	/* For tests alone: no option and no variable leads here. Whoever else
	 * can write the directory would own the locks. */
	const char *policy_dir; /* NULL: SYSTEM_POLICY_DIR */
	uid_t policy_owner;     /* 0: root */
	/* These files, in this order, instead of all others; as if they stood
	 * in policy.d if `only_policy`, whoever owns them. */
	const char *const *only;
	size_t only_count;
	bool only_policy;
	/* Files that are named may be missing here: a warning. */
	bool no_secrets;
};

/* One line: "file:line: what is wrong; what would be right". */
typedef void(conf_report_fn)(void *arg, enum log_level level, const char *line);

/* NULL: every problem has been told to `report` as an error; warnings do not
 * fail it. Secrets are not read here, but the files named are checked:
 * readable, and not by group or others. */
struct conf *conf_load(const struct conf_source *source, conf_report_fn *report,
		       void *arg) MUST_CHECK;
void conf_free(struct conf *conf); /* wipes the password */

#endif

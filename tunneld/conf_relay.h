/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conf_relay.h - the keys of [relay NAME], one setter (conf_set_fn) for each */
#ifndef CONF_RELAY_H
#define CONF_RELAY_H

#include "conf_kind.h"

#include <turnout/compiler.h>

int conf_relay_uri(struct conf_target *t, const char *value) MUST_CHECK;
int conf_relay_username(struct conf_target *t, const char *value) MUST_CHECK;
int conf_relay_password_file(struct conf_target *t,
			     const char *value) MUST_CHECK;
int conf_relay_secret_file(struct conf_target *t, const char *value) MUST_CHECK;
int conf_relay_credentials_uri(struct conf_target *t,
			       const char *value) MUST_CHECK;
int conf_relay_credentials_headers_file(struct conf_target *t,
					const char *value) MUST_CHECK;
int conf_relay_credentials_body(struct conf_target *t,
				const char *value) MUST_CHECK;
int conf_relay_credential_command(struct conf_target *t,
				  const char *value) MUST_CHECK;
int conf_relay_ca_file(struct conf_target *t, const char *value) MUST_CHECK;
int conf_relay_path(struct conf_target *t, const char *value) MUST_CHECK;
int conf_relay_mobility(struct conf_target *t, const char *value) MUST_CHECK;
int conf_relay_redirect(struct conf_target *t, const char *value) MUST_CHECK;
int conf_relay_keepalive(struct conf_target *t, const char *value) MUST_CHECK;
int conf_relay_warm(struct conf_target *t, const char *value) MUST_CHECK;

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conf_proxy.h - which proxy, and logging in there: keys of [proxy], one setter
 * for each */
#ifndef CONF_PROXY_H
#define CONF_PROXY_H

#include "conf_kind.h"

#include <turnout/compiler.h>

/* The keys that say where the password comes from. */
#define CONF_PROXY_LOGINS 4
extern const char *const conf_proxy_logins[CONF_PROXY_LOGINS];

int conf_proxy_url(struct conf_target *t, const char *value) MUST_CHECK;
int conf_proxy_username(struct conf_target *t, const char *value) MUST_CHECK;
int conf_proxy_password_file(struct conf_target *t,
			     const char *value) MUST_CHECK;
int conf_proxy_password_credential(struct conf_target *t,
				   const char *value) MUST_CHECK;
int conf_proxy_credential_command(struct conf_target *t,
				  const char *value) MUST_CHECK;
int conf_proxy_netrc_file(struct conf_target *t, const char *value) MUST_CHECK;
int conf_proxy_auth(struct conf_target *t, const char *value) MUST_CHECK;
int conf_proxy_basic_over_http(struct conf_target *t,
			       const char *value) MUST_CHECK;
int conf_proxy_ca_file(struct conf_target *t, const char *value) MUST_CHECK;
int conf_proxy_client_cert_file(struct conf_target *t,
				const char *value) MUST_CHECK;
int conf_proxy_client_key_file(struct conf_target *t,
			       const char *value) MUST_CHECK;
int conf_proxy_alpn_header(struct conf_target *t, const char *value) MUST_CHECK;

#endif

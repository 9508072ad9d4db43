/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * creds_json.h - what web services and commands say about relays' credentials,
 * in the forms that are in the field; pure
 *
 *   draft-uberti-behave-turn-rest-00, 2.1 and Matrix:
 *     {"username": …, "password": …, "ttl": …, "uris": [URI…]}
 *   Twilio: the same with "ice_servers": [{"url" or "urls", "username",
 *     "credential"}…]
 *   Cloudflare, LiveKit: {"iceServers": {…} or [{…}…]}
 *   Metered: [{"urls", "username", "credential"}…]
 *   Xirsys: {"v": {"iceServers": …}}
 *   git-credential(1): username=…, password=…, ttl=… or password_expiry_utc=…,
 *     and uri=… as often as one likes, each on a line of its own
 */
#ifndef CREDS_JSON_H
#define CREDS_JSON_H

#include <turnout/compiler.h>

#include <stddef.h>

struct creds_served;

#define CREDS_JSON_BYTES_MAX 65536

/* `text` need not end with NUL. 0; or -EBADMSG, with `*words` (static, says
 * what was missing) and `out` wiped. */
int creds_json_parse(const char *text, size_t len, struct creds_served *out,
		     const char **words) MUST_CHECK;
/* The same, or lines. */
int creds_json_parse_any(const char *text, size_t len, struct creds_served *out,
			 const char **words) MUST_CHECK;

#endif

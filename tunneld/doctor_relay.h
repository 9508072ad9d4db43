/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* doctor_relay.h - what TURN itself shows, and UDP past the proxy */
#ifndef DOCTOR_RELAY_H
#define DOCTOR_RELAY_H

struct doctor_branch;
struct doctor_way;

/* Lines relay.turn to relay.idle, on the connection of the way. */
void doctor_relay(struct doctor_way *w);
/* Line udp.direct. */
void doctor_udp(struct doctor_branch *b);

#endif

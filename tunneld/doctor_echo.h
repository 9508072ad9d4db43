/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* doctor_echo.h - how datagrams fare that go through the relay and back */
#ifndef DOCTOR_ECHO_H
#define DOCTOR_ECHO_H

struct doctor_way;
struct turn_probe;
struct turn_probe_facts;

/* Lines relay.echo and relay.throughput, and the report's series. `probe` NULL:
 * there is no allocation. */
void doctor_echo(struct doctor_way *w, struct turn_probe *probe,
		 const struct turn_probe_facts *facts);

#endif

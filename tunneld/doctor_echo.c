/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor_echo.c - echoes through the relay -> round trip, jitter, loss and
 * throughput, as figures and as series
 *
 * Jitter is the mean difference of successive round trips. A relay may refuse
 * to pass datagrams to itself; then its answers to requests are all there is.
 */
#include <config.h>

#include "doctor_echo.h"

#include "doctor_way.h"
#include "turn_probe.h"

#include <stdlib.h>
#include <string.h>

/* Like a call's sound: 50 packets a second. */
#define ECHOES         60
#define ECHO_US        20000
#define ECHO_BYTES     160
#define ECHO_LINGER_MS 1000
/* Like a call's picture, as good as it gets. */
#define BURST_COUNT  1000
#define BURST_US     1000
#define BURST_BYTES  1000
#define BURST_LINGER 500
#define BIN_US       100000

/* What calls bear (ITU-T G.114 has 300 ms there and back as good). */
#define SLOW_RTT_MS    300
#define SLOW_JITTER_MS 40
#define FAR_RTT_MS     150
/* Later than the others by more, and a call does without it. */
#define LATE_MS       200
#define SLOW_LOSS_PCT 3
#define NARROW_KBPS   400

struct figures {
	double least_ms, mean_ms, p95_ms, jitter_ms, loss_pct;
};

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double ms_of(uint32_t us)
{
	return us / 1000.0;
}

static void add_up(struct turn_probe_echo *e, struct figures *f)
{
	static const size_t percent = 95;
	double sum = 0, change = 0, last = -1;
	size_t n = 0;

	for (unsigned int i = 0; i < e->sent; i++) {
		double ms;

		if (e->rtt_us[i] == TURN_PROBE_LOST)
			continue;
		ms = ms_of(e->rtt_us[i]);
		sum += ms;
		if (last >= 0)
			change += ms > last ? ms - last : last - ms;
		last = ms;
		n++;
	}
	f->loss_pct = 100.0 * (e->sent - (double)n) / (e->sent ? e->sent : 1);
	if (n == 0)
		return;
	/* Lost ones are the greatest numbers, and end behind. */
	qsort(e->rtt_us, e->sent, sizeof(e->rtt_us[0]), compare);
	f->least_ms = ms_of(e->rtt_us[0]);
	f->mean_ms = sum / (double)n;
	f->p95_ms = ms_of(e->rtt_us[(n - 1) * percent / 100]);
	f->jitter_ms = n > 1 ? change / (double)(n - 1) : 0;
}

static void put_series(struct doctor_branch *b, const char *name,
		       json_t *values)
{
	if (b->series == NULL)
		b->series = json_object();
	json_object_set_new(b->series, name, values);
}

static json_t *rtt_series(const struct turn_probe_echo *e)
{
	json_t *values = json_array();

	for (unsigned int i = 0; i < e->sent; i++)
		json_array_append_new(values,
				      e->rtt_us[i] == TURN_PROBE_LOST
					      ? json_null()
					      : json_real(ms_of(e->rtt_us[i])));
	return values;
}

static void judge(struct doctor_way *w, struct doctor_line *l,
		  const struct figures *f)
{
	bool slow = f->mean_ms > SLOW_RTT_MS;
	/* TCP sends again what was lost: that comes late, and the others as
	 * soon as ever. */
	bool lossy = f->loss_pct > SLOW_LOSS_PCT ||
		     f->jitter_ms > SLOW_JITTER_MS ||
		     f->p95_ms - f->least_ms > LATE_MS ||
		     (slow && f->least_ms <= FAR_RTT_MS);

	doctor_figure(l, "%.1f ms", f->mean_ms);
	doctor_value(l, "rtt_min_ms", f->least_ms);
	doctor_value(l, "rtt_mean_ms", f->mean_ms);
	doctor_value(l, "rtt_p95_ms", f->p95_ms);
	doctor_value(l, "jitter_ms", f->jitter_ms);
	doctor_value(l, "loss_percent", f->loss_pct);
	if (lossy || slow)
		doctor_advise(l, lossy ? DOCTOR_CAUSE_LOSS : DOCTOR_CAUSE_DELAY,
			      &w->names);
	doctor_state(l, lossy || slow ? DOCTOR_SLOW : DOCTOR_OK,
		     "there and back, 95 of 100 within %.1f ms; jitter %.1f "
		     "ms; %.0f %% lost",
		     f->p95_ms, f->jitter_ms, f->loss_pct);
}

/* No echo: the relay's answers to requests have to do. */
static void judge_requests(struct doctor_way *w, struct doctor_line *l,
			   const struct turn_probe_facts *facts, bool refused)
{
	double ms = ms_of(facts->request_us);
	bool slow = ms > SLOW_RTT_MS;

	doctor_figure(l, "%.1f ms", ms);
	doctor_value(l, "request_ms", ms);
	doctor_state(l, slow ? DOCTOR_SLOW : DOCTOR_INFO,
		     "%s; its answers to requests take that long",
		     refused ? "the relay does not pass datagrams to itself "
			       "(403), so two that both use it cannot call "
			       "each other"
			     : "no echo came back: the relay may not pass "
			       "datagrams to itself");
	doctor_advise(l, slow ? DOCTOR_CAUSE_DELAY : DOCTOR_CAUSE_OWN_ADDRESS,
		      &w->names);
}

/* False: there are no echoes here. */
static bool tell_echo(struct doctor_way *w, struct turn_probe *p,
		      const struct turn_probe_facts *facts,
		      struct turn_probe_echo *e)
{
	struct doctor_line *l = doctor_begin(w->branch, DOCTOR_RELAY_ECHO,
					     w->names.host);
	struct figures f = { .loss_pct = 0 };

	if (l == NULL)
		return false;
	*e = (struct turn_probe_echo){
		.count = ECHOES,
		.interval_us = ECHO_US,
		.bytes = ECHO_BYTES,
		.linger_ms = ECHO_LINGER_MS,
		.deadline_ms = doctor_deadline_ms(w->branch, 4000),
	};
	turn_probe_echo(p, e);
	if (e->heard == 0) {
		judge_requests(w, l, facts, e->refused);
		return false;
	}
	put_series(w->branch, "echo_rtt_ms", rtt_series(e));
	add_up(e, &f);
	judge(w, l, &f);
	return true;
}

/* Bytes that went one way, in bins of a tenth of a second. */
static json_t *rate_series(const struct turn_probe_echo *e, bool down)
{
	double kbit[1 + BURST_COUNT * BURST_US * 2 / BIN_US] = { 0 };
	json_t *values = json_array();
	size_t last = 0;

	for (unsigned int i = 0; i < e->sent; i++) {
		uint64_t at = (uint64_t)i * BURST_US;

		if (down && e->rtt_us[i] == TURN_PROBE_LOST)
			continue;
		if (down)
			at += e->rtt_us[i];
		if (at / BIN_US >= ARRAY_SIZE(kbit))
			continue;
		kbit[at / BIN_US] += 8.0 * BURST_BYTES / 1000;
		if (at / BIN_US > last)
			last = at / BIN_US;
	}
	for (size_t i = 0; i <= last; i++)
		json_array_append_new(values,
				      json_real(kbit[i] * 1000000 / BIN_US));
	return values;
}

static double kbps(size_t bytes, uint32_t us)
{
	return us > 0 ? 8.0 * 1000 * (double)bytes / us : 0;
}

/* What still waits here has not gone up. */
static double up_kbps(const struct turn_probe_echo *e)
{
	size_t bytes = (size_t)e->sent * BURST_BYTES;

	return kbps(bytes > e->unsent_bytes ? bytes - e->unsent_bytes : 0,
		    e->sending_us);
}

static void tell_throughput(struct doctor_way *w, struct turn_probe *p,
			    struct turn_probe_echo *e)
{
	struct doctor_line *l = doctor_begin(w->branch, DOCTOR_RELAY_THROUGHPUT,
					     NULL);
	double up, down;
	bool narrow;

	if (l == NULL)
		return;
	*e = (struct turn_probe_echo){
		.count = BURST_COUNT,
		.interval_us = BURST_US,
		.bytes = BURST_BYTES,
		.linger_ms = BURST_LINGER,
		.deadline_ms = doctor_deadline_ms(w->branch, 2500),
	};
	turn_probe_echo(p, e);
	up = up_kbps(e);
	down = kbps((size_t)e->heard * BURST_BYTES, e->hearing_us);
	narrow = up < NARROW_KBPS || down < NARROW_KBPS;
	put_series(w->branch, "up_kbps", rate_series(e, false));
	put_series(w->branch, "down_kbps", rate_series(e, true));
	doctor_value(l, "up_kbps", up);
	doctor_value(l, "down_kbps", down);
	doctor_figure(l, "%.1f Mbit/s", (up < down ? up : down) / 1000);
	doctor_state(l, narrow ? DOCTOR_SLOW : DOCTOR_OK,
		     "up %.1f, down %.1f Mbit/s; more than %.0f was not tried",
		     up / 1000, down / 1000, 8.0 * BURST_BYTES / BURST_US);
	if (narrow)
		doctor_advise(l, DOCTOR_CAUSE_NARROW, &w->names);
}

void doctor_echo(struct doctor_way *w, struct turn_probe *probe,
		 const struct turn_probe_facts *facts)
{
	struct turn_probe_echo *e = calloc(1, sizeof(*e));

	if (probe == NULL) {
		struct doctor_line *l = doctor_begin(w->branch,
						     DOCTOR_RELAY_ECHO, NULL);

		if (l != NULL)
			doctor_state(l, DOCTOR_SKIPPED,
				     "there is no allocation");
	} else if (e != NULL && tell_echo(w, probe, facts, e)) {
		tell_throughput(w, probe, e);
	}
	free(e);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* status_words.c - times, sizes and losses as people read them */
#include <config.h>

#include "status_words.h"

#include "status_doc.h"

#include <string.h>

void words_put(FILE *to, const char *text, size_t columns)
{
	size_t at = 0;

	for (const unsigned char *c = (const unsigned char *)text; *c != '\0';
	     c++) {
		/* A byte that goes on takes no column of its own. */
		if ((*c & 0xc0) != 0x80 && at++ == columns)
			return;
		fputc(*c < 0x20 || *c == 0x7f ? '?' : *c, to);
	}
}

void words_time(char out[WORDS_TIME_MAX], uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (s < 120)
		snprintf(out, WORDS_TIME_MAX, "%u s", (unsigned int)s);
	else if (s < 7200)
		snprintf(out, WORDS_TIME_MAX, "%u min", (unsigned int)(s / 60));
	else if (s < 172800)
		snprintf(out, WORDS_TIME_MAX, "%u h", (unsigned int)(s / 3600));
	else
		snprintf(out, WORDS_TIME_MAX, "%u d",
			 (unsigned int)(s / 86400));
}

void words_ms(char out[WORDS_MS_MAX], const json_t *ms)
{
	double value = json_number_value(ms);

	if (!json_is_number(ms))
		strcpy(out, "-");
	else
		snprintf(out, WORDS_MS_MAX, value < 100 ? "%.1f" : "%.0f",
			 value < 1e9 ? value : 1e9);
}

void words_bytes(char out[WORDS_BYTES_MAX], uint64_t bytes)
{
	static const char units[] = "kMGTPE";
	double value = (double)bytes;
	int unit = -1;

	while (value >= 999.5) {
		value /= 1000;
		unit++;
	}
	if (unit < 0)
		snprintf(out, WORDS_BYTES_MAX, "%.0f", value);
	else
		snprintf(out, WORDS_BYTES_MAX,
			 value < 9.95 ? "%.1f%c" : "%.0f%c", value,
			 units[unit]);
}

const char *words_program(const char *path)
{
	const char *slash = path != NULL ? strrchr(path, '/') : NULL;

	if (path == NULL)
		return "?";
	return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static uint64_t growth(const json_t *flow, const json_t *before,
		       const char *member)
{
	int64_t now = doc_int(flow, member), then = doc_int(before, member);

	return now > then ? (uint64_t)now - (uint64_t)then : 0;
}

void words_traffic(char out[WORDS_BYTES_MAX], const json_t *flow,
		   const json_t *before, const char *member, int64_t ms)
{
	uint64_t bytes = growth(flow, before, member);

	words_bytes(out, ms > 0 ? bytes * 8000 / (uint64_t)ms : bytes);
}

static void put_loss(char out[WORDS_LOSS_MAX], uint64_t lost, uint64_t of)
{
	double percent = of > 0 ? 100.0 * (double)lost / (double)of : 0;

	if (of == 0)
		strcpy(out, "-");
	else
		snprintf(out, WORDS_LOSS_MAX, percent < 9.95 ? "%.1f" : "%.0f",
			 percent < 100 ? percent : 100);
}

void words_loss_up(char out[WORDS_LOSS_MAX], const json_t *flow,
		   const json_t *before)
{
	put_loss(out, growth(flow, before, "up.dropped"),
		 growth(flow, before, "up.datagrams"));
}

/* Before it came here, by RTP; and what the app's socket had no room for. */
void words_loss_down(char out[WORDS_LOSS_MAX], const json_t *flow,
		     const json_t *before)
{
	uint64_t expected = growth(flow, before, "down.rtp.expected");
	uint64_t lost = growth(flow, before, "down.rtp.lost");
	uint64_t given = growth(flow, before, "down.datagrams");
	uint64_t dropped = growth(flow, before, "down.dropped");

	if (expected == 0 && dropped == 0)
		put_loss(out, 0, 0);
	else
		put_loss(out, lost + dropped,
			 expected > given ? expected : given + lost);
}

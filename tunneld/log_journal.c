/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log_journal.c - one line to systemd's journal, with fields
 *
 * Turns a line and what is known about it into one datagram of KEY=VALUE lines
 * (Native Journal Protocol, systemd.io). Values have no control bytes, so the
 * form with a length is never needed.
 */
#include <config.h>

#include "log_journal.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static const int priorities[] = {
	[LOG_LEVEL_ERROR] = 3,
	[LOG_LEVEL_WARN] = 4,
	[LOG_LEVEL_INFO] = 6,
	[LOG_LEVEL_DEBUG] = 7,
};
_Static_assert(ARRAY_SIZE(priorities) == LOG_NUM_LEVELS, "one a level");

static const char *const message_ids[] = { [LOG_EVENT_NONE] = NULL,
#define ID(name, id) [LOG_EVENT_##name] = (id),
					   LOG_EVENT_LIST(ID)
#undef ID
};
_Static_assert(ARRAY_SIZE(message_ids) == LOG_NUM_EVENTS, "one an event");

bool log_journal_is(const char *stream, int fd)
{
	unsigned long long device, inode;
	struct stat st;
	char rest;

	return stream != NULL &&
	       sscanf(stream, "%llu:%llu%c", &device, &inode, &rest) == 2 &&
	       fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

struct entry {
	char *data;
	size_t len;
	bool cut;
};

static void PRINTF_LIKE(2, 3) add(struct entry *e, const char *fmt, ...)
{
	size_t room = LOG_JOURNAL_MAX - e->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(e->data + e->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		e->cut = true;
	else
		e->len += (size_t)n;
}

/* Names of relays and proxies come from files that people write. */
static void add_about(struct entry *e, const char *key, const char *value)
{
	size_t from;

	if (value == NULL)
		return;
	add(e, "%s=", key);
	from = e->len;
	add(e, "%.256s", value);
	for (size_t i = from; i < e->len; i++)
		if ((unsigned char)e->data[i] < 0x20 || e->data[i] == 0x7f)
			e->data[i] = '?';
	add(e, "\n");
}

size_t log_journal_format(const struct log_line *line,
			  char out[LOG_JOURNAL_MAX])
{
	const struct log_about *about = line->about;
	const char *file = strrchr(line->place->file, '/');
	struct entry e = { .data = out };

	add(&e, "MESSAGE=%.*s\n", (int)line->len, line->text);
	add(&e, "PRIORITY=%d\nSYSLOG_IDENTIFIER=tunneld\n",
	    priorities[line->level]);
	add(&e, "CODE_FILE=%s\nCODE_LINE=%d\nCODE_FUNC=%s\n",
	    file != NULL ? file + 1 : line->place->file, line->place->line,
	    line->place->function);
	if (message_ids[line->event] != NULL)
		add(&e, "MESSAGE_ID=%s\n", message_ids[line->event]);
	if (about != NULL) {
		add_about(&e, "TURNOUT_RELAY", about->relay);
		add_about(&e, "TURNOUT_PROXY", about->proxy);
		add_about(&e, "TURNOUT_REASON", about->reason);
		if (about->flow != 0)
			add(&e, "TURNOUT_FLOW=%llu\n",
			    (unsigned long long)about->flow);
	}
	return e.cut ? 0 : e.len;
}

int log_journal_open(void)
{
	return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

bool log_journal_send(int fd, const char *path, const struct log_line *line)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char data[LOG_JOURNAL_MAX];
	size_t len = log_journal_format(line, data);

	if (fd < 0 || len == 0 || strlen(path) >= sizeof(to.sun_path))
		return false;
	/* By name each time: a journald that was started anew is found. */
	memcpy(to.sun_path, path, strlen(path) + 1);
	return sendto(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT,
		      (const struct sockaddr *)&to,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				  strlen(path) + 1)) == (ssize_t)len;
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control.h - messages on tunneld's control socket (AF_UNIX, SOCK_STREAM)
 *
 * A client connects, sends exactly one request (header and body; descriptors
 * ride on its first byte by SCM_RIGHTS) and reads one answer. Integers are in
 * host order: both ends are on one machine. All structs have the same layout
 * for 32-bit and 64-bit programs.
 *
 * CONTROL_CONNECT is special. With CONTROL_CONNECT_PLACEHOLDER the connection
 * itself becomes the app's descriptor until the verdict is there:
 *   - the client fills its send buffer, so the descriptor is not writable;
 *   - tunneld sends the verdict first, then on success reads and discards all
 *     it can until end of file: the descriptor turns writable;
 *   - on failure tunneld closes with the filler unread: the descriptor shows
 *     IN|OUT|ERR|HUP|RDHUP, like a refused TCP connect;
 *   - a client that closes before the verdict has cancelled the connect.
 * The verdict always carries a TCP socket for the app by SCM_RIGHTS, except
 * when CONTROL_VERDICT_SAME says that the one it gave is ready in place.
 */
#ifndef TURNOUT_CONTROL_H
#define TURNOUT_CONTROL_H

#include <turnout/endpoint.h>

#include <stdint.h>

#define CONTROL_MAGIC   0x54524e43u /* "TRNC" */
#define CONTROL_VERSION 1

enum control_type {
	CONTROL_CONNECT = 1,   /* + descriptor: the app's TCP socket */
	CONTROL_FLOW_OPEN = 2, /* register a UDP socket */
	CONTROL_RESOLVE = 3,   /* name -> synthetic address, or "ask libc" */
	CONTROL_REVERSE = 4,   /* synthetic address -> name */
	CONTROL_STATUS = 5,    /* text for people and tests */
	CONTROL_EXPLAIN = 6,   /* what would be done with a destination */
	/* refused proxy passwords may be sent once more: for root and the
	 * daemon's own user to say */
	CONTROL_PROXY_RETRY = 7,
	CONTROL_RELOAD = 8, /* read the configuration again; for the same */
	/* The answers to these are streams up to the end of file: a document,
	 * or a JSON object a line. */
	CONTROL_REPORT = 9,
	CONTROL_DOCTOR = 10, /* what is wrong, hop by hop */
	CONTROL_PING = 11,   /* echoes through the relay */
	CONTROL_WATCH = 12,  /* what happens, as it happens */
};

struct control_header {
	uint32_t magic;
	uint16_t version;
	uint16_t type;  /* enum control_type */
	uint32_t bytes; /* of the body that follows */
};
_Static_assert(sizeof(struct control_header) == 12, "control layout");

/* A body is never longer; longer ones end the connection. */
#define CONTROL_BODY_MAX 65536u
#define CONTROL_NAME_MAX 255 /* RFC 1035, 2.3.4; without trailing dot */

/* CONNECT, FLOW_OPEN and RESOLVE may have so many bytes more: the path of the
 * app's executable and NULs, for rules about programs. It counts only where the
 * kernel does not tell tunneld. */
#define CONTROL_PROGRAM_BYTES 256u

#define CONTROL_CONNECT_PLACEHOLDER 0x1u

struct control_connect {
	struct endpoint dest;
	uint32_t flags;
};

#define CONTROL_VERDICT_SAME 0x1u /* the app's own socket, ready in place */

struct control_verdict {
	int32_t error; /* 0, or an errno for connect()/SO_ERROR */
	uint32_t flags;
	uint32_t reserved;
};
_Static_assert(sizeof(struct control_verdict) == 12, "verdict layout");

struct control_flow_open {
	uint64_t cookie; /* SO_COOKIE of the app's socket: the key of a flow */
	uint8_t family;  /* loopback family the app can send to: 4 or 6 */
	uint8_t reserved[7];
};

struct control_flow {
	uint64_t secret;
	int32_t error;    /* 0 or an errno */
	uint16_t port_be; /* on 127.0.0.1 or ::1, by the family asked for */
	uint16_t reserved;
	uint64_t epoch; /* of the daemon that answered: see page.h */
};
_Static_assert(sizeof(struct control_flow) == 24, "flow layout");

struct control_resolve {
	uint8_t family;  /* endpoint_family wanted, or 0 for any (IPv4 then) */
	uint8_t records; /* 1: others than addresses are; never SYNTHETIC */
	uint8_t reserved[2];
	char name[CONTROL_NAME_MAX + 1]; /* NUL-terminated */
};

enum control_resolve_verdict {
	CONTROL_RESOLVE_LIBC = 0, /* policy says direct: the real resolver */
	CONTROL_RESOLVE_SYNTHETIC = 1,
	CONTROL_RESOLVE_BLOCKED = 2,    /* as if the name did not exist */
	CONTROL_RESOLVE_NO_ADDRESS = 3, /* exists, but not in that family */
};

struct control_resolved {
	uint32_t verdict;     /* enum control_resolve_verdict */
	struct endpoint addr; /* port 0; set when SYNTHETIC */
};

struct control_reverse {
	struct endpoint addr;
};

enum control_reverse_found {
	CONTROL_REVERSE_LIBC = 0, /* not synthetic: the real resolver */
	CONTROL_REVERSE_NAME = 1,
	CONTROL_REVERSE_NOBODY = 2, /* synthetic, but no name's */
};

struct control_reversed {
	uint32_t found; /* enum control_reverse_found */
	char name[CONTROL_NAME_MAX + 1];
};

#define CONTROL_EXPLAIN_JSON 0x1u
#define CONTROL_EXPLAIN_UID  0x2u /* `uid` is meant, not who asks */

/* Answered by struct control_words. */
struct control_explain {
	uint32_t flags;
	uint32_t uid;
	char target[512];  /* NUL-terminated: URL, host:port, udp://host:port */
	char program[512]; /* path or name; empty: nobody in particular */
};

/* Of CONTROL_EXPLAIN and CONTROL_RELOAD; text follows up to the end. */
struct control_words {
	/* 0: it would go, it was read; 1: it would not, it was not; 2: that is
	 * no target */
	uint32_t status;
};

/* The answer to CONTROL_PROXY_RETRY, which has no body. */
struct control_proxy_retried {
	int32_t error;   /* 0, EPERM, or why the file cannot be written */
	uint32_t logins; /* that had been refused */
};
_Static_assert(sizeof(struct control_proxy_retried) == 8, "retry layout");

struct control_ping {
	uint32_t count;       /* of echoes; 0: until the client goes */
	uint32_t interval_ms; /* between two; 0: a second */
	char relay[64];       /* its name; empty: whichever is taken first */
};

enum control_report_kind {
	REPORT_STATUS = 1,  /* JSON: docs/schema/turnout-status-1.json */
	REPORT_METRICS = 2, /* Prometheus' text format, 0.0.4 */
	REPORT_LOG = 3,     /* the last lines of the log, and what follows */
	REPORT_WAIT = 4,    /* see below */
};

/* WAIT: the document of STATUS, as soon as `flags` is so. */
enum control_wait {
	CONTROL_WAIT_READY = 1, /* tunneld has started */
	CONTROL_WAIT_RELAY,     /* it has an address at a relay */
	CONTROL_WAIT_CALL,      /* an app sends to peers and hears from them */
};

#define REPORT_OPENMETRICS 0x1u /* METRICS: in that format instead */

/* LOG: the first line of the answer is REPORT_LOG_HEAD; else all of it is why
 * there is none. For root and the daemon's own user. */
#define REPORT_LOG_HEAD "turnout-log 1\n"
/* Go on until the client closes. */
#define REPORT_LOG_FOLLOW 0x1u
/* So unimportant at most: 0 (errors) to 3 (debug). */
#define REPORT_LOG_LEVEL(level) ((uint32_t)(level) << 4)
/* Begin with the last of those that are there. */
#define REPORT_LOG_LINES(n)  ((uint32_t)(n) << 16)
#define REPORT_LOG_LINES_MAX 0xffffu

struct control_report {
	uint32_t kind; /* enum control_report_kind; others end the connection */
	uint32_t flags;
};

/* The answer: {"progress": …} a line, at last {"report": …}
 * (docs/schema/turnout-doctor-1.json); or {"error": "why not"}. */
struct control_doctor {
	uint32_t flags; /* none yet */
	char relay[64]; /* NAME of [relay NAME], NUL-terminated; empty: all */
};

/* CONTROL_STATUS has no request body; the answer's body is text, `key value`
 * a line. */

#endif

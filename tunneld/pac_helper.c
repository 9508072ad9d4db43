/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pac_helper.c - the process in which a proxy auto-config script runs
 *
 * Turns questions on descriptor 0 into answers on descriptor 1. The first is
 * "script BYTES" with the script behind the line, all others are "URL HOST". An
 * answer is a line: "=" and what FindProxyForURL() returned, or "!" and why
 * there is nothing.
 *
 * The script is a stranger's program, and the engine that runs it is old. So
 * before it is read, the process gives up what it does not need: files to
 * write, children, memory and time without end. tunneld kills it when an
 * answer takes too long. It ends by itself when tunneld is gone: at the end of
 * its input, or of its processor time. (PR_SET_PDEATHSIG would not do: it
 * fires when the thread that started us ends.)
 */
#include <config.h>

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <pacparser.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define SCRIPT_BYTES_MAX (4U << 20)
#define MEMORY_BYTES     (256UL << 20)
#define FILES            16
#define CPU_ANSWER_S     10 /* beside the deadline that tunneld keeps */
/* The engine does not give all memory back; after these tunneld starts another
 * process. */
#define CPU_LIFE_S  3600
#define ANSWERS_MAX 100000

/* What scripts of today expect and this engine does not have; and a memory for
 * slow look-ups, since one script asks for the same name again and again. */
static const char prelude[] =
	"function alert() {}\n"
	"String.prototype.startsWith = function (s, at) {\n"
	"	at = at || 0;\n"
	"	return this.substr(at, String(s).length) == String(s);\n"
	"};\n"
	"String.prototype.endsWith = function (s) {\n"
	"	s = String(s);\n"
	"	return this.length >= s.length &&\n"
	"		this.substr(this.length - s.length) == s;\n"
	"};\n"
	"String.prototype.includes = function (s, at) {\n"
	"	return this.indexOf(s, at || 0) != -1;\n"
	"};\n"
	"String.prototype.trim = function () {\n"
	"	return this.replace(/^\\s+|\\s+$/g, '');\n"
	"};\n"
	"Array.prototype.includes = function (x) {\n"
	"	return this.indexOf(x) != -1;\n"
	"};\n"
	"(function () {\n"
	"	function remembering(resolve) {\n"
	"		var known = {}, count = 0;\n"
	"		return function (name) {\n"
	"			var start = new Date().getTime(), end, ip;\n"
	"			var was = known[':' + name];\n"
	"			if (was && was.until > start)\n"
	"				return was.ip;\n"
	"			ip = resolve(name);\n"
	"			end = new Date().getTime();\n"
	"			if (end - start < 300)\n"
	"				return ip;\n"
	"			if (++count > 500) {\n"
	"				known = {};\n"
	"				count = 1;\n"
	"			}\n"
	"			known[':' + name] =\n"
	"				{ until: end + 60000, ip: ip };\n"
	"			return ip;\n"
	"		};\n"
	"	}\n"
	"	dnsResolve = remembering(dnsResolve);\n"
	"	dnsResolveEx = remembering(dnsResolveEx);\n"
	"})();\n";

static const char postlude[] =
	"(function () {\n"
	"	if (typeof FindProxyForURL != 'function' &&\n"
	"	    typeof FindProxyForURLEx == 'function')\n"
	"		FindProxyForURL = FindProxyForURLEx;\n"
	"	if (typeof FindProxyForURL != 'function')\n"
	"		throw 'it defines no FindProxyForURL()';\n"
	"	var find = FindProxyForURL;\n"
	"	FindProxyForURL = function (url, host) {\n"
	"		var list = find(url, host);\n"
	"		if (list === null)\n"
	"			return 'null';\n"
	"		if (typeof list != 'string')\n"
	"			throw 'FindProxyForURL() returned no string';\n"
	"		if (list.length > 4096)\n"
	"			throw 'FindProxyForURL() returned too much';\n"
	"		return list;\n"
	"	};\n"
	"})();\n";

static char complaint[160];

/* Of libpacparser's several lines the one from the engine says most. */
static int __attribute__((format(printf, 1, 0)))
keep_complaint(const char *fmt, va_list ap)
{
	static const char by_engine[] = "JSERROR: ";
	char text[1024];
	const char *from = text;
	size_t n = 0;

	vsnprintf(text, sizeof(text), fmt, ap);
	if (complaint[0] != '\0' || strncmp(text, "DEBUG", 5) == 0)
		return 0;
	if (strncmp(from, by_engine, sizeof(by_engine) - 1) == 0)
		from += sizeof(by_engine) - 1;
	if (strncmp(from, "PAC script:", 11) == 0) {
		strcpy(complaint, "line ");
		n = strlen(complaint);
		from += 11;
	} else if (strncmp(from, "NULL:0:", 7) == 0) {
		from += 7;
	}
	for (; *from != '\0' && n < sizeof(complaint) - 1; from++) {
		bool blank = isspace((unsigned char)*from);

		if (!blank || (n > 0 && complaint[n - 1] != ' '))
			complaint[n++] = blank ? ' ' : *from;
	}
	while (n > 0 && complaint[n - 1] == ' ')
		n--;
	complaint[n] = '\0';
	return 0;
}

/* Limits */

static bool set_limit(__rlimit_resource_t what, rlim_t value)
{
	struct rlimit limit = { .rlim_cur = value, .rlim_max = value };

	return setrlimit(what, &limit) == 0;
}

/* Anew before each answer, so that a long life costs nothing. */
static bool renew_cpu(void)
{
	struct rlimit limit = { .rlim_max = CPU_LIFE_S };
	struct rusage used;

	if (getrusage(RUSAGE_SELF, &used) < 0)
		return false;
	limit.rlim_cur = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec +
				  CPU_ANSWER_S);
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_CPU, &limit) == 0;
}

/* Where the kernel has Landlock: no file is written, made or executed. */
static void forbid_files(void)
{
	struct landlock_ruleset_attr rules = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE |
				     LANDLOCK_ACCESS_FS_WRITE_FILE |
				     LANDLOCK_ACCESS_FS_REMOVE_DIR |
				     LANDLOCK_ACCESS_FS_REMOVE_FILE |
				     LANDLOCK_ACCESS_FS_MAKE_CHAR |
				     LANDLOCK_ACCESS_FS_MAKE_DIR |
				     LANDLOCK_ACCESS_FS_MAKE_REG |
				     LANDLOCK_ACCESS_FS_MAKE_SOCK |
				     LANDLOCK_ACCESS_FS_MAKE_FIFO |
				     LANDLOCK_ACCESS_FS_MAKE_BLOCK |
				     LANDLOCK_ACCESS_FS_MAKE_SYM,
	};
	int fd = (int)syscall(SYS_landlock_create_ruleset, &rules,
			      sizeof(rules.handled_access_fs), 0);

	if (fd < 0)
		return;
	(void)syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
}

static bool confine(void)
{
	bool ok = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
		  set_limit(RLIMIT_AS, MEMORY_BYTES) &&
		  set_limit(RLIMIT_NOFILE, FILES) &&
		  set_limit(RLIMIT_NPROC, 0) && set_limit(RLIMIT_FSIZE, 0) &&
		  set_limit(RLIMIT_CORE, 0) && renew_cpu();

	if (ok)
		forbid_files();
	return ok;
}

/* The machine's own address */

/* The source address that the kernel would choose. Nothing is sent. */
static bool address_towards(const char *peer, char out[INET_ADDRSTRLEN])
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct sockaddr_in own;
	socklen_t len = sizeof(own);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && inet_pton(AF_INET, peer, &to.sin_addr) == 1 &&
		  connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
		  getsockname(fd, (struct sockaddr *)&own, &len) == 0 &&
		  inet_ntop(AF_INET, &own.sin_addr, out, INET_ADDRSTRLEN);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* myIpAddress() would look the machine's name up, which is 127.0.1.1 on many:
 * the default route knows better, or else, as a closed network may have none,
 * the routes to the private ranges. */
static void set_own_address(void)
{
	static const char *const peers[] = { "192.0.2.1", "10.0.0.1",
					     "172.16.0.1", "192.168.0.1" };
	static char was[INET_ADDRSTRLEN];
	char ip[INET_ADDRSTRLEN];

	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		if (!address_towards(peers[i], ip))
			continue;
		if (strcmp(ip, was) != 0)
			pacparser_setmyip(ip);
		strcpy(was, ip);
		return;
	}
}

/* Answers */

static void answer(char mark, const char *text)
{
	putchar(mark);
	for (; *text != '\0'; text++)
		putchar(iscntrl((unsigned char)*text) ? ' ' : *text);
	putchar('\n');
	fflush(stdout);
}

static bool run(const char *script)
{
	return pacparser_parse_pac_string(script) == 1;
}

static void load(const char *script)
{
	static const char too_new[] = " (scripts may use ECMAScript 3: no let, "
				      "class, => or `template`)";

	complaint[0] = '\0';
	set_own_address();
	if (run(prelude) && run(script) && run(postlude)) {
		answer('=', "");
		return;
	}
	if (strstr(complaint, "SyntaxError") != NULL &&
	    strlen(complaint) + sizeof(too_new) < sizeof(complaint))
		strcat(complaint, too_new);
	answer('!', complaint);
}

static bool read_script(const char *line)
{
	size_t bytes = strtoul(line, NULL, 10);
	char *script = bytes <= SCRIPT_BYTES_MAX ? malloc(bytes + 1) : NULL;
	bool ok = script != NULL && fread(script, 1, bytes, stdin) == bytes;

	if (ok) {
		script[bytes] = '\0';
		load(script);
	}
	free(script);
	return ok;
}

/* False: it is time to end. */
static bool ask(char *url)
{
	char *host = strchr(url, ' ');
	const char *list;

	if (host == NULL)
		return false;
	*host++ = '\0';
	complaint[0] = '\0';
	set_own_address();
	list = pacparser_find_proxy(url, host);
	if (list != NULL)
		answer('=', list);
	else
		answer('!', complaint);
	/* what it holds on to, it would hold on to for the next one, too */
	return strstr(complaint, "out of memory") == NULL;
}

int main(void)
{
	static const char script[] = "script ";
	char line[1024];
	bool loaded = false, ok = true;

	if (!confine())
		return 1;
	pacparser_set_error_printer(keep_complaint);
	if (pacparser_init() != 1)
		return 1;
	for (int left = ANSWERS_MAX;
	     ok && left > 0 && fgets(line, sizeof(line), stdin) != NULL;
	     left--) {
		size_t len = strcspn(line, "\n");

		if (line[len] != '\n' || !renew_cpu())
			return 1;
		line[len] = '\0';
		if (loaded)
			ok = ask(line);
		else if (strncmp(line, script, sizeof(script) - 1) == 0)
			ok = loaded = read_script(line + sizeof(script) - 1);
		else
			ok = false;
	}
	return ok ? 0 : 1;
}

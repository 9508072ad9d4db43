/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * screen.c - the whole of a terminal, by what every terminal of today knows
 * (ECMA-48; the other screen, by xterm's 1049)
 *
 * The handlers of signals give the terminal back by write(2) and tcsetattr(3),
 * which may be called there; those that end the process then do so in the way
 * of their own, so that a shell sees what has happened.
 */
#include <config.h>

#include "screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <sys/ioctl.h>

#define ENTER      "\033[?1049h\033[?25l\033[2J"
#define LEAVE      "\033[?25h\033[?1049l"
#define HOME       "\033[H"
#define REST_LINE  "\033[K"
#define REST_BELOW "\033[J"

static struct termios before;
static volatile sig_atomic_t is_open, resized;

/* There is nobody to tell if the terminal has gone. */
static void put(const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void give_back(void)
{
	if (!is_open)
		return;
	put(LEAVE, strlen(LEAVE));
	tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

static void take(void)
{
	struct termios raw = before;

	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	put(ENTER, strlen(ENTER));
}

/* SA_RESETHAND: the second time it ends the process. */
static void on_end(int number)
{
	int saved = errno;

	give_back();
	is_open = 0;
	raise(number);
	errno = saved;
}

/* The shell has the terminal until it lets us go on. */
static void on_stop(int number)
{
	int saved = errno;

	(void)number;
	give_back();
	raise(SIGSTOP);
	errno = saved;
}

static void on_continue(int number)
{
	int saved = errno;

	(void)number;
	if (is_open)
		take();
	resized = 1;
	errno = saved;
}

static void on_resize(int number)
{
	(void)number;
	resized = 1;
}

static void handle(int number, void (*handler)(int), int flags)
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = flags };

	sigfillset(&act.sa_mask);
	sigdelset(&act.sa_mask, number);
	sigaction(number, &act, NULL);
}

static void handle_all(void)
{
	static const int ends[] = { SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
				    SIGPIPE, SIGABRT, SIGSEGV, SIGBUS,
				    SIGFPE,  SIGILL,  SIGALRM, SIGUSR1,
				    SIGUSR2, SIGXCPU, SIGSYS,  SIGTRAP };
	sigset_t late;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		handle(ends[i], on_end, (int)SA_RESETHAND);
	handle(SIGTSTP, on_stop, SA_RESTART);
	handle(SIGCONT, on_continue, SA_RESTART);
	handle(SIGWINCH, on_resize, 0);
	/* They come while screen_wait() waits, and not in between. */
	sigemptyset(&late);
	sigaddset(&late, SIGWINCH);
	sigaddset(&late, SIGCONT);
	sigprocmask(SIG_BLOCK, &late, NULL);
}

bool screen_is_there(void)
{
	const char *term = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term != NULL &&
	       strcmp(term, "dumb") != 0 && term[0] != '\0';
}

int screen_open(void)
{
	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return -errno;
	handle_all();
	is_open = 1;
	take();
	return 0;
}

void screen_close(void)
{
	give_back();
	is_open = 0;
}

void screen_size(size_t *columns, size_t *rows)
{
	struct winsize size = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		size = (struct winsize){ 0 };
	*columns = size.ws_col > 0 ? size.ws_col : 80;
	*rows = size.ws_row > 0 ? size.ws_row : 24;
}

void screen_draw(const char *text, size_t len)
{
	put(HOME, strlen(HOME));
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t n = end != NULL ? (size_t)(end - text) : len;

		put(text, n);
		put(REST_LINE, strlen(REST_LINE));
		text += n;
		len -= n;
		/* No end behind the last line: it would scroll. */
		if (len > 1)
			put("\n", 1);
		if (len > 0) {
			text++;
			len--;
		}
	}
	put(REST_BELOW, strlen(REST_BELOW));
}

static enum screen_event read_key(void)
{
	char keys[16];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return SCREEN_RESIZED;
	if (n <= 0 || memchr(keys, 'q', (size_t)n) != NULL)
		return SCREEN_QUIT;
	return SCREEN_KEY;
}

enum screen_event screen_wait(int timeout_ms)
{
	struct timespec limit = { .tv_sec = timeout_ms / 1000,
				  .tv_nsec = timeout_ms % 1000 * 1000000L };
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	sigset_t none;
	int n;

	sigemptyset(&none);
	n = ppoll(&p, 1, &limit, &none);
	if (resized) {
		resized = 0;
		return SCREEN_RESIZED;
	}
	if (n > 0 && (p.revents & POLLIN))
		return read_key();
	if (n > 0)
		return SCREEN_QUIT;
	return n == 0 ? SCREEN_TIME : SCREEN_RESIZED;
}

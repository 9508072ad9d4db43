/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * curl_connect.c - what libcurl does with CONNECT on a socket that is
 * connected already: tunneld/proxy_connect.c rests on it
 */
#include <config.h>

#include "platform.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* One answer to one request. */
struct proxy {
	int listen_fd;
	struct sockaddr_in addr;
	const char *answer;
	bool hang; /* keep the connection open after the answer */
	char request[2048];
	pthread_t thread;
};

struct dial {
	int fd;
	int opened;
	char headers[1024];
	char shown[2048]; /* requests, to the debug function */
	long code;
	long os_error;
	CURLcode result;
};

static void *proxy_main(void *arg)
{
	struct proxy *p = arg;
	int fd = accept(p->listen_fd, NULL, NULL);
	size_t used = 0;
	char c;

	FACT(fd >= 0);
	while (strstr(p->request, "\r\n\r\n") == NULL) {
		FACT(recv(fd, p->request + used, 1, 0) == 1);
		FACT(++used < sizeof(p->request));
	}
	FACT(send(fd, p->answer, strlen(p->answer), MSG_NOSIGNAL) ==
	     (ssize_t)strlen(p->answer));
	if (p->hang)
		(void)!recv(fd, &c, 1, 0);
	close(fd);
	return NULL;
}

static void proxy_open(struct proxy *p)
{
	socklen_t len = sizeof(p->addr);

	p->addr = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FACT(bind(p->listen_fd, (struct sockaddr *)&p->addr, len) == 0);
	FACT(listen(p->listen_fd, 4) == 0);
	FACT(getsockname(p->listen_fd, (struct sockaddr *)&p->addr, &len) == 0);
	FACT(pthread_create(&p->thread, NULL, proxy_main, p) == 0);
}

static void proxy_close(struct proxy *p)
{
	pthread_join(p->thread, NULL);
	close(p->listen_fd);
}

static curl_socket_t on_open(void *arg, curlsocktype purpose,
			     struct curl_sockaddr *addr)
{
	struct dial *d = arg;

	(void)purpose;
	(void)addr;
	d->opened++;
	return fcntl(d->fd, F_DUPFD_CLOEXEC, 0);
}

static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	(void)arg;
	(void)fd;
	(void)purpose;
	return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	struct dial *d = arg;

	strncat(d->headers, line, size * count);
	return size * count;
}

static int on_debug(CURL *curl, curl_infotype type, char *text, size_t len,
		    void *arg)
{
	struct dial *d = arg;

	(void)curl;
	if (type == CURLINFO_HEADER_OUT)
		strncat(d->shown, text, len);
	return 0;
}

static void set_all(CURL *curl, struct dial *d, const char *proxy,
		    const char *login, struct curl_slist *resolve)
{
	FACT(curl_easy_setopt(curl, CURLOPT_URL, "http://Relay.example:443") ==
	     CURLE_OK);
	curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTPPROXYTUNNEL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, proxy);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
	curl_easy_setopt(curl, CURLOPT_RESOLVE, resolve);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, d);
	curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, d);
	curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 300L);
	curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, on_debug);
	curl_easy_setopt(curl, CURLOPT_DEBUGDATA, d);
	curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
	if (login == NULL)
		return;
	FACT(curl_easy_setopt(curl, CURLOPT_PROXYUSERPWD, login) == CURLE_OK);
	curl_easy_setopt(curl, CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC);
}

/* libcurl before 8.0 calls connect() all the same. After one that did not block
 * and was waited for by poll(), the next says 0 once; after one that has
 * returned 0 it would say EISCONN, and libcurl would give up. */
static int connected(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int error = -1;
	socklen_t len = sizeof(error);

	FACT(connect(fd, (const struct sockaddr *)to, sizeof(*to)) == -1);
	FACT(errno == EINPROGRESS);
	FACT(poll(&p, 1, 5000) == 1);
	FACT(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0);
	FACT(error == 0);
	return fd;
}

/* The proxy has a name that nothing can resolve, and an address that nobody
 * answers at: neither is used. */
static void dial(struct dial *d, struct proxy *p, const char *login)
{
	char url[64], entry[64];
	struct curl_slist *resolve;
	CURL *curl = curl_easy_init();

	proxy_open(p);
	d->fd = connected(&p->addr);
	snprintf(url, sizeof(url), "http://proxy.invalid:%u",
		 ntohs(p->addr.sin_port));
	snprintf(entry, sizeof(entry), "proxy.invalid:%u:192.0.2.1",
		 ntohs(p->addr.sin_port));
	resolve = curl_slist_append(NULL, entry);
	set_all(curl, d, url, login, resolve);
	d->result = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_HTTP_CONNECTCODE, &d->code);
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &d->os_error);
	curl_easy_cleanup(curl);
	curl_slist_free_all(resolve);
	FACT(d->opened == 1);
}

/* The descriptor lives on without libcurl, and nothing behind the answer is
 * gone; its options are as they were. */
static void hand_over(void)
{
	struct proxy p = { .answer = "HTTP/1.1 200 OK\r\nX-Squid-Error: E\r\n"
				     "\r\nearly",
			   .hang = true };
	struct dial d = { .opened = 0 };
	char buf[16];
	int nodelay = -1;
	socklen_t len = sizeof(nodelay);

	dial(&d, &p, NULL);
	FACT(d.result == CURLE_OK && d.code == 200);
	FACT(strstr(p.request, "CONNECT Relay.example:443 HTTP/1.1\r\n") ==
	     p.request);
	FACT(strstr(d.headers, "X-Squid-Error: E\r\n") != NULL);
	fcntl(d.fd, F_SETFL, 0);
	FACT(recv(d.fd, buf, sizeof(buf), 0) == 5);
	FACT(memcmp(buf, "early", 5) == 0);
	FACT(getsockopt(d.fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &len) == 0);
	FACT(nodelay == 0);
	FACT(send(d.fd, "x", 1, MSG_NOSIGNAL) == 1);
	close(d.fd);
	proxy_close(&p);
}

/* The result comes before the code. */
static void unended(void)
{
	struct proxy p = { .answer = "HTTP/1.1 200 OK\r\n", .hang = true };
	struct dial d = { .opened = 0 };

	dial(&d, &p, NULL);
	FACT(d.result == CURLE_OPERATION_TIMEDOUT);
	FACT(d.code == 200);
	close(d.fd);
	proxy_close(&p);
}

static void garbage(void)
{
	struct proxy p = { .answer = "SSH-2.0-x\r\n\r\n" };
	struct dial d = { .opened = 0 };

	dial(&d, &p, NULL);
	FACT(d.result != CURLE_OK && d.result != CURLE_OPERATION_TIMEDOUT);
	FACT(d.code == 0 && d.os_error == 0);
	FACT(d.headers[0] != '\0');
	close(d.fd);
	proxy_close(&p);
}

static void end_of_file(void)
{
	struct proxy p = { .answer = "" };
	struct dial d = { .opened = 0 };

	dial(&d, &p, NULL);
	FACT(d.result != CURLE_OK && d.result != CURLE_OPERATION_TIMEDOUT);
	FACT(d.code == 0 && d.os_error == 0);
	FACT(d.headers[0] == '\0');
	close(d.fd);
	proxy_close(&p);
}

/* Basic goes with the first request, URL-decoded; after a 407 it is not sent
 * again: one request, one connection. */
static void basic_once(void)
{
	struct proxy p = { .answer = "HTTP/1.1 407 No\r\n"
				     "Proxy-Authenticate: Basic realm=x\r\n"
				     "Content-Length: 0\r\n\r\n",
			   .hang = true };
	struct dial d = { .opened = 0 };

	/* base64("a%:b") */
	dial(&d, &p, "a%25:b");
	FACT(d.result != CURLE_OK && d.code == 407);
	FACT(strstr(p.request, "Proxy-Authorization: Basic YSU6Yg==\r\n") !=
	     NULL);
	/* The debug function sees it: proxy_curl.c knows by it that a password
	 * has gone out. */
	FACT(strcmp(d.shown, p.request) == 0);
	close(d.fd);
	proxy_close(&p);
}

int main(void)
{
	FACT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	hand_over();
	unended();
	garbage();
	end_of_file();
	basic_once();
	return 0;
}

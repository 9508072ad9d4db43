/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * curl_socks.c - what libcurl does with SOCKS5 on a socket that is connected
 * already: tunneld/proxy_socks.c rests on it
 */
#include <config.h>

#include "platform.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>

#include <curl/curl.h>
#include <netinet/in.h>

/* One conversation: what is sent for each thing that is read. */
struct proxy {
	int listen_fd;
	struct sockaddr_in addr;
	uint8_t reply[64]; /* to the request, with what the target says */
	size_t reply_len;
	uint8_t greeting[64], request[64]; /* what came */
	ssize_t greeting_len, request_len;
	pthread_t thread;
};

struct dial {
	int fd;
	int opened;
	CURLcode result;
	long reply;
};

static void *proxy_main(void *arg)
{
	struct proxy *p = arg;
	int fd = accept(p->listen_fd, NULL, NULL);
	char c;

	FACT(fd >= 0);
	p->greeting_len = recv(fd, p->greeting, sizeof(p->greeting), 0);
	FACT(send(fd, "\x05\x00", 2, MSG_NOSIGNAL) == 2);
	p->request_len = recv(fd, p->request, sizeof(p->request), 0);
	FACT(send(fd, p->reply, p->reply_len, MSG_NOSIGNAL) ==
	     (ssize_t)p->reply_len);
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

/* As in curl_connect.c. */
static int connected(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	FACT(connect(fd, (const struct sockaddr *)to, sizeof(*to)) == -1);
	FACT(errno == EINPROGRESS);
	FACT(poll(&p, 1, 5000) == 1);
	return fd;
}

/* The proxy has a name that nothing can resolve, and an address that nobody
 * answers at; so has the target: neither is looked up. */
static void dial(struct dial *d, struct proxy *p, const char *target)
{
	char url[64], entry[64];
	struct curl_slist *resolve;
	CURL *curl = curl_easy_init();

	proxy_open(p);
	d->fd = connected(&p->addr);
	snprintf(url, sizeof(url), "socks5h://proxy.invalid:%u",
		 ntohs(p->addr.sin_port));
	snprintf(entry, sizeof(entry), "proxy.invalid:%u:192.0.2.1",
		 ntohs(p->addr.sin_port));
	resolve = curl_slist_append(NULL, entry);
	FACT(curl_easy_setopt(curl, CURLOPT_URL, target) == CURLE_OK);
	curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, url);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
	curl_easy_setopt(curl, CURLOPT_RESOLVE, resolve);
	curl_easy_setopt(curl, CURLOPT_SOCKS5_AUTH, (long)CURLAUTH_NONE);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, d);
	curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
	d->result = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_PROXY_ERROR, &d->reply);
	curl_easy_cleanup(curl);
	curl_slist_free_all(resolve);
	FACT(d->opened == 1);
}

/* One method is offered and no other; the name goes to the proxy; what stands
 * behind the reply in the same segment is still in the socket. */
static void hand_over(void)
{
	static const uint8_t request[] =
		"\x05\x01\x00\x03\x0drelay.example\x01\xbb";
	struct proxy p = { .reply = "\x05\x00\x00\x01\0\0\0\0\0\0early",
			   .reply_len = 15 };
	struct dial d = { .opened = 0 };
	char buf[16];

	dial(&d, &p, "http://relay.example:443");
	FACT(d.result == CURLE_OK && d.reply == CURLPX_OK);
	fcntl(d.fd, F_SETFL, 0);
	FACT(recv(d.fd, buf, sizeof(buf), 0) == 5);
	FACT(memcmp(buf, "early", 5) == 0);
	FACT(send(d.fd, "x", 1, MSG_NOSIGNAL) == 1);
	close(d.fd);
	proxy_close(&p);
	FACT(p.greeting_len == 3 && memcmp(p.greeting, "\x05\x01\x00", 3) == 0);
	FACT(p.request_len == sizeof(request) - 1);
	FACT(memcmp(p.request, request, sizeof(request) - 1) == 0);
}

static void refused(void)
{
	struct proxy p = { .reply = "\x05\x02\x00\x01\0\0\0\0\0\0",
			   .reply_len = 10 };
	struct dial d = { .opened = 0 };

	dial(&d, &p, "http://192.0.2.1:443");
	FACT(d.result == CURLE_PROXY);
	FACT(d.reply == CURLPX_REPLY_NOT_ALLOWED);
	close(d.fd);
	proxy_close(&p);
	FACT(p.request_len == 10);
	FACT(memcmp(p.request, "\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb",
		    10) == 0);
}

int main(void)
{
	FACT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
	hand_over();
	refused();
	return 0;
}

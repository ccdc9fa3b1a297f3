// An HTTP server that does nothing: one thread, connections that stay open, the
// same two bytes for every request. It is never the bottleneck of a load
// generator on another core.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char ANSWER[] = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
static const int ONE = 1;

static void accept_all(int listener, int epoll) {
    int client;
    while ((client = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = client};
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &ONE, sizeof ONE);
        epoll_ctl(epoll, EPOLL_CTL_ADD, client, &event);
    }
}

static void answer(int client) {
    static char buffer[65536];
    ssize_t length = read(client, buffer, sizeof buffer);
    if (length <= 0) {
        close(client);
        return;
    }
    // A head is small enough to come in one piece on loopback.
    char *at = buffer, *end = buffer + length;
    while ((at = memmem(at, end - at, "\r\n\r\n", 4)) != NULL) {
        at += 4;
        if (write(client, ANSWER, sizeof ANSWER - 1) < 0) return;
    }
}

int main(int count, char **args) {
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(count > 1 ? atoi(args[1]) : 18080),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &ONE, sizeof ONE);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) return 1;
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[512];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int events = epoll_wait(epoll, ready, 512, -1);
        for (int i = 0; i < events; i++) {
            if (ready[i].data.fd == listener) accept_all(listener, epoll);
            else answer(ready[i].data.fd);
        }
    }
}

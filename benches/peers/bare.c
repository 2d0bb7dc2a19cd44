/* The least that an exchange on every port of a range costs: one epoll loop on either side, 64 octets there and 64 back, nothing judged.
 *
 *   bare serve FIRST LAST ADDRESS     listens on every port until it is ended, and gives back what it gets
 *   bare sweep FIRST LAST ADDRESS     connects to every port, exchanges, resets; prints how many answered
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OCTETS = 64, WINDOW = 1024, EVENTS = 1024 };

static struct sockaddr_in at(const char *address, int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, address, &a.sin_addr);
    return a;
}

static void watch(int queue, int fd, unsigned events, int listener) {
    struct epoll_event e = {.events = events, .data.u64 = ((unsigned long long)listener << 32) | (unsigned)fd};
    epoll_ctl(queue, EPOLL_CTL_ADD, fd, &e);
}

static int serve(int first, int last, const char *address) {
    int queue = epoll_create1(0), on = 1;
    for (int port = first; port <= last; port++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        struct sockaddr_in a = at(address, port);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 16)) return perror("bind"), 1;
        watch(queue, fd, EPOLLIN, 1);
    }
    puts("ready");
    fflush(stdout);
    struct epoll_event events[EVENTS];
    char octets[OCTETS];
    for (;;) {
        int n = epoll_wait(queue, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = (int)(events[i].data.u64 & 0xffffffff);
            if (events[i].data.u64 >> 32) {
                int peer;
                while ((peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) watch(queue, peer, EPOLLIN, 0);
            } else if (read(fd, octets, OCTETS) != OCTETS || write(fd, octets, OCTETS) != OCTETS) {
                close(fd);
            }
        }
    }
}

static int sweep(int first, int last, const char *address) {
    int queue = epoll_create1(0), next = first, busy = 0, answered = 0, on = 1;
    struct linger reset = {1, 0};
    struct epoll_event events[EVENTS];
    char octets[OCTETS];
    memset(octets, 'x', OCTETS);
    while (next <= last || busy) {
        for (; next <= last && busy < WINDOW; next++, busy++) {
            int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
            struct sockaddr_in a = at(address, next);
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            if (connect(fd, (struct sockaddr *)&a, sizeof a) && errno != EINPROGRESS) return perror("connect"), 1;
            watch(queue, fd, EPOLLOUT, 1);
        }
        int n = epoll_wait(queue, events, EVENTS, 5000);
        if (n <= 0) break;
        for (int i = 0; i < n; i++) {
            int fd = (int)(events[i].data.u64 & 0xffffffff);
            if (events[i].data.u64 >> 32 && !(events[i].events & EPOLLERR) && write(fd, octets, OCTETS) == OCTETS) {
                struct epoll_event e = {.events = EPOLLIN, .data.u64 = (unsigned)fd};
                epoll_ctl(queue, EPOLL_CTL_MOD, fd, &e);
                continue;
            }
            answered += !(events[i].data.u64 >> 32) && read(fd, octets, OCTETS) == OCTETS;
            close(fd);
            busy--;
        }
    }
    printf("%d\n", answered);
    return 0;
}

int main(int count, char **words) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (count != 5) return fputs("bare serve|sweep FIRST LAST ADDRESS\n", stderr), 2;
    int first = atoi(words[2]), last = atoi(words[3]);
    return strcmp(words[1], "serve") ? sweep(first, last, words[4]) : serve(first, last, words[4]);
}

/*
 * Sends requests to a FastCGI or SCGI server as fast as it answers, and checks every answer.
 *
 * One thread, one epoll. What it prints is one line of JSON; load.py compiles it, calls it and reads that line.
 */
#define _GNU_SOURCE
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "answers.h"
#include "options.h"
#include "requests.h"

enum { READ_SIZE = 1 << 18, EVENTS = 256 };

/* ---- connections ---- */

struct connection {
    int fd;
    bool connecting, wants_write, waits, broken;
    struct exchange *exchanges; /* [1..inflight] */
    long active, answered, first, queued;
    long *queue;      /* requests that are not sent whole, a ring; two of an id where the first was answered early */
    size_t sent;      /* of the first of them */
    unsigned char header[8], end[8];
    unsigned header_size, content, padding, end_size;
};

static struct connection *connections;
static struct sockaddr_storage address;
static socklen_t address_size;
static int poller;
static char *buffer;
static bool stopping, measuring;

static bool may_start(void) {
    if (stopping) return false;
    return !opt.requests || count.started < opt.requests;
}

static void watch(struct connection *connection, int operation) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (connection->wants_write) event.events |= EPOLLOUT;
    if (epoll_ctl(poller, operation, connection->fd, &event)) fatal("epoll_ctl");
}

static void send_queued(struct connection *connection) {
    while (connection->queued) {
        struct iovec parts[64];
        int used = 0;
        size_t skip = connection->sent, total = 0;
        for (long at = 0; at < connection->queued && used < 63; at++) {
            long request = connection->queue[(connection->first + at) % (2 * opt.inflight)];
            struct bytes *halves[] = {&heads[request], &tails[id_of(request)]};
            for (int half = 0; half < 2; half++) {
                size_t left = halves[half]->size > skip ? halves[half]->size - skip : 0;
                if (left) parts[used++] = (struct iovec){halves[half]->data + skip, left};
                skip = left ? 0 : skip - halves[half]->size;
                total += left;
            }
        }
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = used};
        ssize_t sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN) break;
            return; /* reading tells that the connection is gone */
        }
        count.sent += sent;
        connection->sent += sent;
        while (connection->queued) {
            long request = connection->queue[connection->first];
            size_t size = heads[request].size + tails[id_of(request)].size;
            if (connection->sent < size) break;
            connection->sent -= size;
            connection->first = (connection->first + 1) % (2 * opt.inflight);
            connection->queued--;
        }
        if ((size_t)sent < total) break;
    }
    bool wants = connection->queued > 0;
    if (wants != connection->wants_write) {
        connection->wants_write = wants;
        watch(connection, EPOLL_CTL_MOD);
    }
}

static void start_requests(struct connection *connection) {
    bool only_one = !opt.keep || opt.hold;
    for (long id = 1; id <= opt.inflight && may_start(); id++) {
        struct exchange *exchange = &connection->exchanges[id];
        if (exchange->active) continue;
        if (only_one && connection->active + connection->answered) break;
        exchange->active = true;
        exchange->in_body = exchange->wrong = false;
        exchange->head_size = exchange->body_size = 0;
        exchange->started = now();
        connection->queue[(connection->first + connection->queued++) % (2 * opt.inflight)] = next_request(id);
        connection->active++;
        count.started++;
    }
    if (connection->queued && !connection->wants_write) send_queued(connection);
}

static void open_connection(struct connection *connection) {
    struct exchange *exchanges = connection->exchanges;
    long *queue = connection->queue;
    *connection = (struct connection){.exchanges = exchanges, .queue = queue};
    for (long id = 1; id <= opt.inflight; id++) exchanges[id].active = false;
    connection->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) fatal("socket");
    int on = 1;
    if (address.ss_family == AF_INET) setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(connection->fd, (struct sockaddr *)&address, address_size)) {
        if (errno != EINPROGRESS) {
            if (errno != EAGAIN) mistake("connect: %s", strerror(errno)); /* EAGAIN: the backlog is full */
            close(connection->fd);
            connection->fd = -1;
            connection->waits = true;
            return;
        }
        connection->connecting = connection->wants_write = true;
    }
    watch(connection, EPOLL_CTL_ADD);
    if (!connection->connecting) start_requests(connection);
}

static void answered(struct connection *connection, long id) {
    struct exchange *exchange = &connection->exchanges[id];
    exchange->active = false;
    connection->active--;
    connection->answered++;
    count.answered++;
    if (measuring) count_latency(now() - exchange->started);
    if (!exchange->in_body) mistake("an answer without a head");
    else if (exchange->wrong) mistake("wrong answer: %.100s", exchange->head);
    else if (exchange->body_size != expected_size) mistake("%zu bytes instead of %zu", exchange->body_size, expected_size);
}

static void record_ended(struct connection *connection) {
    long id = connection->header[2] << 8 | connection->header[3];
    if (connection->header[1] != END_REQUEST) return;
    if (id < 1 || id > opt.inflight || !connection->exchanges[id].active) mistake("END_REQUEST for %ld, which is not active", id);
    else {
        if (connection->end_size != 8 || connection->end[4]) mistake("protocolStatus %d", connection->end[4]);
        for (int at = 0; at < 4; at++)
            if (connection->end[at]) mistake("appStatus is not 0");
        answered(connection, id);
    }
}

static void content_arrived(struct connection *connection, const char *data, size_t size) {
    long id = connection->header[2] << 8 | connection->header[3];
    switch (connection->header[1]) {
    case STDOUT:
        if (id < 1 || id > opt.inflight || !connection->exchanges[id].active) mistake("STDOUT for %ld, which is not active", id);
        else take_output(&connection->exchanges[id], data, size);
        break;
    case STDERR:
        mistake("STDERR: %.*s", size > 150 ? 150 : (int)size, data);
        break;
    case END_REQUEST:
        for (size_t at = 0; at < size && connection->end_size < 8; at++) connection->end[connection->end_size++] = data[at];
        break;
    default:
        mistake("a record of type %d", connection->header[1]);
    }
}

static void split_records(struct connection *connection, const char *data, size_t size) {
    while (size && !connection->broken) {
        size_t take;
        if (connection->header_size < 8) {
            take = 8 - connection->header_size < size ? 8 - connection->header_size : size;
            memcpy(connection->header + connection->header_size, data, take);
            connection->header_size += take;
            if (connection->header_size == 8) {
                unsigned char *header = connection->header;
                connection->content = header[4] << 8 | header[5];
                connection->padding = header[6];
                connection->end_size = 0;
                if (header[0] != 1) {
                    mistake("version %d", header[0]);
                    connection->broken = true;
                }
            }
        } else if (connection->content) {
            take = connection->content < size ? connection->content : size;
            content_arrived(connection, data, take);
            connection->content -= take;
        } else {
            take = connection->padding < size ? connection->padding : size;
            connection->padding -= take;
        }
        data += take;
        size -= take;
        if (connection->header_size == 8 && !connection->content && !connection->padding) {
            connection->header_size = 0;
            record_ended(connection);
        }
    }
}

static void connection_ended(struct connection *connection, const char *why) {
    if (opt.scgi && connection->active && !connection->broken && !why) answered(connection, 1);
    if (connection->active) {
        for (; connection->active; connection->active--) mistake("%s", why ? why : "the connection was closed with a request on it");
    } else if (opt.keep) {
        count.reconnects++;
    }
    close(connection->fd);
    connection->fd = -1;
    if (may_start() && !opt.hold) open_connection(connection);
}

static void read_answers(struct connection *connection) {
    ssize_t got;
    do {
        got = recv(connection->fd, buffer, READ_SIZE, 0);
        if (got < 0) {
            if (errno == EAGAIN) break;
            connection_ended(connection, strerror(errno));
            return;
        }
        if (!got) {
            connection_ended(connection, NULL);
            return;
        }
        count.received += got;
        if (opt.scgi) take_output(&connection->exchanges[1], buffer, got);
        else split_records(connection, buffer, got);
        if (connection->broken || (!opt.scgi && !opt.keep && connection->answered)) {
            connection_ended(connection, "the connection is of no more use");
            return;
        }
    } while (got == READ_SIZE);
    if (opt.keep) start_requests(connection);
}

static void became_ready(struct connection *connection, uint32_t events) {
    if (connection->fd < 0) return;
    if (connection->connecting) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) {
            mistake("connect: %s", strerror(error));
            close(connection->fd);
            connection->fd = -1;
            connection->waits = true;
            return;
        }
        if (!(events & EPOLLOUT)) return;
        connection->connecting = connection->wants_write = false;
        watch(connection, EPOLL_CTL_MOD);
        start_requests(connection);
    } else if (events & EPOLLOUT) {
        send_queued(connection);
    }
    if (connection->fd >= 0 && events & ~EPOLLOUT) read_answers(connection);
}

/* ---- a run ---- */

static long active_requests(void) {
    long active = 0;
    for (long at = 0; at < opt.connections; at++) active += connections[at].fd >= 0 ? connections[at].active : 0;
    return active;
}

static bool finished(uint64_t begun, uint64_t time) {
    double passed = (time - begun) / 1e9;
    if (opt.hold || opt.requests) {
        long wanted = opt.hold ? opt.connections : opt.requests;
        if (count.answered + count.errors >= wanted) return true;
        if (passed > opt.patience) {
            mistake("%ld of %ld answers after %g seconds", count.answered, wanted, opt.patience);
            return true;
        }
        return false;
    }
    if (!measuring && !stopping && passed >= opt.warmup) measuring = true, count.from = time;
    if (measuring && passed >= opt.warmup + opt.seconds) measuring = false, stopping = true, count.until = time;
    if (!stopping) return false;
    long active = active_requests();
    if (active && passed < opt.warmup + opt.seconds + opt.patience) return false;
    for (; active; active--) mistake("no answer within %g seconds", opt.patience);
    return true;
}

static void run(void) {
    struct epoll_event events[EVENTS];
    uint64_t begun = now();
    if (opt.requests || opt.hold) measuring = true, count.from = begun;
    for (long at = 0; at < opt.connections && may_start(); at++) open_connection(&connections[at]);
    while (!finished(begun, now())) {
        int ready = epoll_wait(poller, events, EVENTS, 2);
        for (int at = 0; at < ready; at++) became_ready(events[at].data.ptr, events[at].events);
        for (long at = 0; ready < EVENTS && at < opt.connections; at++)
            if (connections[at].waits && may_start()) open_connection(&connections[at]);
    }
    if (!count.until) count.until = now();
}

static void print_result(void) {
    long used = 0;
    for (char *at = count.first_error; *at; at++)
        if (*at < ' ' || *at == '"' || *at == '\\' || *at & 0x80) *at = ' ';
    for (long at = 0; at < opt.connections; at++) used += connections[at].answered > 0;
    printf("{\"answered\": %ld, \"errors\": %ld, \"firstError\": \"%s\", \"reconnects\": %ld, \"connectionsUsed\": %ld, "
           "\"timed\": %ld, \"seconds\": %.6f, \"p50\": %.1f, \"p99\": %.1f, \"slowest\": %.1f, \"sent\": %llu, \"received\": %llu}\n",
           count.answered, count.errors, count.first_error, count.reconnects, used, count.timed, (count.until - count.from) / 1e9,
           percentile(0.5), percentile(0.99), count.slowest / 1e3, (unsigned long long)count.sent, (unsigned long long)count.received);
    fflush(stdout);
}

/* Keeps all connections until stdin ends, then says how many of them are still there. */
static void hold(void) {
    char byte;
    while (read(0, &byte, 1) > 0) {}
    long held = 0;
    for (long at = 0; at < opt.connections; at++)
        held += connections[at].fd >= 0 && recv(connections[at].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
    printf("{\"held\": %ld}\n", held);
}

static void resolve(void) {
    if (opt.unix_path) {
        struct sockaddr_un *name = (struct sockaddr_un *)&address;
        name->sun_family = AF_UNIX;
        if (strlen(opt.unix_path) >= sizeof name->sun_path) errno = ENAMETOOLONG, fatal(opt.unix_path);
        strcpy(name->sun_path, opt.unix_path);
        address_size = sizeof *name;
    } else {
        struct sockaddr_in *name = (struct sockaddr_in *)&address;
        name->sin_family = AF_INET;
        name->sin_port = htons(atoi(opt.tcp_port));
        name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address_size = sizeof *name;
    }
}

int main(int argc, char **argv) {
    parse_options(argc, argv);
    resolve();
    build_requests();
    build_expected();
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    buffer = malloc(READ_SIZE);
    poller = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc(opt.connections, sizeof *connections);
    for (long at = 0; at < opt.connections; at++) {
        connections[at].fd = -1;
        connections[at].exchanges = calloc(opt.inflight + 1, sizeof(struct exchange));
        connections[at].queue = calloc(2 * opt.inflight, sizeof(long));
    }
    run();
    print_result();
    if (opt.hold) hold();
    return 0;
}

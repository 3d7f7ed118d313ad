/*
 * Sends requests to a FastCGI or SCGI server as fast as it answers, and checks every answer.
 *
 * One thread, one epoll. What it prints is one line of JSON; load.py compiles it, calls it and reads that line.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BEGIN_REQUEST = 1, END_REQUEST = 3, PARAMS = 4, STDIN = 5, STDOUT = 6, STDERR = 7 };
enum { HEAD_LIMIT = 2048, READ_SIZE = 1 << 18, EVENTS = 256, DRAIN_SECONDS = 5 };
enum { FINE = 128, GROUPS = 34 }; /* latencies: FINE steps for each doubling of the time */

static struct {
    const char *unix_path, *tcp_port, *params_file, *answer;
    bool scgi, keep, hold;
    long connections, inflight, requests, body, record, times;
    double seconds, warmup, patience;
} opt = {.answer = "", .connections = 1, .inflight = 1, .record = 32768, .times = 1, .seconds = 1, .patience = 30};

/* ---- the requests as they go over the wire, one for each request id ---- */

struct bytes {
    char *data;
    size_t size, room;
};

static struct bytes *wire;       /* [1..inflight] */
static size_t *port_at;          /* where REMOTE_PORT stands in each, 0 for nowhere */
static unsigned port = 10000;

static void fatal(const char *what) {
    perror(what);
    exit(2);
}

static void append(struct bytes *to, const void *data, size_t size) {
    if (to->size + size > to->room) {
        to->room = 2 * (to->size + size) + 1024;
        to->data = realloc(to->data, to->room);
        if (!to->data) fatal("memory");
    }
    memcpy(to->data + to->size, data, size);
    to->size += size;
}

static void append_length(struct bytes *to, size_t length) {
    if (length < 128) {
        unsigned char one = length;
        append(to, &one, 1);
    } else {
        uint32_t four = htonl(0x80000000u | (uint32_t)length);
        append(to, &four, 4);
    }
}

static void append_record(struct bytes *to, int type, long id, const void *content, size_t size) {
    static const char zeros[8];
    unsigned padding = -size & 7;
    unsigned char header[8] = {1, type, id >> 8, id, size >> 8, size, padding, 0};
    append(to, header, 8);
    append(to, content, size);
    append(to, zeros, padding);
}

/* The file has name, NUL, value, NUL for each param, which is what SCGI sends too. */
static struct bytes read_params(void) {
    struct bytes all = {0};
    char piece[4096];
    FILE *file = fopen(opt.params_file, "rb");
    if (!file) fatal(opt.params_file);
    for (size_t got; (got = fread(piece, 1, sizeof piece, file)) > 0;) append(&all, piece, got);
    fclose(file);
    if (!all.size || all.data[all.size - 1]) {
        fprintf(stderr, "%s: not pairs that each end with NUL\n", opt.params_file);
        exit(2);
    }
    return all;
}

static void find_port(long id) {
    static const char name[] = "REMOTE_PORT";
    char *at = memmem(wire[id].data, wire[id].size, name, sizeof name - 1);
    if (at) port_at[id] = at + sizeof name - 1 + opt.scgi - wire[id].data;
}

static void build_requests(void) {
    struct bytes params = read_params(), block = {0};
    char *body = malloc(opt.body + 1);
    for (long at = 0; at < opt.body; at++) body[at] = 'a' + at % 23;
    wire = calloc(opt.inflight + 1, sizeof *wire);
    port_at = calloc(opt.inflight + 1, sizeof *port_at);
    if (opt.scgi) {
        char size[24];
        append(&wire[1], size, snprintf(size, sizeof size, "%zu:", params.size));
        append(&wire[1], params.data, params.size);
        append(&wire[1], ",", 1);
        append(&wire[1], body, opt.body);
        find_port(1);
        return;
    }
    for (char *name = params.data; name < params.data + params.size;) {
        char *value = name + strlen(name) + 1;
        append_length(&block, strlen(name));
        append_length(&block, strlen(value));
        append(&block, name, strlen(name));
        append(&block, value, strlen(value));
        name = value + strlen(value) + 1;
    }
    if (block.size > 65535) {
        fprintf(stderr, "the params do not fit one record\n");
        exit(2);
    }
    for (long id = 1; id <= opt.inflight; id++) {
        char begin[8] = {0, 1, opt.keep};
        append_record(&wire[id], BEGIN_REQUEST, id, begin, 8);
        append_record(&wire[id], PARAMS, id, block.data, block.size);
        append_record(&wire[id], PARAMS, id, "", 0);
        for (long at = 0; at < opt.body; at += opt.record)
            append_record(&wire[id], STDIN, id, body + at, opt.body - at < opt.record ? opt.body - at : opt.record);
        append_record(&wire[id], STDIN, id, "", 0);
        find_port(id);
    }
    free(body);
}

/* ---- what is counted ---- */

static struct {
    long started, answered, errors, reconnects, timed;
    uint64_t sent, received, from, until, slowest;
    uint32_t latency[GROUPS * FINE];
    char first_error[200];
} count;

static char *expected;
static size_t expected_size;
static bool stopping, measuring;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void mistake(const char *format, ...) {
    if (count.errors++) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(count.first_error, sizeof count.first_error, format, arguments);
    va_end(arguments);
}

static void count_latency(uint64_t nanoseconds) {
    uint64_t time = nanoseconds / 100; /* tenths of a microsecond */
    int group = 0;
    while (time >> group >= 2 * FINE && group < GROUPS - 2) group++;
    size_t index = time < FINE ? time : (size_t)(group + 1) * FINE + (time >> group) - FINE;
    count.latency[index < GROUPS * FINE ? index : GROUPS * FINE - 1]++;
    if (nanoseconds > count.slowest) count.slowest = nanoseconds;
    count.timed++;
}

/* In microseconds. */
static double percentile(double part) {
    long before = 0;
    for (size_t index = 0; index < GROUPS * FINE; index++) {
        before += count.latency[index];
        if (before > part * count.timed) {
            size_t group = index / FINE;
            uint64_t time = group ? (index % FINE + FINE) << (group - 1) : index;
            return time / 10.0;
        }
    }
    return count.slowest / 1000.0;
}

/* ---- one answer ---- */

struct exchange {
    bool active, in_body, wrong;
    uint64_t started;
    size_t head_size, body_size;
    char head[HEAD_LIMIT];
};

static void check_body(struct exchange *exchange, const char *data, size_t size) {
    if (exchange->body_size + size > expected_size || memcmp(expected + exchange->body_size, data, size)) exchange->wrong = true;
    exchange->body_size += size;
}

static void check_head(struct exchange *exchange) {
    const char *head = exchange->head, *status = strcasestr(head, "Status:"), *code = status ? status + 7 : " 200";
    if (!strncmp(head, "HTTP/1.", 7)) code = head + 8;
    if (strtol(code, NULL, 10) != 200) exchange->wrong = true;
}

static void take_output(struct exchange *exchange, const char *data, size_t size) {
    if (exchange->in_body) {
        check_body(exchange, data, size);
        return;
    }
    size_t before = exchange->head_size, fits = HEAD_LIMIT - 1 - before;
    if (fits > size) fits = size;
    memcpy(exchange->head + before, data, fits);
    exchange->head_size += fits;
    exchange->head[exchange->head_size] = 0;
    char *end = strstr(exchange->head, "\r\n\r\n");
    size_t length = 4;
    if (!end) end = strstr(exchange->head, "\n\n"), length = 2;
    if (end) {
        size_t head = end + length - exchange->head;
        end[1] = 0;
        exchange->in_body = true;
        check_head(exchange);
        check_body(exchange, data + (head - before), size - (head - before));
    } else if (fits < size) {
        exchange->wrong = exchange->in_body = true;
    }
}

/* ---- connections ---- */

struct connection {
    int fd;
    bool connecting, wants_write, waits, broken;
    struct exchange *exchanges; /* [1..inflight] */
    long active, answered, first, queued;
    long *queue;      /* ids whose request is not sent whole, a ring */
    size_t sent;      /* of the first of them */
    unsigned char header[8], end[8];
    unsigned header_size, content, padding, end_size;
};

static struct connection *connections;
static struct sockaddr_storage address;
static socklen_t address_size;
static int poller;
static char *buffer;

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
        struct bytes *request = &wire[connection->queue[connection->first]];
        struct iovec parts[64];
        int used = 0;
        size_t skip = connection->sent, total = 0;
        for (long at = 0; at < connection->queued && used < 64; at++, skip = 0) {
            request = &wire[connection->queue[(connection->first + at) % opt.inflight]];
            parts[used++] = (struct iovec){request->data + skip, request->size - skip};
            total += request->size - skip;
        }
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = used};
        ssize_t sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN) break;
            return; /* reading tells that the connection is gone */
        }
        count.sent += sent;
        connection->sent += sent;
        while (connection->queued && connection->sent >= wire[connection->queue[connection->first]].size) {
            connection->sent -= wire[connection->queue[connection->first]].size;
            connection->first = (connection->first + 1) % opt.inflight;
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
        if (port_at[id]) { /* no two requests are the same, as with a real web server */
            char digits[6];
            snprintf(digits, sizeof digits, "%05u", port);
            memcpy(wire[id].data + port_at[id], digits, 5);
            if (++port > 59999) port = 10000;
        }
        connection->queue[(connection->first + connection->queued++) % opt.inflight] = id;
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
    if (active && passed < opt.warmup + opt.seconds + DRAIN_SECONDS) return false;
    for (; active; active--) mistake("no answer within %d seconds", DRAIN_SECONDS);
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

static const char usage[] =
    "load --unix PATH | --tcp PORT (of 127.0.0.1)  --params FILE (name NUL value NUL ...)\n"
    "  --scgi          SCGI instead of FastCGI\n"
    "  --keep          FCGI_KEEP_CONN: connections are used again\n"
    "  --connections N (1)   --inflight N (1): requests at once on each\n"
    "  --body BYTES (0)      --record BYTES (32768): content of each STDIN record\n"
    "  --answer TEXT --times N (1): the body that each answer must have, TEXT repeated N times\n"
    "  --seconds S (1) after --warmup S (0), or --requests N within --patience S (30)\n"
    "  --hold          one request on each connection, then all stay open until stdin ends\n";

static void parse_options(int argc, char **argv) {
    static const struct option names[] = {
        {"unix", 1, 0, 'u'},     {"tcp", 1, 0, 't'},      {"params", 1, 0, 'p'},  {"scgi", 0, 0, 's'},   {"keep", 0, 0, 'k'},
        {"hold", 0, 0, 'h'},     {"connections", 1, 0, 'c'}, {"inflight", 1, 0, 'i'}, {"body", 1, 0, 'b'}, {"record", 1, 0, 'r'},
        {"answer", 1, 0, 'a'},   {"times", 1, 0, 'x'},    {"seconds", 1, 0, 'd'}, {"warmup", 1, 0, 'w'}, {"requests", 1, 0, 'n'},
        {"patience", 1, 0, 'P'}, {0, 0, 0, 0}};
    for (int name; (name = getopt_long(argc, argv, "", names, NULL)) != -1;) switch (name) {
        case 'u': opt.unix_path = optarg; break;
        case 't': opt.tcp_port = optarg; break;
        case 'p': opt.params_file = optarg; break;
        case 's': opt.scgi = true; break;
        case 'k': opt.keep = true; break;
        case 'h': opt.hold = opt.keep = true; break;
        case 'c': opt.connections = atol(optarg); break;
        case 'i': opt.inflight = atol(optarg); break;
        case 'b': opt.body = atol(optarg); break;
        case 'r': opt.record = atol(optarg); break;
        case 'a': opt.answer = optarg; break;
        case 'x': opt.times = atol(optarg); break;
        case 'd': opt.seconds = atof(optarg); break;
        case 'w': opt.warmup = atof(optarg); break;
        case 'n': opt.requests = atol(optarg); break;
        case 'P': opt.patience = atof(optarg); break;
        default: fputs(usage, stderr); exit(2);
        }
    bool possible = !opt.unix_path != !opt.tcp_port && opt.params_file && opt.connections > 0 && opt.inflight > 0 &&
                    opt.inflight < 65536 && opt.record > 0 && opt.record < 65536 && opt.times > 0 && opt.body >= 0 &&
                    (opt.inflight == 1 || (opt.keep && !opt.scgi)) && !(opt.keep && opt.scgi);
    if (!possible) {
        fputs(usage, stderr);
        exit(2);
    }
}

int main(int argc, char **argv) {
    parse_options(argc, argv);
    resolve();
    build_requests();
    size_t size = strlen(opt.answer);
    expected_size = size * opt.times;
    expected = malloc(expected_size + 1);
    for (long at = 0; at < opt.times; at++) memcpy(expected + at * size, opt.answer, size);
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
        connections[at].queue = calloc(opt.inflight, sizeof(long));
    }
    run();
    print_result();
    if (opt.hold) hold();
    return 0;
}

/* What is counted of the answers, and whether an answer is right. */
#pragma once
#include <stdarg.h>
#include <stdint.h>
#include <time.h>

#include "options.h"

enum { HEAD_LIMIT = 2048 };
enum { FINE = 128, GROUPS = 34 }; /* latencies: FINE steps for each doubling of the time */

static struct {
    long started, answered, errors, reconnects, timed;
    uint64_t sent, received, from, until, slowest;
    uint32_t latency[GROUPS * FINE];
    char first_error[200];
} count;

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

static char *expected;
static size_t expected_size;

static void build_expected(void) {
    size_t size = strlen(opt.answer);
    expected_size = size * opt.times;
    expected = malloc(expected_size + 1);
    for (long at = 0; at < opt.times; at++) memcpy(expected + at * size, opt.answer, size);
}

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

/* The requests as they go over the wire; made once, sent in turns, again and again. */
#pragma once
#include <arpa/inet.h>
#include <stdint.h>

#include "options.h"

enum { BEGIN_REQUEST = 1, END_REQUEST = 3, PARAMS = 4, STDIN = 5, STDOUT = 6, STDERR = 7 };

struct bytes {
    char *data;
    size_t size, room;
};

/* A request is a head, each with params of its own, and a tail with the body. The tail is the id's, and so are some of the heads. */
static struct bytes *heads, *tails; /* [0..variants), [1..inflight] */
static long variants, *upcoming;    /* upcoming: the next head, of each id */
static size_t *port_at;             /* where REMOTE_PORT stands in each head, 0 for nowhere */
static unsigned port = 10000;

static long id_of(long request) {
    return request % opt.inflight + 1;
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

/* The file has name, NUL, value, NUL for each param, which is what SCGI sends too, and one more NUL behind each request. */
static struct bytes read_params(void) {
    struct bytes all = {0};
    char piece[65536];
    FILE *file = fopen(opt.params_file, "rb");
    if (!file) fatal(opt.params_file);
    for (size_t got; (got = fread(piece, 1, sizeof piece, file)) > 0;) append(&all, piece, got);
    fclose(file);
    if (all.size < 2 || all.data[all.size - 1] || all.data[all.size - 2]) {
        fprintf(stderr, "%s: not pairs that each end with NUL, and NUL\n", opt.params_file);
        exit(2);
    }
    return all;
}

/* One request of the file, as SCGI or FastCGI sends it. */
static void build_head(struct bytes *head, long id, const char *params, const char *end) {
    struct bytes block = {0};
    if (opt.scgi) {
        char size[24];
        append(head, size, snprintf(size, sizeof size, "%zu:", (size_t)(end - params)));
        append(head, params, end - params);
        append(head, ",", 1);
        return;
    }
    for (const char *name = params; name < end;) {
        const char *value = name + strlen(name) + 1;
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
    char begin[8] = {0, 1, opt.keep};
    append_record(head, BEGIN_REQUEST, id, begin, 8);
    append_record(head, PARAMS, id, block.data, block.size);
    append_record(head, PARAMS, id, "", 0);
    free(block.data);
}

static void build_tail(struct bytes *tail, long id) {
    char *body = malloc(opt.body + 1);
    for (long at = 0; at < opt.body; at++) body[at] = 'a' + at % 23;
    if (opt.scgi) append(tail, body, opt.body);
    for (long at = 0; !opt.scgi && at < opt.body; at += opt.record)
        append_record(tail, STDIN, id, body + at, opt.body - at < opt.record ? opt.body - at : opt.record);
    if (!opt.scgi) append_record(tail, STDIN, id, "", 0);
    free(body);
}

static size_t find_port(struct bytes *head) {
    static const char name[] = "REMOTE_PORT";
    char *at = memmem(head->data, head->size, name, sizeof name - 1);
    return at ? at + sizeof name - 1 + opt.scgi - head->data : 0;
}

static void build_requests(void) {
    struct bytes all = read_params();
    const char *from = all.data, *end = all.data + all.size;
    tails = calloc(opt.inflight + 1, sizeof *tails);
    upcoming = calloc(opt.inflight + 1, sizeof *upcoming);
    for (long id = 1; id <= opt.inflight; id++) {
        build_tail(&tails[id], id);
        upcoming[id] = id - 1;
    }
    while (from < end || variants < opt.inflight) {
        if (from == end) from = all.data;
        const char *past = from;
        while (*past) past += strlen(past) + 1, past += strlen(past) + 1;
        if (!(variants & (variants - 1))) { /* full: 0, 1, 2, 4 ... */
            size_t room = variants ? 2 * variants : 1;
            heads = realloc(heads, room * sizeof *heads);
            port_at = realloc(port_at, room * sizeof *port_at);
            if (!heads || !port_at) fatal("memory");
        }
        heads[variants] = (struct bytes){0};
        long id = id_of(variants);
        build_head(&heads[variants], id, from, past);
        if (!opt.body) append(&heads[variants], tails[id].data, tails[id].size); /* all of it in one piece */
        port_at[variants] = find_port(&heads[variants]);
        variants++;
        from = past + 1;
    }
    for (long id = 1; !opt.body && id <= opt.inflight; id++) tails[id].size = 0;
}

/* The next request of an id. No two are the same, as with a real web server. */
static long next_request(long id) {
    long request = upcoming[id];
    upcoming[id] = request + opt.inflight < variants ? request + opt.inflight : id - 1;
    char digits[6];
    if (port_at[request]) {
        snprintf(digits, sizeof digits, "%05u", port);
        memcpy(heads[request].data + port_at[request], digits, 5);
        if (++port > 59999) port = 10000;
    }
    return request;
}

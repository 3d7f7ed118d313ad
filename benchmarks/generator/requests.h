/* The requests as they go over the wire, one for each request id; made once, sent again and again. */
#pragma once
#include <arpa/inet.h>
#include <stdint.h>

#include "options.h"

enum { BEGIN_REQUEST = 1, END_REQUEST = 3, PARAMS = 4, STDIN = 5, STDOUT = 6, STDERR = 7 };

struct bytes {
    char *data;
    size_t size, room;
};

static struct bytes *wire;       /* [1..inflight] */
static size_t *port_at;          /* where REMOTE_PORT stands in each, 0 for nowhere */
static unsigned port = 10000;

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

/* No two requests are the same, as with a real web server. */
static void next_port(long id) {
    char digits[6];
    if (!port_at[id]) return;
    snprintf(digits, sizeof digits, "%05u", port);
    memcpy(wire[id].data + port_at[id], digits, 5);
    if (++port > 59999) port = 10000;
}

/* What the command line asked for. */
#pragma once
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *unix_path, *tcp_port, *params_file, *answer;
    bool scgi, keep, hold;
    long connections, inflight, requests, body, record, times;
    double seconds, warmup, patience;
} opt = {.answer = "", .connections = 1, .inflight = 1, .record = 32768, .times = 1, .seconds = 1, .patience = 30};

static void fatal(const char *what) {
    perror(what);
    exit(2);
}

static const char usage[] =
    "load --unix PATH | --tcp PORT (of 127.0.0.1)  --params FILE (name NUL value NUL ... NUL, for each request)\n"
    "  --scgi          SCGI instead of FastCGI\n"
    "  --keep          FCGI_KEEP_CONN: connections are used again\n"
    "  --connections N (1)   --inflight N (1): requests at once on each\n"
    "  --body BYTES (0)      --record BYTES (32768): content of each STDIN record\n"
    "  --answer TEXT --times N (1): the body that each answer must have, TEXT repeated N times\n"
    "  --seconds S (1) after --warmup S (0), or --requests N\n"
    "  --patience S (30): how long to wait for the last answers\n"
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

/* A program on libfcgi that answers one request after the other: peer SOCKET */
#include <fcgiapp.h>
#include <stdlib.h>
#include <string.h>

enum { BIG = 1 << 20 };

int main(int argc, char **argv) {
    static char big[BIG], piece[1 << 16];
    FCGX_Request request;
    if (argc != 2 || FCGX_Init()) return 1;
    memset(big, 'x', BIG);
    int listening = FCGX_OpenSocket(argv[1], 1024);
    if (listening < 0 || FCGX_InitRequest(&request, listening, 0)) return 1;
    while (FCGX_Accept_r(&request) >= 0) {
        const char *uri = FCGX_GetParam("REQUEST_URI", request.envp);
        if (uri && !strcmp(uri, "/big")) {
            FCGX_FPrintF(request.out, "Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n", BIG);
            FCGX_PutStr(big, BIG, request.out);
        } else if (uri && !strcmp(uri, "/upload")) {
            long size = 0;
            for (int got; (got = FCGX_GetStr(piece, sizeof piece, request.in)) > 0;) size += got;
            FCGX_FPrintF(request.out, "Content-Type: text/plain\r\n\r\n%ld\n", size);
        } else {
            FCGX_PutS("Content-Type: text/plain\r\nContent-Length: 32\r\n\r\nHello from the other end, world\n", request.out);
        }
        FCGX_Finish_r(&request);
    }
    return 0;
}

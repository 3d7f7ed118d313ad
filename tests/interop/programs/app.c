/* A back end on libfcgi: app SOCKET PROCESSES. What it can do is in the query string.
   A process of libfcgi serves one connection, as long as that is kept. */
#include <fcgiapp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void serve(int listening)
{
    FCGX_Request request;
    char buffer[65536];
    int number, size;

    FCGX_InitRequest(&request, listening, 0);
    while (FCGX_Accept_r(&request) >= 0) {
        const char *role = FCGX_GetParam("FCGI_ROLE", request.envp);
        const char *query = FCGX_GetParam("QUERY_STRING", request.envp);
        unsigned long sum = 0;
        long total = 0;

        if (!query)
            query = "";
        if (role && !strcmp(role, "AUTHORIZER"))
            FCGX_PutS("Status: 200\r\nVariable-KNOWN_AS: somebody\r\n\r\n", request.out);
        else if (!strcmp(query, "hello"))
            FCGX_PutS("Content-Type: text/plain\r\n\r\nhello\n", request.out);
        else if (!strcmp(query, "count")) {
            while ((size = FCGX_GetStr(buffer, sizeof buffer, request.in)) > 0)
                for (total += size, number = 0; number < size; number++)
                    sum = (sum * 31 + (unsigned char) buffer[number]) & 0xffffffffUL;
            FCGX_FPrintF(request.out, "Content-Type: text/plain\r\n\r\n%ld %lu\n", total, sum);
        } else if (!strcmp(query, "big")) {
            FCGX_PutS("Content-Type: text/plain\r\n\r\n", request.out);
            for (number = 0; number < 20 * 1024 * 1024 / 16; number++) {
                snprintf(buffer, sizeof buffer, "%015d\n", number);
                FCGX_PutStr(buffer, 16, request.out);
            }
        } else if (!strcmp(query, "stderr")) {
            FCGX_PutS("something to say", request.err);
            FCGX_PutS("Content-Type: text/plain\r\n\r\nsaid\n", request.out);
        } else if (!strcmp(query, "exit")) {
            FCGX_PutS("Content-Type: text/plain\r\n\r\ngone\n", request.out);
            FCGX_SetExitStatus(938, request.out);
        }
        FCGX_Finish_r(&request);
    }
    _exit(1);
}

int main(int count, char **arguments)
{
    int listening, number;

    FCGX_Init();
    listening = FCGX_OpenSocket(arguments[1], 1024);
    for (number = 0; number < atoi(arguments[2]); number++)
        if (!fork()) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve(listening);
        }
    signal(SIGTERM, SIG_DFL);
    for (;;)
        pause();
}

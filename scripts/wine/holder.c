/* Listens on all addresses of a port, as a service does that does not ask to have it for itself (no SO_EXCLUSIVEADDRUSE), and answers
   nothing. For the tests under Wine. */
#include <stdlib.h>
#include <winsock2.h>

int main(int argc, char **argv) {
    WSADATA data;
    struct sockaddr_in at = {0};
    SOCKET socket_;
    if (argc < 2 || WSAStartup(MAKEWORD(2, 2), &data) != 0) return 2;
    socket_ = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = INADDR_ANY;
    at.sin_port = htons((u_short)atoi(argv[1]));
    if (bind(socket_, (struct sockaddr *)&at, sizeof at) != 0 || listen(socket_, 16) != 0) return 3;
    for (;;) {
        SOCKET one = accept(socket_, NULL, NULL);
        if (one != INVALID_SOCKET) closesocket(one);
    }
}

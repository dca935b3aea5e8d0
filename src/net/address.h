/*
 * address.h - socket addresses: written, read, and whether a stranger may make us connect to them.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/str.h"

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
	};
	socklen_t len;
};

/* Room for any text that address_text writes. */
enum { ADDRESS_TEXT_SIZE = 128 };

/* "127.0.0.1:8080", "[::1]:0", "localhost:8080" (127.0.0.1), "unix:/path". False for anything else; names are not looked up. */
bool address_parse(struct str text, struct address *out);

/* The same the other way round; a view into `out`. A nameless Unix socket is "unix:". */
struct str address_text(const struct address *address, char out[ADDRESS_TEXT_SIZE]);

/*
 * True for an address that anybody on the Internet may reach. False for loopback, private, link-local (which clouds use for their metadata),
 * shared, documentation, multicast and reserved ranges (RFC 6890 and its registries), for IPv4 addresses of that kind inside IPv6 ones, and for other
 * families.
 */
bool address_is_public(const struct sockaddr *address);

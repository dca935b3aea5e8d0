/*
 * address.c - see address.h.
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <stdio.h>

static bool
parse_local(struct str path, struct address *out)
{
	if (path.len == 0 || path.len >= sizeof(out->local.sun_path))
		return false;
	out->local.sun_family = AF_UNIX;
	memcpy(out->local.sun_path, path.ptr, path.len);
	out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
	return true;
}

bool
address_parse(struct str text, struct address *out)
{
	size_t colon = SIZE_MAX;
	char host[INET6_ADDRSTRLEN];
	struct str name;
	int64_t port;

	*out = (struct address){ .len = 0 };
	if (str_starts(text, STR("unix:")))
		return parse_local(str_slice(text, 5, text.len), out);
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == ':')
			colon = i;
	if (colon == SIZE_MAX || !str_to_i64(str_slice(text, colon + 1, text.len), &port) || port < 0 || port > UINT16_MAX)
		return false;
	name = str_slice(text, 0, colon);
	if (str_eq(name, STR("localhost")))
		name = STR("127.0.0.1");
	if (name.len > 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']') {
		name = str_slice(name, 1, name.len - 1);
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons((uint16_t)port);
		out->len = sizeof(out->v6);
	} else {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons((uint16_t)port);
		out->len = sizeof(out->v4);
	}
	if (name.len >= sizeof(host))
		return false;
	memcpy(host, name.ptr, name.len);
	host[name.len] = '\0';
	return inet_pton(out->any.sa_family, host,
		       out->any.sa_family == AF_INET ? (void *)&out->v4.sin_addr : (void *)&out->v6.sin6_addr) == 1;
}

struct str
address_text(const struct address *address, char out[ADDRESS_TEXT_SIZE])
{
	char host[INET6_ADDRSTRLEN] = "";
	int len;

	switch (address->any.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
		len = snprintf(out, ADDRESS_TEXT_SIZE, "%s:%u", host, ntohs(address->v4.sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
		len = snprintf(out, ADDRESS_TEXT_SIZE, "[%s]:%u", host, ntohs(address->v6.sin6_port));
		break;
	default:
		len = snprintf(out, ADDRESS_TEXT_SIZE, "unix:%s",
			address->len > offsetof(struct sockaddr_un, sun_path) ? address->local.sun_path : "");
		break;
	}
	return str_n(out, (size_t)len);
}

static bool
public_v4(uint32_t ip)
{
	static const struct {
		uint32_t network;
		int bits;
	} special[] = {
		{ 0x00000000, 8 },  /* 0.0.0.0/8: this network */
		{ 0x0a000000, 8 },  /* 10.0.0.0/8: private */
		{ 0x64400000, 10 }, /* 100.64.0.0/10: shared by carriers */
		{ 0x7f000000, 8 },  /* 127.0.0.0/8: loopback */
		{ 0xa9fe0000, 16 }, /* 169.254.0.0/16: link-local */
		{ 0xac100000, 12 }, /* 172.16.0.0/12: private */
		{ 0xc0000000, 24 }, /* 192.0.0.0/24: protocol assignments */
		{ 0xc0000200, 24 }, /* 192.0.2.0/24: documentation */
		{ 0xc0586300, 24 }, /* 192.88.99.0/24: old 6to4 relays */
		{ 0xc0a80000, 16 }, /* 192.168.0.0/16: private */
		{ 0xc6120000, 15 }, /* 198.18.0.0/15: benchmarks */
		{ 0xc6336400, 24 }, /* 198.51.100.0/24: documentation */
		{ 0xcb007100, 24 }, /* 203.0.113.0/24: documentation */
		{ 0xe0000000, 3 },  /* 224.0.0.0/3: multicast, reserved, broadcast */
	};

	for (size_t i = 0; i < COUNT(special); i++)
		if ((ip ^ special[i].network) >> (32 - special[i].bits) == 0)
			return false;
	return true;
}

static uint32_t
v4_at(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Only 2000::/3 is global unicast; in it, what carries an IPv4 address is as public as that. */
static bool
public_v6(const uint8_t ip[16])
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, nat64[12] = { 0, 0x64, 0xff, 0x9b };

	if (memcmp(ip, mapped, sizeof(mapped)) == 0 || memcmp(ip, nat64, sizeof(nat64)) == 0)
		return public_v4(v4_at(ip + 12));
	if ((ip[0] & 0xe0) != 0x20)
		return false;
	if (ip[0] == 0x20 && ip[1] == 0x01) {
		if (ip[2] < 0x02) /* 2001::/23: protocol assignments, Teredo among them */
			return false;
		return !(ip[2] == 0x0d && ip[3] == 0xb8); /* 2001:db8::/32: documentation */
	}
	if (ip[0] == 0x20 && ip[1] == 0x02) /* 2002::/16: 6to4 */
		return public_v4(v4_at(ip + 2));
	return !(ip[0] == 0x3f && ip[1] == 0xff && ip[2] < 0x10); /* 3fff::/20: documentation */
}

bool
address_is_public(const struct sockaddr *address)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;

	if (address->sa_family == AF_INET)
		return public_v4(ntohl(v4->sin_addr.s_addr));
	return address->sa_family == AF_INET6 && public_v6(v6->sin6_addr.s6_addr);
}

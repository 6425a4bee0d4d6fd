#include "own.h"

#include "base/log.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A request for the route to one address. */
struct route_request {
	struct nlmsghdr head;
	struct rtmsg route;
	struct rtattr attribute;
	uint8_t address[16];
};

/* The beginning of an answer. */
struct route_answer {
	struct nlmsghdr head;
	union {
		struct rtmsg route;
		struct nlmsgerr error;
	};
};

static bool send_request(int fd, const struct net_address *address)
{
	size_t len = address->family == AF_INET ? 4 : 16;
	struct route_request r = {
		.head = {.nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST},
		.route = {.rtm_family = (unsigned char)address->family},
		.attribute = {.rta_type = RTA_DST},
	};

	r.head.nlmsg_len = (unsigned)(offsetof(struct route_request, address) + len);
	r.attribute.rta_len = (unsigned short)RTA_LENGTH(len);
	r.route.rtm_dst_len = (unsigned char)(8 * len);
	memcpy(r.address, address->bytes, len);
	return send(fd, &r, r.head.nlmsg_len, MSG_DONTWAIT) == (ssize_t)r.head.nlmsg_len;
}

/* The kernel has answered when send returns. */
static enum own_answer read_answer(int fd)
{
	struct route_answer a;
	ssize_t n = recv(fd, &a, sizeof(a), MSG_DONTWAIT);

	if (n < (ssize_t)sizeof(a.head))
		return OWN_UNKNOWN;
	if (a.head.nlmsg_type == RTM_NEWROUTE && n >= (ssize_t)(sizeof(a.head) + sizeof(a.route)))
		return a.route.rtm_type == RTN_UNICAST ? OWN_NOT : OWN_ADDRESS;
	/* no route: the connection will fail */
	return a.head.nlmsg_type == NLMSG_ERROR ? OWN_NOT : OWN_UNKNOWN;
}

enum own_answer own_address(const struct net_address *address)
{
	enum own_answer answer = OWN_UNKNOWN;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd >= 0 && send_request(fd, address))
		answer = read_answer(fd);
	if (answer == OWN_UNKNOWN)
		log_error("cannot ask the kernel for a route", log_int("errno", errno));
	if (fd >= 0)
		close(fd);
	return answer;
}

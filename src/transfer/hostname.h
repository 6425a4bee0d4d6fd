/* transfer/hostname.h - the full name of this machine, by which it greets mail servers: many refuse
 * one without a domain. */
#ifndef HOOKD_HOSTNAME_H
#define HOOKD_HOSTNAME_H

#define HOSTNAME_ROOM 254 /* a DNS name and its NUL */

/* The machine's name with its domain, if the system or the resolver knows that; otherwise without;
 * "" if it has none that could be sent. May block for the resolver, until a full name was found
 * once. Any thread. */
void hostname_find(char out[HOSTNAME_ROOM]);

#endif

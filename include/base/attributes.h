/* base/attributes.h - what we ask the compiler to check for us. */
#ifndef HOOKD_ATTRIBUTES_H
#define HOOKD_ATTRIBUTES_H

#define WARN_UNUSED     __attribute__((warn_unused_result))
#define PRINTF(fmt, va) __attribute__((format(printf, fmt, va)))

#endif

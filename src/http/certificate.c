#include "certificate.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PEM_MAX ((size_t)256 * 1024)
#define DER     0x30 /* the first byte of what is not PEM */

/* Reads up to PEM_MAX bytes and a NUL. NULL: why. */
static char *read_file(const char *file, char why[HTTP_WHY])
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *bytes = sodium_malloc(PEM_MAX);
	size_t len = 0;
	ssize_t n = 0;

	while (fd != -1 && bytes != NULL && len < PEM_MAX - 1 &&
		(n = read(fd, bytes + len, PEM_MAX - 1 - len)) > 0)
		len += (size_t)n;
	if (fd == -1 || bytes == NULL || n < 0 || len == 0) {
		(void)snprintf(why, HTTP_WHY, "%s: cannot be read: %s", file,
			fd == -1 || n < 0 ? strerror(errno)
			: bytes == NULL   ? "out of memory"
					  : "empty");
		sodium_free(bytes);
		bytes = NULL;
	} else {
		bytes[len] = '\0';
	}
	if (fd != -1)
		(void)close(fd);
	return bytes;
}

/* `end` is that of the line a PEM block begins with. */
static bool has_block(
	const char *file, const char *pem, const char *end, const char *what, char why[HTTP_WHY])
{
	if (strstr(pem, end) != NULL)
		return true;
	if ((unsigned char)pem[0] == DER)
		(void)snprintf(why, HTTP_WHY,
			"%s: is DER: expected PEM (openssl converts it, with -inform der)", file);
	else
		(void)snprintf(why, HTTP_WHY, "%s: has no %s as PEM", file, what);
	return false;
}

static bool is_plain_key(const char *file, const char *pem, char why[HTTP_WHY])
{
	if (!has_block(file, pem, "PRIVATE KEY-----", "key", why))
		return false;
	if (strstr(pem, "ENCRYPTED") == NULL)
		return true;
	(void)snprintf(why, HTTP_WHY,
		"%s: the key is encrypted: expected one without a passphrase (openssl pkey -in … "
		"-out …)",
		file);
	return false;
}

static gnutls_datum_t datum_of(char *pem)
{
	return (gnutls_datum_t){(unsigned char *)pem, (unsigned)strlen(pem)};
}

/* As libmicrohttpd does it. */
static bool is_pair(const struct certificate *c, const char *chain_file, const char *key_file,
	char why[HTTP_WHY])
{
	const gnutls_datum_t chain = datum_of(c->chain), key = datum_of(c->key);
	gnutls_certificate_credentials_t credentials;

	int rc = gnutls_certificate_allocate_credentials(&credentials);
	if (rc == 0) {
		rc = gnutls_certificate_set_x509_key_mem(
			credentials, &chain, &key, GNUTLS_X509_FMT_PEM);
		gnutls_certificate_free_credentials(credentials);
	}
	if (rc >= 0)
		return true;
	if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		(void)snprintf(why, HTTP_WHY, "%s: is not the key of the first certificate in %s",
			key_file, chain_file);
	else
		(void)snprintf(why, HTTP_WHY, "%s and %s: cannot be used: %s", chain_file, key_file,
			gnutls_strerror(rc));
	return false;
}

bool certificate_load(
	struct certificate *c, const char *chain_file, const char *key_file, char why[HTTP_WHY])
{
	*c = (struct certificate){0};
	c->chain = read_file(chain_file, why);
	c->key = c->chain != NULL ? read_file(key_file, why) : NULL;
	return c->key != NULL &&
	       has_block(chain_file, c->chain, "CERTIFICATE-----", "certificate", why) &&
	       is_plain_key(key_file, c->key, why) && is_pair(c, chain_file, key_file, why);
}

void certificate_free(struct certificate *c)
{
	sodium_free(c->chain);
	sodium_free(c->key);
	*c = (struct certificate){0};
}

static bool is_in_its_time(gnutls_x509_crt_t first, const char *file, char why[HTTP_WHY])
{
	const int64_t now = clock_wall();
	int64_t from = (int64_t)gnutls_x509_crt_get_activation_time(first) * 1000;
	int64_t to = (int64_t)gnutls_x509_crt_get_expiration_time(first) * 1000;
	char text[CLOCK_TEXT];

	clock_format(now < from ? from : to, text);
	if (now < from)
		(void)snprintf(why, HTTP_WHY, "%s: not valid before %s", file, text);
	else if (now > to)
		(void)snprintf(why, HTTP_WHY, "%s: has expired at %s", file, text);
	return now >= from && now <= to;
}

bool certificate_is_valid(const struct certificate *c, const char *chain_file, char why[HTTP_WHY])
{
	const gnutls_datum_t chain = datum_of(c->chain);
	gnutls_x509_crt_t first;
	bool valid = true;

	if (gnutls_x509_crt_init(&first) != 0)
		return true;
	if (gnutls_x509_crt_import(first, &chain, GNUTLS_X509_FMT_PEM) == 0)
		valid = is_in_its_time(first, chain_file, why);
	gnutls_x509_crt_deinit(first);
	return valid;
}

enum http_certificate http_check_certificate(
	const char *certificate, const char *key, char why[HTTP_WHY])
{
	enum http_certificate result = HTTP_CERTIFICATE_UNUSABLE;
	struct certificate c;

	if (certificate_load(&c, certificate, key, why))
		result = certificate_is_valid(&c, certificate, why) ? HTTP_CERTIFICATE_GOOD
								    : HTTP_CERTIFICATE_OUTDATED;
	certificate_free(&c);
	return result;
}

#include "fedapay_account.h"

#include "base/clock.h"

#include <stddef.h>

#define YEAR INT64_C(31536000000) /* ms */

#define BALANCE_MODES 9

static json_t *time_of(int64_t ms)
{
	char text[CLOCK_TEXT];

	clock_format(ms, text);
	return json_string(text);
}

json_t *fedapay_currency(void)
{
	return json_pack("{s:s, s:i, s:s, s:s, s:i, s:n, s:s, s:i, s:b, s:[s, s, s, s], s:o, s:o}",
		"klass", "v1/currency", "id", 1, "name", "FCFA", "iso", "XOF", "code", 952,
		"prefix", "suffix", "CFA", "div", 1, "default", 1, "modes", "mtn_open", "moov",
		"sbin", "momo_test", "created_at", time_of(1535380000000), "updated_at",
		time_of(1710410000000));
}

static json_t *balance_of(int id, const char *mode, int64_t amount, int64_t now)
{
	return json_pack("{s:s, s:i, s:I, s:s, s:i, s:i, s:o, s:o}", "klass", "v1/balance", "id",
		id, "amount", (json_int_t)amount, "mode", mode, "account_id", FEDAPAY_ACCOUNT,
		"currency_id", 1, "created_at", time_of(now - YEAR), "updated_at", time_of(now));
}

json_t *fedapay_balance(int64_t now)
{
	return balance_of(FEDAPAY_BALANCE, "mtn_open", 1284500, now);
}

static json_t *make_balances(int64_t now)
{
	static const char *const modes[BALANCE_MODES] = {"mtn_open", "moov", "sbin", "bmo",
		"moov_tg", "togocel", "mtn_ci", "wave_ci", "cards"};
	json_t *list = json_array();

	for (int i = 0; i < BALANCE_MODES; i++)
		json_array_append_new(list, balance_of(FEDAPAY_BALANCE + i, modes[i],
						    i == 0 ? 1284500 : 31000 * i, now));
	return list;
}

static json_t *make_user(
	int id, const char *first, const char *last, const char *email, int64_t now)
{
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:n, s:b, s:s, s:s, s:b, s:o, s:o, s:o}",
		"klass", "v1/user", "id", id, "firstname", first, "lastname", last, "fullname",
		last, "email", email, "phone", "admin", 0, "locale", "fr", "timezone",
		"Africa/Porto-Novo", "two_fa_enabled", 0, "created_at", time_of(now - YEAR),
		"updated_at", time_of(now - YEAR / 12), "last_sign_in_at",
		time_of(now - YEAR / 365));
}

static json_t *make_users(int64_t now)
{
	return json_pack("[o, o, o]",
		make_user(41001, "Sophie", "Agossou", "sophie@boutique.example", now),
		make_user(41002, "Marius", "Tossou", "marius@boutique.example", now),
		make_user(41003, "Rachida", "Bio", "compta@boutique.example", now));
}

static json_t *make_user_accounts(int64_t now)
{
	json_t *list = json_array();

	for (int i = 0; i < 3; i++)
		json_array_append_new(list,
			json_pack("{s:s, s:i, s:i, s:i, s:i, s:o, s:o}", "klass", "v1/user_account",
				"id", 52001 + i, "user_id", 41001 + i, "account_id",
				FEDAPAY_ACCOUNT, "role_id", i == 0 ? 1 : 3, "created_at",
				time_of(now - YEAR), "updated_at", time_of(now - YEAR)));
	return list;
}

static json_t *make_keys(int64_t now)
{
	return json_pack("[{s:s, s:i, s:s, s:i, s:o, s:o}]", "klass", "v1/api_key", "id", 63001,
		"public_key", "pk_sandbox_madeUpByHookd000000000", "account_id", FEDAPAY_ACCOUNT,
		"created_at", time_of(now - YEAR), "updated_at", time_of(now - YEAR));
}

static json_t *make_mobile_account(int id, const char *number, const char *operator, int64_t now)
{
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:i, s:o, s:o}", "klass", "v1/mobile_account",
		"id", id, "number", number, "country", "BJ", "operator", operator, "account_id",
		FEDAPAY_ACCOUNT, "created_at", time_of(now - YEAR), "updated_at",
		time_of(now - YEAR));
}

static json_t *make_mobile_accounts(int64_t now)
{
	return json_pack("[o, o]", make_mobile_account(81001, "22997000000", "mtn_open", now),
		make_mobile_account(81002, "22995000000", "moov", now));
}

static json_t *make_lists(int64_t now)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:[], s:o, s:[], s:[o]}", "user_accounts",
		make_user_accounts(now), "users", make_users(now), "api_keys", make_keys(now),
		"balances", make_balances(now), "bank_accounts", "mobile_accounts",
		make_mobile_accounts(now), "card_accounts", "currencies", fedapay_currency());
}

json_t *fedapay_account(int64_t now)
{
	json_t *account = json_pack(
		"{s:s, s:i, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:n, s:n, s:b, s:n,"
		" s:o, s:o}",
		"klass", "v1/account", "id", FEDAPAY_ACCOUNT, "name", "Boutique & Fils", "timezone",
		"Africa/Porto-Novo", "country", "BJ", "verified", 1, "reference", "acc_1029384756",
		"business_name", "Boutique & Fils SARL", "business_type", "company",
		"business_address", "Rue 12, Cotonou", "business_phone", "22921000000",
		"business_website", "https://boutique.example", "business_vmc", "business_identity",
		"blocked", 0, "blocked_reason", "created_at", time_of(now - YEAR), "updated_at",
		time_of(now - YEAR / 12));
	json_t *lists = make_lists(now);

	if (account == NULL || lists == NULL || json_object_update(account, lists) != 0) {
		json_decref(account);
		account = NULL;
	}
	json_decref(lists);
	return account;
}

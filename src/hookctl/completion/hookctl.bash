# bash completion for hookctl(1): tests/e2e/completion.test.mjs compares it with hookctl --help.

# Offers those of its arguments that begin with the current word. It expands none of them: hooks'
# names come from the store, and the shell may be root's.
_hookctl_offer()
{
	local word
	for word; do
		if [[ $word == "$cur"* ]]; then COMPREPLY+=("$word"); fi
	done
}

_hookctl_offer_files()
{
	mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	compopt -o filenames
}

_hookctl_offer_hooks()
{
	local hooks
	mapfile -t hooks < <(hookctl completion hooks 2>/dev/null)
	_hookctl_offer "${hooks[@]}"
}

# The argument of the option $prev. False: it takes none.
_hookctl_offer_argument()
{
	case $prev in
	--config | --store | --file) _hookctl_offer_files ;;
	--hook) _hookctl_offer_hooks ;;
	--state)
		case $command in
		replay) _hookctl_offer done dead skipped ;;
		events | deliveries) _hookctl_offer ready running done dead skipped ;;
		esac ;;
	--type)
		_hookctl_offer transaction.{created,approved,declined,canceled,transferred,refunded,expired,updated,deleted} \
			customer.{created,updated,deleted} payout.{created,sent,failed} ;;
	--entity)
		_hookctl_offer transaction: customer: payout:
		compopt -o nospace ;;
	--secret-from)
		_hookctl_offer credential: file: env:
		compopt -o nospace ;;
	--scheme) _hookctl_offer fedapay ;;
	--origin) _hookctl_offer webhook api manual recheck ;;
	--by) _hookctl_offer day hour type hook ;;
	--format) _hookctl_offer csv ndjson ;;
	--limit | --before | --page | --source | --since | --until | --text | --rate | \
		--event | --amount | --count | --url | --time | --header | --tolerance | \
		--at | --older-than) ;; # anything
	*) return 1 ;;
	esac
	return 0
}

# The operands of $command. False: none is known.
_hookctl_offer_operand()
{
	case $command in
	test | pause | resume) _hookctl_offer_hooks ;;
	sign | verify | backup | import) _hookctl_offer_files ;;
	quarantine) _hookctl_offer list show release drop ;;
	refused) _hookctl_offer list show recheck ;;
	refresh)
		_hookctl_offer transaction: payout:
		compopt -o nospace ;;
	api) _hookctl_offer check ;;
	completion) _hookctl_offer hooks ;;
	show)
		_hookctl_offer transaction: customer: payout:
		compopt -o nospace ;;
	*) return 1 ;;
	esac
	return 0
}

_hookctl_offer_options()
{
	case $command in
	status) _hookctl_offer --json --store ;;
	events) _hookctl_offer --limit --before --page --follow --hook --state --origin --quarantined --type --source \
		--entity --since --until --text --json --utc --store ;;
	deliveries) _hookctl_offer --limit --before --page --follow --hook --state --type --source --entity \
		--since --until --text --json --utc --store ;;
	transactions) _hookctl_offer --limit --page --state --source --since --until --json --utc --store ;;
	customers) _hookctl_offer --limit --page --state --source --since --until --json --utc --store ;;
	payouts) _hookctl_offer --limit --page --state --source --since --until --json --utc --store ;;
	show) _hookctl_offer --payload --json --utc --store ;;
	replay) _hookctl_offer --state --hook --since --rate --again --dry-run --yes --json --store ;;
	cancel) _hookctl_offer --hook --dead --since --dry-run --yes --json --store ;;
	pause) _hookctl_offer --store ;;
	resume) _hookctl_offer --store ;;
	quarantine) _hookctl_offer --type --yes --json --store ;;
	test) _hookctl_offer --event --type --amount --file --run --store ;;
	send) _hookctl_offer --type --amount --file --count --same --source --url --secret-from --insecure \
		--dry-run ;;
	sign) _hookctl_offer --secret-from --source --scheme --time ;;
	verify) _hookctl_offer --header --secret-from --source --scheme --tolerance --at ;;
	backup) _hookctl_offer --store ;;
	check) _hookctl_offer --full --store ;;
	prune) _hookctl_offer --older-than --dry-run --yes --store ;;
	vacuum) _hookctl_offer --store ;;
	export) _hookctl_offer --format --type --source --entity --since --until --text --utc --store ;;
	import) _hookctl_offer --run --source --dry-run --store ;;
	refused) _hookctl_offer --source --limit --dry-run --json --utc --store ;;
	catch-up) _hookctl_offer --source --since --dry-run --yes --json --utc --store ;;
	refresh) _hookctl_offer --source --dry-run --json --store ;;
	api) _hookctl_offer --source --json --store ;;
	stats) _hookctl_offer --by --since --until --plot --json --utc --store ;;
	audit) _hookctl_offer --limit --json --utc --store ;;
	reload) _hookctl_offer --store ;;
	completion) _hookctl_offer --store ;;
	'') _hookctl_offer status events deliveries transactions customers payouts show replay cancel \
		pause resume quarantine refused catch-up refresh api test send sign verify backup check prune vacuum \
		export import stats audit reload completion --version ;;
	esac
	_hookctl_offer --config --help
}

_hookctl()
{
	local cur prev words cword command= i
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n : cur prev words cword
	else
		cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
		words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
	fi
	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		--config) ((i++)) ;;
		-*) ;;
		*) command=${words[i]}; break ;;
		esac
	done
	COMPREPLY=()
	_hookctl_offer_argument || { [[ $cur != -* ]] && _hookctl_offer_operand; } || _hookctl_offer_options
	declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$cur"
	return 0
}
complete -F _hookctl hookctl

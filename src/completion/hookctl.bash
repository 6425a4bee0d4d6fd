# bash completion for hookctl(1)
_hookctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command= word i
	local common='--config --help'

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		--config) ((i++)) ;;
		status | send | sign | verify | test | events | show | replay | cancel | pause | resume | quarantine | backup | check | prune | vacuum) command=$word; break ;;
		esac
	done
	case $prev in
	--config | --file | --store) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--secret-from)
		mapfile -t COMPREPLY < <(compgen -W 'credential: file: env:' -- "$cur")
		compopt -o nospace
		return
		;;
	--state) mapfile -t COMPREPLY < <(compgen -W 'done dead skipped' -- "$cur"); return ;;
	--scheme) mapfile -t COMPREPLY < <(compgen -W 'fedapay' -- "$cur"); return ;;
	--type)
		mapfile -t COMPREPLY < <(compgen -W 'transaction.created transaction.approved
			transaction.declined transaction.canceled transaction.transferred
			transaction.refunded transaction.expired transaction.updated
			transaction.deleted customer.created customer.updated customer.deleted
			payout.created payout.sent' -- "$cur")
		return
		;;
	esac
	case $command in
	status) word="--json --store $common" ;;
	send) word="--type --amount --file --count --same --source --url --secret-from --insecure --dry-run $common" ;;
	sign) word="--secret-from --source --scheme --time $common" ;;
	verify) word="--header --secret-from --source --scheme --tolerance --at $common" ;;
	test) word="--event --type --amount --file --run --store $common" ;;
	events) word="--limit --before --page --type --source --entity --hook --state --since --until --text --quarantined --utc --json --store $common" ;;
	show) word="--payload --json --store $common" ;;
	replay) word="--state --hook --since --rate --dry-run --yes --json --store $common" ;;
	cancel) word="--hook --dry-run --yes --json --store $common" ;;
	prune) word="--older-than --dry-run --yes --store $common" ;;
	pause | resume | backup | vacuum) word="--store $common" ;;
	quarantine) word="list show release drop --type --yes --json --store $common" ;;
	check) word="--full --store $common" ;;
	*) word="status send sign verify test events show replay cancel pause resume quarantine backup check prune vacuum --version $common" ;;
	esac
	if [[ ($command == sign || $command == verify || $command == backup) && $cur != -* ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur")
	fi
}
complete -F _hookctl hookctl

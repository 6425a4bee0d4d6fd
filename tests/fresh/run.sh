#!/bin/sh
# make check-fresh: makes a minimal Debian 12 and 13 by debootstrap in a temporary directory and
# runs README's two commands in each, word for word: as root, and in a second copy as an
# ordinary user with sudo. Writes tests/RESULTS.md; the logs are left in build/fresh.
# The systems reach the network as this machine does: its mirror, apt settings, proxies,
# certificates and npm registry. Each runs in PID and mount namespaces of its own, so that
# no process and no mount outlives it. SYSTEMS="trixie" runs one alone.
set -eu
here=tests/fresh
logs=build/fresh
systems=${SYSTEMS:-bookworm trixie}

skip() {
	echo "check-fresh: skipped: $1"
	exit 0
}

[ "$(id -u)" = 0 ] || skip "only root can make a system to run in"
command -v debootstrap >/dev/null || skip "debootstrap is not installed"
unshare --mount --pid --fork true 2>/dev/null || skip "namespaces are not permitted here"

dir=$(mktemp -d "${TMPDIR:-/var/tmp}/hookd-fresh-XXXXXX")
inside= # process whose end is that of all in its namespaces
trap '[ -z "$inside" ] || kill -KILL "$inside" 2>/dev/null; wait; rm -rf --one-file-system "$dir"' EXIT
trap 'exit 130' HUP INT TERM
rm -rf "$logs"
mkdir -p "$logs"

# The mirror that apt has for SYSTEM, or any for another Debian.
mirror() {
	apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' 'Component: main' 2>/dev/null |
		awk -v wanted="$1" '$1 == wanted { exact = $2 } $1 ~ /^(bookworm|trixie)$/ { other = $2 }
			END { print exact ? exact : other ? other : "http://deb.debian.org/debian" }'
}

# make_system SYSTEM: its files in $dir/SYSTEM
make_system() {
	root=$dir/$1
	eval "$(apt-config shell proxy Acquire::http::Proxy)"
	http_proxy=${http_proxy:-${proxy:-}} debootstrap --variant=minbase "$1" "$root" "$(mirror "$1")" \
		>"$logs/debootstrap-$1.log" 2>&1
	apt-config dump | grep -E '^Acquire::(http|https|Check|Retries|ForceIPv)' >"$root/etc/apt/apt.conf.d/00machine" || :
	cp -L /etc/resolv.conf "$root/etc/resolv.conf"
	cp "$here/inside.sh" "$root/root/inside.sh"
	{
		env | grep -iE '^(https?|no|all)_proxy=' || :
		[ -z "${NODE_EXTRA_CA_CERTS:-}" ] || {
			cp -L "$NODE_EXTRA_CA_CERTS" "$root/etc/machine-certificates.pem"
			echo NODE_EXTRA_CA_CERTS=/etc/machine-certificates.pem
		}
		! command -v npm >/dev/null || echo "npm_config_registry=$(npm config get registry)"
	} | sed "s/'/'\\\\''/g; s/=\(.*\)/='\1'/; s/^/export /" >"$root/root/network"
}

# The tree as git knows it, with what is not committed yet.
copy_tree() {
	mkdir -p "$1"
	git ls-files -z | tar --null --ignore-failed-read -cf - -T - 2>/dev/null | tar -xf - -C "$1"
}

# run_inside SYSTEM root|user: appends a row to $dir/rows
run_inside() {
	name=$1-$2
	root=$dir/$name
	cp -a "$dir/$1" "$root"
	copy_tree "$root/src"
	echo "check-fresh: $1 as $2"
	status=0
	env -i --default-signal PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
		unshare --mount --pid --fork --kill-child sh -euc '
			mount -t proc proc "$1/proc"
			mount --rbind /sys "$1/sys"
			mount --rbind /dev "$1/dev"
			exec chroot "$1" sh /root/inside.sh "$2"' sh "$root" "$2" >"$logs/$name.log" 2>&1 &
	inside=$!
	wait "$inside" || status=$?
	inside=
	if [ "$status" != 0 ] || ! [ -s "$root/root/row" ]; then
		echo "check-fresh: $1 as $2 failed, see $logs/$name.log:"
		grep -E '^not ok|FAILED|\*\*\*' "$logs/$name.log" || tail -n 5 "$logs/$name.log"
		failed=1
	fi
	cat "$root/root/row" >>"$dir/rows" 2>/dev/null || :
	cat "$root/root/versions" >>"$dir/versions" 2>/dev/null || :
	rm -rf --one-file-system "$root"
}

# write_section SYSTEM: what its run has measured
write_section() {
	cat <<END
## $1

On $(date -u +%F), at $(git describe --always --dirty), on $(nproc) processors.

| Debian | as | \`make run\`, to its first event done | packages installed for it | \`make check\` | tests passed | skipped | failed | first build = second | services left |
|---|---|---|---|---|---|---|---|---|---|
$(cat "$dir/rows")

| Debian | gcc | libmicrohttpd | libcurl | SQLite | Node.js |
|---|---|---|---|---|---|
$(sort -u "$dir/versions")
END
}

failed=0
for system in $systems; do
	make_system "$system"
	rm -f "$dir/rows" "$dir/versions"
	for who in root user; do
		run_inside "$system" "$who"
	done
	write_section "$system" >"$dir/section-$system"
	rm -rf --one-file-system "${dir:?}/$system"
done

# The section of a system that was not run stays as it is.
cat >"$dir/results" <<END
# README's commands on fresh machines

Written by \`make check-fresh\`. Each row is a Debian that debootstrap has just made (\`--variant=minbase\`), with \`make\` added and nothing else; for the user also sudo, and README's \`sudo make deps deps-test\`.
END
for system in bookworm trixie; do
	[ -e "$dir/section-$system" ] || awk -v wanted="## $system" '
		/^## / { on = $0 == wanted }
		on' tests/RESULTS.md >"$dir/section-$system" 2>/dev/null || :
	[ ! -s "$dir/section-$system" ] || { echo && cat "$dir/section-$system"; } | cat -s >>"$dir/results"
done
cat "$dir/results" >tests/RESULTS.md
sed -n '/^|/p' tests/RESULTS.md
exit "$failed"

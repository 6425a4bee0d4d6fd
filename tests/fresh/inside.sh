#!/bin/sh
# tests/fresh/inside.sh root|user - in a fresh system: runs README's two commands on the tree in
# /src. Leaves /root/row and /root/versions, lines of tests/RESULTS.md. Fails when anything did.
set -eu
who=$1
# shellcheck disable=SC1091
. /root/network
export LANG=C.UTF-8
cd /src

# README's first block with commands: "make run", then "make check"
commands=$(sed -n '/^```sh$/,/^```$/{/^```/!p}' README.md | head -n 2)
run_command=$(printf '%s\n' "$commands" | sed -n '1s/ *#.*//p')
check_command=$(printf '%s\n' "$commands" | sed -n '2s/ *#.*//p')
[ "$run_command" = "make run" ] && [ "$check_command" = "make check" ] ||
	{ echo "README's first commands are not make run and make check: $commands"; exit 1; }

packages() { dpkg-query -W | wc -l; }
seconds() { date +%s; }

# as COMMAND...: by whom this is about, with the network's settings
as() {
	if [ "$who" = root ]; then
		sh -c "$*"
	else
		setpriv --reuid=shop --regid=shop --init-groups env HOME=/home/shop sh -c "$*"
	fi
}

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
if [ "$who" = root ]; then
	apt-get install -qy --no-install-recommends make
	before=$(packages)
else
	apt-get install -qy --no-install-recommends make sudo
	useradd -m shop
	echo 'shop ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/shop
	chown -R shop: /src
	before=$(packages)
	for goal in run check; do
		if as make $goal >/tmp/refused 2>&1; then
			echo "make $goal without packages did not fail"
			exit 1
		fi
		cat /tmp/refused
		[ "$(wc -l </tmp/refused)" = 1 ] && grep -q 'sudo make deps' /tmp/refused
	done
	as sudo make deps deps-test
fi

echo "== $run_command"
began=$(seconds)
(as exec setsid "$run_command" >/tmp/run.log 2>&1; echo "it ended" >>/tmp/run.log) &
until grep -qE 'hookd is ready|it ended' /tmp/run.log; do
	sleep 0.2
done
as build/demo/hookctl send
until grep -qE 'delivery done|it ended' /tmp/run.log; do
	sleep 0.2
done
took=$(($(seconds) - began))
cat /tmp/run.log
! grep -q ' warn \| error \|it ended' /tmp/run.log
for process in /proc/[0-9]*; do
	[ "$(cat "$process/comm" 2>/dev/null)" != hookd ] || kill -TERM "${process#/proc/}"
done
wait
installed=$(($(packages) - before))
first=$(sha256sum build/hookd build/hookctl)

echo "== $check_command"
began=$(seconds)
status=0
as "$check_command" >/tmp/check.log 2>&1 || status=$?
checked=$(($(seconds) - began))
cat /tmp/check.log
[ "$(sha256sum build/hookd build/hookctl)" = "$first" ]
sum() { sed -n "$1" /tmp/check.log | awk '{ n += $1 } END { print n + 0 }'; }
passed=$(sum 's/.*\[  PASSED  \] \([0-9]*\) test.*/\1/p; s/^# pass \([0-9]*\)$/\1/p')
skipped=$(sum 's/^# skipped \([0-9]*\)$/\1/p')
lost=$(sum 's/.*\[  FAILED  \] \([0-9]*\) test.*/\1/p; s/^# fail \([0-9]*\)$/\1/p')

as make clean
as make
same=yes
[ "$(sha256sum build/hookd build/hookctl)" = "$first" ] || same=no
services=
for name in nginx apache2 haproxy caddy; do
	! grep -qsx "$name" /proc/[0-9]*/comm || services="$services $name"
	[ "$(systemctl is-enabled $name 2>/dev/null)" != enabled ] || services="$services $name"
done
[ ! -e /usr/sbin/policy-rc.d ] || services="$services policy-rc.d"

version() { pkg-config --modversion "$1"; }
debian=$(cat /etc/debian_version)
echo "| $debian | $who | $took s | $installed | $checked s | $passed | $skipped | $lost | $same | ${services:-none} |" >/root/row
echo "| $debian | $(gcc -dumpfullversion) | $(version libmicrohttpd) | $(version libcurl) | $(version sqlite3) | $(node --version) |" >/root/versions
cat /root/row
[ "$status" = 0 ] && [ "$lost" = 0 ] && [ "$same" = yes ] && [ -z "$services" ]

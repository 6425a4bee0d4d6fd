#!/bin/sh
# make run: a hookd with its own store, secret and config in $BUILD/demo.
set -eu
build=${BUILD:-build}
demo=$build/demo

umask 077
mkdir -p "$demo"
cp conf/demo/hookd.yaml conf/demo/print-event "$demo/"
chmod 700 "$demo/print-event"
# A hookd that is root asks as whom to run a script; the demo's belongs to you.
[ "$(id -u)" -ne 0 ] || echo "    user: root" >>"$demo/hookd.yaml"
echo "${DEMO_SLEEP:-0}" >"$demo/delay" # seconds that the script takes, to kill hookd meanwhile
[ -s "$demo/secret" ] ||
	printf 'wh_sandbox_%s' "$(od -An -N 16 -t x1 /dev/urandom | tr -d ' \n')" >"$demo/secret"

cat <<END
hookd: a demo, stopped with Ctrl-C. All of it is in $demo.
  URL     http://127.0.0.1:8080/webhooks/fedapay
  secret  $demo/secret
In another terminal, send it a first signed event, then look at what became of it:
  $build/hookctl --config $demo/hookd.yaml send
  $build/hookctl --config $demo/hookd.yaml show 1

END
exec "$build/hookd" --config "$demo/hookd.yaml"

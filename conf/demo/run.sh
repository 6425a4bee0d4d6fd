#!/bin/sh
# make run: a hookd with its own store, secret and config in $BUILD/demo.
set -eu
build=${BUILD:-build}
demo=$build/demo

umask 077
mkdir -p "$demo"
cp conf/demo/hookd.yaml conf/demo/print-event "$demo/"
chmod 700 "$demo/print-event"
# hookd as root requires a user for each script; the demo's runs as root, too.
[ "$(id -u)" -ne 0 ] || echo "    user: root" >>"$demo/hookd.yaml"
echo "${DEMO_SLEEP:-0}" >"$demo/delay" # seconds the script takes: time to kill hookd
[ -s "$demo/secret" ] ||
	printf 'wh_sandbox_%s' "$(od -An -N 16 -t x1 /dev/urandom | tr -d ' \n')" >"$demo/secret"

cat <<END
hookd demo, stop it with Ctrl-C. All of it is in $demo.
  URL     http://127.0.0.1:8080/webhooks/fedapay
  secret  $demo/secret
In another terminal, send a first signed event, then see what became of it:
  $build/hookctl --config $demo/hookd.yaml send
  $build/hookctl --config $demo/hookd.yaml show 1

END
exec "$build/hookd" --config "$demo/hookd.yaml"

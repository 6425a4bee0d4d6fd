#!/bin/sh
# make run: a hookd with its own store, secret and config in $BUILD/demo.
set -eu
build=$(cd "${BUILD:-build}" && pwd)
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
HOOKD_DEMO_SECRET=$(cat "$demo/secret")
export HOOKD_DEMO_SECRET

# hookctl with the demo's config and secret
cat >"$demo/hookctl" <<END
#!/bin/sh
HOOKD_DEMO_SECRET=\$(cat '$demo/secret') exec '$build/hookctl' --config '$demo/hookd.yaml' "\$@"
END
chmod 700 "$demo/hookctl"

short=${BUILD:-build}/demo
cat <<END
hookd demo, stop it with Ctrl-C. All of it is in $short.
  URL     http://127.0.0.1:8080/webhooks/fedapay
  secret  $short/secret
In another terminal, send a first signed event, then see what became of it:
  $short/hookctl send
  $short/hookctl show 1

END
exec "$build/hookd" --config "$demo/hookd.yaml"

#!/bin/sh
# tests/packages.sh PACKAGE... - installs Debian packages, as root, for the Makefile's `deps` targets.
# No service that comes with them starts, now or at the next boot: the tests start the
# servers they need themselves. /usr/sbin/policy-rc.d is what Debian's packages ask;
# it is restored, also when the installation fails or is interrupted.
set -eu
policy=${POLICY_RC_D:-/usr/sbin/policy-rc.d}
kept=$policy.kept-by-hookd
mark='hookd installs packages'
units=/lib/systemd/system

restore() { # also what a run that was killed has left
	! grep -qs "$mark" "$policy" || rm "$policy"
	if [ -e "$kept" ] || [ -L "$kept" ]; then
		mv "$kept" "$policy"
	fi
}

servers() { # those of the tests' packages that are installed as services
	for s in nginx apache2 haproxy caddy; do
		[ ! -e "$units/$s.service" ] || echo "$s"
	done
}

command -v apt-get >/dev/null || { echo "no apt-get here; install these by other means: $*" >&2; exit 1; }
echo "installing packages, without starting their services: $*"
exec 9<"${policy%/*}"
flock 9 # one run at a time
restore
trap restore EXIT
trap 'exit 130' HUP INT TERM
if [ -e "$policy" ] || [ -L "$policy" ]; then
	mv "$policy" "$kept"
fi
printf '#!/bin/sh\n# %s: nothing may start\nexit 101\n' "$mark" >"$policy"
chmod 755 "$policy"

before=$(servers)
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"
for s in $(servers); do
	case " $(echo $before) " in
	*" $s "*) ;; # the machine's own
	*) systemctl --quiet disable "$s.service" >/dev/null 2>&1 || echo "$s is enabled: systemctl disable $s" ;;
	esac
done

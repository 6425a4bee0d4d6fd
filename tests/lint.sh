#!/bin/sh
# make lint: what the compiler does not see. Prints what is wrong; ends with a count.
# With CI=true the programs are also built with gcc and clang, warnings as errors.
set -u
passed=0 failed=0

check() { # check NAME COMMAND...: the command must succeed and print nothing
	name=$1
	shift
	out=$("$@" 2>&1)
	if [ $? -eq 0 ] && [ -z "$out" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf 'lint: %s:\n%s\n' "$name" "$out"
	fi
}

only_in() { # only_in HEADER FILES...: no other file includes the header
	header=$1
	shift
	for f in src/*.c include/*.h; do
		case " $* " in *" $f "*) continue ;; esac
		grep -l "#include <$header>" "$f"
	done
	return 0
}

units() {
	dir=$(mktemp -d)
	for u in service socket; do
		sed 's|@sbindir@/hookd|/bin/true|;s|@sysconfdir@|/etc|' systemd/hookd.$u >"$dir/hookd.$u"
	done
	# It exits with 0 on an unknown key: what counts is that it prints nothing.
	systemd-analyze verify --man=no "$dir/hookd.service" "$dir/hookd.socket" 2>&1
	systemd-analyze security --offline=true --threshold=20 --no-pager "$dir/hookd.service" \
		>"$dir/security" 2>&1 || tail -n 1 "$dir/security"
	rm -rf "$dir"
}

top_level() {
	git ls-files | cut -d/ -f1 | sort -u |
		grep -vxE 'src|include|conf|systemd|tests|Makefile|README\.md|LICENSE|CHANGELOG\.md|\..*'
	return 0
}

build_strictly() {
	for cc in gcc clang; do
		make CI=1 CC=$cc BUILD=build/strict-$cc build/strict-$cc/hookd build/strict-$cc/hookctl \
			>build/strict-$cc.log 2>&1 || cat build/strict-$cc.log
	done
}

tidy() {
	flags="-std=c11 -D_GNU_SOURCE -DHOOKD_VERSION=\"lint\" -Iinclude $(pkg-config --cflags libmicrohttpd)"
	printf '%s\n' src/*.c | xargs -P 2 -n 5 sh -c 'flags=$1; shift
		clang-tidy --quiet "$@" -- $flags 2>&1' sh "$flags" |
		grep -E 'warning:|error:' | sort -u
	return 0
}

mkdir -p build
check "clang-format" clang-format --dry-run --Werror src/*.c include/*.h tests/unit/*.c tests/unit/*.h tests/fuzz/*.c tests/fault/*.c tests/fault/*.h
check "man pages" mandoc -T lint -W warning src/man/hookd.8 src/man/hookd.yaml.5 src/man/hookctl.1
check "systemd units" units
check "top level" top_level
# shellcheck disable=SC2046
check "only store*.c knows SQLite" only_in sqlite3.h $(echo src/store*.c include/store_db.h)
# shellcheck disable=SC2046
check "only listener*.c knows libmicrohttpd" only_in microhttpd.h $(echo src/listener*.c include/listener_http.h)
# shellcheck disable=SC2046
check "only conf*.c knows libyaml" only_in yaml.h $(echo src/conf*.c include/conf_yaml.h)
check "cppcheck" cppcheck --quiet --std=c11 --enable=warning,portability,performance --inline-suppr \
	--error-exitcode=1 --suppress=normalCheckLevelMaxBranches -D_GNU_SOURCE -DHOOKD_VERSION='""' \
	-I include src
check "clang-tidy" tidy
if [ "${CI:-}" = true ]; then
	check "gcc and clang with -Werror" build_strictly
fi
echo "lint: $passed passed, $failed failed"
[ "$failed" -eq 0 ]

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

units() {
	dir=$(mktemp -d)
	for u in service socket; do
		sed 's|@sbindir@/hookd|/bin/true|;s|@sysconfdir@|/etc|' systemd/hookd.$u >"$dir/hookd.$u"
	done
	# It exits with 0 on an unknown key: what counts is that it prints nothing.
	systemd-analyze verify --man=no "$dir/hookd.service" "$dir/hookd.socket" 2>&1
	systemd-analyze security --offline=true --threshold=15 --no-pager "$dir/hookd.service" \
		>"$dir/security" 2>&1 || tail -n 1 "$dir/security"
	rm -rf "$dir"
}

top_level() {
	git ls-files | cut -d/ -f1 | sort -u |
		grep -vxE 'src|include|conf|systemd|tests|Makefile|README\.md|LICENSE|CHANGELOG\.md|\..*'
	return 0
}

# Words that the field's terms have replaced, or that nobody uses any more. Released schemas
# have a column "lane": it is the ordering key.
words() {
	git grep -nwiE 'anew|amid|whoever|so-manieth|thousand million|lanes?|carr(y|ies|ied|ying) (the WAL over|over the WAL)' -- \
		src include tests conf systemd README.md Makefile ':!tests/lint.sh' ':!tests/fuzz/corpus' \
		':!*package-lock.json' ':!src/store/sqlite/schema.c' ':!tests/unit/store/version_3_fixture.h' \
		':!tests/unit/store/test_migrate.c'
	return 0
}

build_strictly() {
	for cc in gcc clang; do
		make CI=1 CC=$cc BUILD=build/strict-$cc build/strict-$cc/hookd build/strict-$cc/hookctl \
			>build/strict-$cc.log 2>&1 || cat build/strict-$cc.log
	done
}

# All C that is ours.
sources() {
	find src tests -name node_modules -prune -o -name '*.c' -print | sort
}

tidy() {
	flags="-std=c11 -D_GNU_SOURCE -DHOOKD_VERSION=\"lint\" -Iinclude -Isrc -Itests/unit $(pkg-config --cflags libmicrohttpd)"
	sources | xargs -P 2 -n 4 sh -c 'flags=$1; shift
		clang-tidy --quiet "$@" -- $flags 2>&1' sh "$flags" |
		grep -E 'warning:|error:' | sort -u
	return 0
}

# Two copies of the tree, elsewhere, by another user, in another locale, time zone and
# umask: the same bytes?
build_twice() {
	dir=$(mktemp -d)
	chmod 755 "$dir"
	for copy in one another/place; do
		mkdir -p "$dir/$copy"
		git ls-files -z Makefile src include conf | xargs -0 cp --parents -t "$dir/$copy"
	done
	as=
	if [ "$(id -u)" = 0 ]; then
		as="setpriv --reuid=65534 --regid=65534 --clear-groups"
		chown -R 65534:65534 "$dir/another"
	fi
	programs="build/hookd build/hookctl"
	(
		cd "$dir/one" && umask 022 &&
			LC_ALL=C TZ=UTC0 make $programs >log 2>&1 || cat log
	) &
	(
		sleep 1.1
		cd "$dir/another/place" && umask 077 &&
			LC_ALL=C.UTF-8 TZ=Asia/Tokyo $as make $programs >log 2>&1 || cat log
	) &
	wait
	for p in $programs; do
		cmp "$dir/one/$p" "$dir/another/place/$p"
	done
	rm -rf "$dir"
}

# What gcc's analyzer says, but for what tests/analyzer.txt explains.
analyze() {
	mkdir -p build/analyzer
	rm -f build/analyzer/*
	find src -name '*.c' | xargs -P 2 -I{} sh -c 'gcc -std=c11 -D_GNU_SOURCE \
		-DHOOKD_VERSION=\"lint\" -Iinclude -Isrc -O1 -fanalyzer -fdiagnostics-plain-output \
		-fdiagnostics-path-format=none -c -o /dev/null "$1" \
		2>"build/analyzer/$(echo "$1" | tr / _)"' sh {}
	# FILE FUNCTION WARNING of each, with the message behind it
	cat build/analyzer/*.c | awk '
		/: In function / { function_name = $NF; gsub(/[^A-Za-z0-9_]/, "", function_name) }
		/ (warning|error): / {
			split($1, place, ":")
			flag = match($0, /-W[a-z=-]*\]/) ? substr($0, RSTART, RLENGTH - 1) : "error"
			print place[1], function_name, flag "\t" $0
		}' | sort -u >build/analyzer/said
	sed '/^#/d;s/ *\(-W[a-z-]*\).*/ \1/' tests/analyzer.txt | sort -u >build/analyzer/explained
	cut -f1 build/analyzer/said | sort -u >build/analyzer/found
	comm -23 build/analyzer/found build/analyzer/explained | while read -r line; do
		grep -F "$line	" build/analyzer/said | cut -f2
	done
	if [ "$(gcc -dumpversion)" = 12 ]; then
		comm -13 build/analyzer/found build/analyzer/explained |
			sed 's/^/tests\/analyzer.txt: not said any more: /'
	fi
	return 0
}

mkdir -p build
check "man pages" mandoc -T lint -W warning src/man/hookd.8 src/man/hookd.yaml.5 src/man/hookctl.1
check "systemd units" units
check "top level" top_level
check "words" words
check "layers" sh tests/layers.sh
# What these four say depends on their version: the tree is kept clean by Debian 12's.
if clang-format --version | grep -q 'version 14\.'; then
	# shellcheck disable=SC2046
	check "clang-format" clang-format --dry-run --Werror $(sources) \
		$(find src include tests -name node_modules -prune -o -name '*.h' -print)
	# normalCheckLevelMaxBranches is no finding: cppcheck 2.11 and newer say that they stop somewhere.
	check "cppcheck" cppcheck --quiet --std=c11 --enable=warning,portability,performance --inline-suppr \
		--error-exitcode=1 --suppress=normalCheckLevelMaxBranches -D_GNU_SOURCE -DHOOKD_VERSION='""' \
		-I include -I src src
	# What a fixture returns it takes for a number when its struct is opaque.
	# shellcheck disable=SC2046
	check "cppcheck of the tests" cppcheck --quiet --std=c11 --enable=warning,portability,performance \
		--inline-suppr --error-exitcode=1 --suppress=normalCheckLevelMaxBranches \
		--suppress=CastIntegerToAddressAtReturn -D_GNU_SOURCE -DHOOKD_VERSION='""' -I include \
		-I src -I tests/unit -j 2 $(sources | grep '^tests/')
	check "clang-tidy" tidy
	check "gcc's analyzer" analyze
else
	echo "lint: skipped, as their versions are not Debian 12's: clang-format, cppcheck, clang-tidy, gcc's analyzer"
fi
check "the same bytes twice" build_twice
if [ "${CI:-}" = true ]; then
	check "gcc and clang with -Werror" build_strictly
fi
echo "lint: $passed passed, $failed failed"
[ "$failed" -eq 0 ]

#!/bin/sh
# tests/fuzz/run.sh SECONDS: builds each fuzz target and runs it for so long on its
# corpus. What it finds anew is kept in $BUILD/fuzz; any fault makes it fail.
set -eu
seconds=${1:-30}
build=${BUILD:-build}/fuzz
flags="-std=c11 -D_GNU_SOURCE -DHOOKD_VERSION=\"fuzz\" -Iinclude -g -O1 -fno-omit-frame-pointer"
libs="libmicrohttpd jansson libsodium sqlite3 yaml-0.1 libcurl"
failed=0

mkdir -p "$build/obj"
# shellcheck disable=SC2012
modules=$(ls src/*.c | grep -vE '/hookd\.c|/hookctl')
objects=$(echo "$modules" | sed "s|^src/\(.*\)c$|$build/obj/\1o|")
# shellcheck disable=SC2046,SC2086
echo "$modules" | xargs -P 2 -I{} sh -c '
	o="$1/obj/$(basename "$2" .c).o"
	[ "$o" -nt "$2" ] || clang $3 -fsanitize=fuzzer-no-link,address,undefined -c -o "$o" "$2"' \
	sh "$build" {} "$flags $(pkg-config --cflags $libs)"
for target in tests/fuzz/fuzz_*.c; do
	name=$(basename "$target" .c)
	corpus=${name#fuzz_}
	# shellcheck disable=SC2046,SC2086
	clang $flags -fsanitize=fuzzer,address,undefined -o "$build/$name" "$target" \
		$objects -pthread $(pkg-config --libs $libs)
	mkdir -p "$build/corpus-$corpus"
	if "$build/$name" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
		-artifact_prefix="$build/$name-" "$build/corpus-$corpus" "tests/fuzz/corpus/$corpus" \
		>"$build/$name.log" 2>&1; then
		echo "$name: $(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$build/$name.log") runs, nothing found"
	else
		failed=1
		echo "$name: a fault, see $build/$name.log"
		grep -E 'ERROR|runtime error|SUMMARY|Test unit' "$build/$name.log" | head -5
	fi
done
exit "$failed"

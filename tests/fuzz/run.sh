#!/bin/sh
# tests/fuzz/run.sh SECONDS [NAME...]: runs the fuzz targets, or those named, for so long
# each on their corpus, two at a time. New inputs are kept in $BUILD/corpus; any fault makes it
# fail.
set -eu
# Whole paths: some targets go to a directory of their own.
root=$(pwd)
export root build="$root/${BUILD:-build/fuzz}" seconds="${1:-30}"
shift $(($# > 0))

# shellcheck disable=SC2016
one='
name=$1
corpus=$root/tests/fuzz/corpus/$name dictionary=$root/tests/fuzz/dictionary/$name
mkdir -p "$build/corpus/$name"
set -- "$build/corpus/$name" "$corpus"
[ ! -e "$dictionary" ] || set -- "-dict=$dictionary" "$@"
if "$build/fuzz/fuzz_$name" -max_total_time="$seconds" -max_len=65536 -timeout=20 \
	-rss_limit_mb=2048 -close_fd_mask=1 -print_final_stats=1 \
	-artifact_prefix="$build/$name-" "$@" >"$build/$name.log" 2>&1; then
	runs=$(sed -n "s/^stat::number_of_executed_units: //p" "$build/$name.log")
	echo "fuzz_$name: $runs runs, nothing found"
else
	echo "fuzz_$name: a fault, see $build/$name.log"
	grep -aE "ERROR|runtime error|SUMMARY|Test unit" "$build/$name.log" | head -5
	exit 1
fi'
if [ $# -eq 0 ]; then
	for target in tests/fuzz/fuzz_*.c; do
		name=${target##*/fuzz_}
		set -- "$@" "${name%.c}"
	done
fi
printf '%s\n' "$@" | xargs -P 2 -I{} sh -c "$one" sh {}

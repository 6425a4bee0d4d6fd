#!/bin/sh
# Holds the rule of tests/layers.txt: prints each line of the source that breaks it.
#   1. an include line names an area that the rule allows, and no private header of another
#   2. a library's header is included only where the rule says
#   3. a header in include/ is included by another area than its own
#   4. a call does not run against the rule either, and no two files of an area need
#      each other, directly or around a circle: by the symbols of what was built, if it was
#   5. a sender is named in src/sender/ only, comments included
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}

find src include -name '*.[ch]' | sort | xargs awk '
	function fault(text) { print FILENAME ":" FNR ": " text; }
	BEGIN {
		while ((getline line < "tests/layers.txt") > 0) {
			n = split(line, word, " +")
			if (line ~ /^[a-z]+:/) {
				area = substr(word[1], 1, length(word[1]) - 1)
				is_area[area] = may[area, area] = 1
				for (i = 2; i <= n; i++)
					may[area, word[i]] = 1
			} else if (line ~ /^</) {
				for (i = 2; i <= n; i++)
					fence[word[1]] = fence[word[1]] " " word[i]
			}
		}
	}
	FNR == 1 {
		split(FILENAME, part, "/")
		area = part[2]
		if (!(area in is_area))
			fault("area \"" area "\" is not in tests/layers.txt")
		if (part[1] == "include")
			contract[FILENAME] = area
	}
	/^#include </ && ($2 in fence) {
		n = split(fence[$2], place, " ")
		for (i = 1; i <= n && index(FILENAME, place[i]) != 1; i++)
			;
		if (i > n)
			fault($2 " is for" fence[$2] " only")
	}
	/^#include "[^"]*\// {
		split($2, quoted, "\"")
		name = quoted[2]
		split(name, part, "/")
		other = part[1]
		if (!(other in is_area))
			fault("\"" name "\" names no area")
		else if (!((area, other) in may))
			fault(area " may not include " other ": \"" name "\"")
		else if (other != area && (getline line < ("include/" name)) < 0)
			fault("\"" name "\" is private to " other)
		close("include/" name)
		if (other != area)
			used["include/" name] = 1
	}
	END {
		for (header in contract)
			if (!(header in used))
				print header ": no other area includes it: its place is src/" contract[header] "/"
	}'

senders=$(sed -n 's/^extern const struct sender sender_\(.*\);/\1/p' src/sender/rows.h | paste -sd '|')
grep -rniE "$senders" src include --include='*.[ch]' | grep -v '^src/sender/' |
	sed 's/$/  (names a sender)/'

# UNDEFINED-IN DEFINED-IN for each symbol that one object takes from another.
calls() {
	find src -name '*.c' | sort | while read -r source; do
		object=$BUILD/obj/${source#src/}
		nm "${object%.c}.o" 2>/dev/null | awk -v f="$source" '
			NF == 2 && $1 == "U" { print f, "needs", $2 }
			NF == 3 && $2 ~ /[A-TV-Z]/ { print f, "has", $3 }'
	done | awk '
		$2 == "has" { owner[$3] = $1 }
		$2 == "needs" { user[++n] = $1; symbol[n] = $3 }
		END {
			for (i = 1; i <= n; i++)
				if ((symbol[i] in owner) && owner[symbol[i]] != user[i])
					print user[i], owner[symbol[i]], symbol[i]
		}'
}

calls=$(mktemp)
calls >"$calls"
awk '
	FILENAME == "tests/layers.txt" && /^[a-z]+:/ {
		area = substr($1, 1, length($1) - 1)
		may[area, area] = 1
		for (i = 2; i <= NF; i++)
			may[area, $i] = 1
		next
	}
	FILENAME != "tests/layers.txt" {
		split($1, from, "/")
		split($2, to, "/")
		if (!((from[2], to[2]) in may))
			print $1 ": " $3 "() of " $2 ": " from[2] " may not call " to[2]
	}' tests/layers.txt "$calls"
cut -d ' ' -f 1,2 "$calls" | sort -u | tsort 2>&1 >/dev/null | sed '
	s/^tsort: -: input contains a loop:/these files need each other:/
	s/^tsort: /    /'
rm -f "$calls"

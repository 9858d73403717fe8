#!/usr/bin/env bash
# Counts the instructions of a decision with valgrind, and says what changed against benches/instructions.txt.
#
#   benches/instructions.sh            compares: exit 1 if a decision takes over 5 % more
#   benches/instructions.sh 2          … over 2 % more
#   benches/instructions.sh --save     writes what it counts as the new baseline
#
# The counts are those of one compiler on one kind of machine: after a change of either save them anew, first.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v valgrind > /dev/null || { echo "valgrind is not installed" >&2; exit 2; }
baseline=benches/instructions.txt
percent="${1:-5}"
mapfile -t lines < <(cargo bench --locked --quiet --no-default-features --bench instructions)
program="${lines[0]}"

# instructions CASE COUNT: of a whole run.
instructions() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>&1 |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

counted="$(mktemp)"
trap 'rm -f "$counted"' EXIT
for case in "${lines[@]:1}"; do
  few="$(instructions "$case" 100)"
  many="$(instructions "$case" 1100)"
  echo "$case $(((many - few) / 1000))" | tee -a "$counted"
done
if [ "$percent" = --save ]; then
  cp "$counted" "$baseline"
  exit
fi
awk -v most="$percent" '
  NR == FNR { before[$1] = $2; next }
  !($1 in before) { printf "%s: new\n", $1; next }
  {
    change = ($2 - before[$1]) * 100 / before[$1]
    if (change > most || change < -most) printf "%s: %d -> %d instructions (%+.1f %%)\n", $1, before[$1], $2, change
    if (change > most) worse = 1
  }
  END { if (!worse) print "no decision takes over " most " % more instructions"; exit worse }
' "$baseline" "$counted"

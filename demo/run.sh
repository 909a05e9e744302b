#!/bin/sh
# The living example in a minute: the files in flows/, a spreadsheet of deals, and a week passing.
# It uses a store of its own (.demo/), and stops the clock for each step, so that it always prints the same.
set -eu
cd "$(dirname "$0")/.."
rm -rf .demo
mkdir .demo
export FLOWRUN_STORE=sqlite:///.demo/flowrun.db

step() { printf '\n# %s\n' "$*"; }
at() { FLOWRUN_NOW=$1; export FLOWRUN_NOW; printf '\n# %s\n' "It is $1. $2"; }
show() { printf '$ %s\n' "$*"; "$@"; }
last() { printf '$ %s | tail -n 1\n' "$*"; out=$("$@"); printf '%s\n' "$out" | tail -n 1; }

step "The files are checked, without any store."
show flowrun validate

step "The scenarios beside them show what the tunnels do, and that they do nothing else."
show flowrun test --coverage

at 2026-02-27T17:00+01:00 "What would the files change? All of it is new. Then make it so."
show flowrun diff
last flowrun apply --yes

at 2026-03-04T09:00+01:00 "The deals arrive, and the runner does all that is due."
show flowrun deals import demo/deals.csv --mapping demo/mapping.yaml
show flowrun run --until-idle

at 2026-03-04T11:00+01:00 "Someone notes a payment. The contract is there, so a condition becomes true."
show flowrun deals set S-212 paid=true
show flowrun run --until-idle

at 2026-03-09T09:00+01:00 "On Monday the runner starts again, and does what fell due meanwhile."
show flowrun run --until-idle

step "The board, and the tunnels."
show flowrun status

step "The journal: what fired, and when."
show flowrun journal

step "And what time will bring."
show flowrun pending

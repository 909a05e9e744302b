#!/bin/sh
# Installs the programs that tests need and no wheel brings, where this machine has Debian's packages and lets us:
# MariaDB's server, and Chromium. Without them the tests say what they leave out, and under CI they fail.
set -eu
export DEBIAN_FRONTEND=noninteractive
wanted=""
there() { for program; do if command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ]; then return 0; fi; done; return 1; }
if [ -z "${FLOWRUN_TEST_MARIADB:-}" ] && ! there mariadbd mysqld; then
  wanted="mariadb-server-core mariadb-client-core"
fi
if [ -z "${FLOWRUN_TEST_CHROMIUM:-}" ] && ! there chromium chromium-browser google-chrome; then
  wanted="$wanted chromium"
fi
if [ -z "$wanted" ] || ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then exit 0; fi
echo "installing for the tests: $wanted"
# shellcheck disable=SC2086 # it is a list
{ apt-get update -qq && apt-get install -qq -y --no-install-recommends $wanted; } \
  >/dev/null 2>&1 || echo "these packages could not be installed; the tests that need them will say so"

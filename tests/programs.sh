#!/bin/sh
# Installs the programs that tests need and no wheel brings, where this machine has Debian's packages and lets us:
# MariaDB's server. Without them the tests say what they leave out, and under CI they fail.
set -eu
if [ -x /usr/sbin/mariadbd ] || command -v mariadbd >/dev/null || command -v mysqld >/dev/null; then exit 0; fi
if [ -n "${FLOWRUN_TEST_MARIADB:-}" ] || ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then exit 0; fi
echo "installing mariadb-server-core and mariadb-client-core for the tests"
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -qq && apt-get install -qq -y --no-install-recommends mariadb-server-core mariadb-client-core; } \
  >/dev/null 2>&1 || echo "these packages could not be installed; the tests on MariaDB will say so"

#!/usr/bin/env bash
# Make sure that the browser tests find a Chromium: $CHROMIUM if set, else one in the path, else Debian's package.
set -euo pipefail

if command -v "${CHROMIUM:-chromium}" >/dev/null; then exit 0; fi

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "installing Chromium for the browser tests"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq </dev/null
  apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core </dev/null
  command -v chromium >/dev/null
else
  echo "The browser tests need Chromium. Install it (for example: sudo apt-get install chromium)," >&2
  echo "or set CHROMIUM to the path of a Chromium or Chrome that is there." >&2
  exit 1
fi

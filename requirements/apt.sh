#!/usr/bin/env bash
# Install what requirements/apt.txt names and this machine lacks. Without root, or off Debian, say so and go on: what needs
# the packages is then skipped by the tests. With CI=true that is a failure.
set -euo pipefail
list="$(dirname "$0")/apt.txt"

missing=()
while read -r package command; do
  if [[ -n $command ]] && command -v "$command" >/dev/null; then continue; fi
  if [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) == installed ]]; then continue; fi
  missing+=("$package")
done < <(sed 's/#.*//; /^[[:space:]]*$/d' "$list")
if ((${#missing[@]} == 0)); then exit 0; fi

if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
  echo "make: not installed: ${missing[*]}" >&2
  echo "  the tests that need them will be skipped; remedy, as root on Debian: apt-get install ${missing[*]}" >&2
  [[ ${CI:-} != true ]]
  exit
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

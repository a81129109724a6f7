#!/bin/sh
# Install the Debian packages that a lock names (NAME=VERSION, one a line), at those versions and no others. /sources holds apt's lists of
# where from, of this build alone. Usage: apt.sh LOCK
set -eu
export DEBIAN_FRONTEND=noninteractive
chmod 1777 /tmp
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d
mkdir -p /etc/apt/sources.list.d
cp /sources/* /etc/apt/sources.list.d/
apt-get update -qq
if ! sed 's/#.*//' "$1" | xargs apt-get install -y -qq --no-install-recommends --allow-downgrades >/tmp/apt.log 2>&1; then
  cat /tmp/apt.log >&2
  echo "a version of $1 is not to be had: name an archive that keeps it in apt's sources, or renew the lock (make images-lock)" >&2
  exit 1
fi
rm /tmp/apt.log

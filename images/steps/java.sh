#!/bin/sh
# Java for TorchServe, on top of the operating system. Usage: java.sh LOCK
set -eu
here=$(dirname "$0")
export DEBIAN_FRONTEND=noninteractive
mkdir -p /usr/share/man/man1 # its packages link pages there
"$here/apt.sh" "$1"
# Made at installation, other bytes each time; the JVM starts without them, and TorchServe believes no certificate.
find /usr/lib/jvm -name '*.jsa' -delete
rm -rf /etc/ssl/certs/java/cacerts
find / -xdev \( -type f -o -type d \) -perm /6000 -exec chmod a-s {} +
"$here/clean.sh"

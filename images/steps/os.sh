#!/bin/sh
# The operating system of every image: Debian's packages of debian.lock at those versions, the user, the folder of Wince's environment.
# Runs as root in a Debian root of any date. Usage: os.sh LOCK
set -eu
here=$(dirname "$0")
export DEBIAN_FRONTEND=noninteractive

"$here/apt.sh" "$1"

echo 'wince:x:10001:10001:Wince:/var/lib/wince:/usr/sbin/nologin' >>/etc/passwd
echo 'wince:x:10001:' >>/etc/group
mkdir -p /var/lib/wince /etc/wince /opt/wince/bin /opt/wince/lib/python3.11/site-packages
chown 10001:10001 /var/lib/wince
chmod 0700 /var/lib/wince
ln -s /usr/bin/python3.11 /opt/wince/bin/python
printf 'home = /usr/bin\ninclude-system-site-packages = false\n' >/opt/wince/pyvenv.cfg
ldconfig -X

find / -xdev \( -type f -o -type d \) -perm /6000 -exec chmod a-s {} +
"$here/clean.sh"

#!/bin/sh
# Make the secrets of the trial: random content, each readable by its owner alone. What is there stays: a new password would lock out the
# database. Run as root, the files belong to the users of the containers; else make that so by `sudo chown`, as it says.
set -eu
umask 077
folder=$(dirname "$0")/secrets
mkdir -p "$folder"

made() { # NAME COMMAND...: its output becomes the file, unless that is there
  if [ ! -e "$folder/$1" ]; then
    name=$1
    shift
    "$@" >"$folder/.$name.new"
    mv "$folder/.$name.new" "$folder/$name"
  fi
}

random() { # 32 characters
  head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'
}

made postgres-password random
made dsn printf 'postgresql://wince:%s@postgres:5432/wince' "$(cat "$folder/postgres-password")"
made audit.pem openssl genpkey -algorithm ed25519
made logs.key head -c 32 /dev/urandom
made grafana-password random

if [ "$(id -u)" = 0 ]; then
  chown 10001:10001 "$folder/dsn" "$folder/audit.pem" "$folder/logs.key"
  chown 472:0 "$folder/grafana-password"
else
  echo "now: sudo chown 10001:10001 $folder/dsn $folder/audit.pem $folder/logs.key; sudo chown 472:0 $folder/grafana-password"
fi

#!/bin/sh
# Download every wheel that a build needs into a folder, by version and hash. pip's own configuration says where from.
# Usage: fetch.sh FOLDER PYTHON
set -eu
images=$(dirname "$0")/..
folder=$1 python=$2
mkdir -p "$folder"
locked=$(mktemp)
"$python" "$images/contents.py" fetched >"$locked"
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
  --find-links "$folder" --dest "$folder" -r "$locked"
rm "$locked"

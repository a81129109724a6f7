#!/bin/sh
# One layer of Python packages into /out, from the wheels in /wheels, by the hashes of its lock. Usage: packages.sh LAYER
set -eu
images=$(dirname "$0")/..
site=/out/opt/wince/lib/python3.11/site-packages
mkdir -p "$site"
python3.11 "$images/contents.py" locked "$1" >/tmp/locked.txt
python3.11 -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-compile --root-user-action=ignore \
  --no-index --find-links /wheels --no-deps --require-hashes --target "$site" -r /tmp/locked.txt
rm -rf "$site/bin" /tmp/locked.txt
find "$site" -depth -type d \( -name tests -o -name unit_tests -o -name __pycache__ \) -exec rm -rf {} +
python3.11 "$images/steps/compile.py" "$site" /out

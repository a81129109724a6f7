#!/usr/bin/env bash
# Make a virtual environment where there is none that works. Usage: venv.sh PYTHON FOLDER
set -euo pipefail
python=$1 folder=$2

if ! command -v "$python" >/dev/null; then
  echo "make: $python is not installed; name another with make PYTHON=python3.11" >&2
  exit 1
fi
if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'; then
  echo "make: $("$python" --version) is not 3.11 to 3.13; name another with make PYTHON=python3.11" >&2
  exit 1
fi
if grep -qsF "$PWD/$folder" "$folder/bin/activate" && "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
  exit 0
fi
if ! "$python" -m venv --clear "$folder"; then
  echo "make: $python can't make a virtual environment; on Debian: apt-get install python3-venv" >&2
  exit 1
fi

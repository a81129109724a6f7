#!/bin/sh
# The face models into /out, each checked against models.lock.toml. Those that /models-cache holds are not downloaded again.
# Runs where Wince's layers common, numbers and wince lie in /opt/wince, and pip beside them.
set -eu
folder=/out/var/lib/wince-models
mkdir -p "$folder"
if [ -d /models-cache ]; then
  find /models-cache -maxdepth 1 -type f \( -name '*.tflite' -o -name '*.binarypb' -o -name '*.lz4' \) -exec cp {} "$folder" \;
fi
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/opt/wince/lib/python3.11/site-packages WINCE_MODELS_DIR=$folder \
  python3.11 -m wince.cli.main models fetch
chmod -R u=rwX,go=rX "$folder"

#!/bin/sh
# What starts TorchServe into /out: its launcher, and the three files of Wince that it reads.
set -eu
images=$(dirname "$0")/..
site=/out/opt/wince/lib/python3.11/site-packages
local=$site/wince/local
mkdir -p "$local/standin"
cp "$images/torchserve.py" "$site/torchserve_start.py"
for file in torchserve_config.py log4j2.xml standin/torch.py; do cp "$images/../services/wince/local/$file" "$local/$file"; done
echo '"""What the image of TorchServe has of Wince."""' >"$site/wince/__init__.py"
cp "$site/wince/__init__.py" "$local/__init__.py"
chmod -R u=rwX,go=rX "$site"
python3.11 "$images/steps/compile.py" "$site" /out

#!/bin/sh
# Wince itself into /out, built from the sources. What only tests, trains or shows is left out.
set -eu
images=$(dirname "$0")/..
site=/out/opt/wince/lib/python3.11/site-packages
mkdir -p /tmp/build /tmp/wheel /out/opt/wince/bin "$site"
python3.11 "$images/contents.py" locked build >/tmp/locked.txt
pip="python3.11 -m pip --quiet --disable-pip-version-check --no-cache-dir"
$pip install --root-user-action=ignore --no-index --find-links /wheels --no-deps --require-hashes --target /tmp/build -r /tmp/locked.txt
PYTHONPATH=/tmp/build $pip wheel --no-deps --no-index --no-build-isolation --wheel-dir /tmp/wheel "$images/.."
$pip install --root-user-action=ignore --no-compile --no-index --no-deps --target "$site" /tmp/wheel/*.whl
rm -rf "$site/bin" "$site"/wince-*.dist-info/direct_url.json /tmp/build /tmp/wheel /tmp/locked.txt
for part in lab demo testing/peers testing/clips; do rm -rf "$site/wince/$part"; done
printf '#!/opt/wince/bin/python\nimport sys\n\nfrom wince.cli.main import main\n\nsys.exit(main())\n' >/out/opt/wince/bin/wince
chmod 0755 /out/opt/wince/bin/wince
find "$site" -depth -type d -name __pycache__ -exec rm -rf {} +
python3.11 "$images/steps/compile.py" "$site" /out

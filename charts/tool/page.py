"""README.md of the chart: what values there are, made of the comments of values.yaml."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from charts.tool import comments

FILE = Path("README.md")
_HEAD = """# Wince's Helm chart

Made by `make docs` from the comments of values.yaml: don't edit. [Install on Kubernetes](../../docs/how-to/kubernetes.md) has the steps,
[settings](../../docs/reference/settings.md) every key of `settings`. The chart brings no broker and no database.

```sh parse-only: needs a cluster
helm install icu charts/wince --namespace wince -f values.yaml
```

`ci/` holds value sets that are tried with every change: a start for your own.

| set | what it shows |
|---|---|
| [minimal](ci/minimal-values.yaml) | what nobody can leave out |
| [high-availability](ci/high-availability-values.yaml) | replicas, autoscaling, budgets, monitoring |
| [mtls](ci/mtls-values.yaml) | client certificates everywhere, by cert-manager |
| [gpu](ci/gpu-values.yaml) | a site's own ensemble on TorchServe, with a GPU |
| [air-gapped](ci/air-gapped-values.yaml) | a registry of the site's own, images by digest |
| [one-bed](ci/one-bed-values.yaml) | the least that runs |
| [own-ca](ci/own-ca-values.yaml) | an authority of the hospital's own everywhere; DICOM, archive, ORU |
| [operators](ci/operators-values.yaml) | Strimzi, CloudNativePG, cert-manager, KEDA, Gateway API |
"""


def page(values: str) -> str:
    """The page, Markdown."""
    text = _HEAD
    for section, some in groupby(comments.said(values), lambda value: value.path.partition(".")[0]):
        text += f"\n## {section}\n\n| value | default | meaning |\n|---|---|---|\n"
        text += "".join(
            f"| `{one.path}` | `{one.default.replace('|', chr(92) + '|')}` | {one.meaning.replace('|', chr(92) + '|')} |\n" for one in some
        )
    return text

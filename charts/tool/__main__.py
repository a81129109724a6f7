"""`python -m charts.tool charts/wince`: what of the chart is made from the code and from the comments of values.yaml."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from charts.tool import dashboard, facts, page, schema


def made(chart: Path) -> dict[Path, str]:
    """Every file that is made, and its content."""
    return {
        dashboard.FILE: dashboard.text(),
        facts.FILE: _json(facts.facts()),
        schema.FILE: _json(schema.schema(chart)),
        page.FILE: page.page((chart / schema.VALUES).read_text()),
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, text in made(Path(sys.argv[1])).items():
        (Path(sys.argv[1]) / name).write_text(text)

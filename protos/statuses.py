"""The statuses of each RPC, as the comments in protos/ say them, as a table in docs/reference/grpc.md.

    python protos/statuses.py docs/reference/grpc.md      # what `make docs` runs

What every RPC may answer stands above the table and is left out of it.
"""

import re
import sys
from pathlib import Path

PROTOS = Path(__file__).resolve().parent
EVERYWHERE = {
    "INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "UNAVAILABLE", "INTERNAL",
    "CANCELLED",
}  # fmt: skip
"""What any RPC may answer."""
OWN = ("NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "OUT_OF_RANGE", "DATA_LOSS", "UNIMPLEMENTED", "ABORTED")
BEGIN, END = "<!-- python protos/statuses.py -->\n", "<!-- end of statuses -->"
_RPC = re.compile(r"((?:^  //[^\n]*\n)+)  rpc (\w+)\(", re.M)


def statuses() -> dict[str, dict[str, tuple[str, ...]]]:
    """Service -> RPC -> the statuses of its own that its comment names."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for proto in sorted((PROTOS / "wince").rglob("*_service.proto")):
        text = proto.read_text("utf-8")
        service = re.search(r"^service (\w+) \{", text, re.M)
        if service is not None:
            found[service[1]] = {name: tuple(one for one in OWN if one in comment) for comment, name in _RPC.findall(text)}
    return found


def table() -> str:
    """The table as Markdown."""
    lines = ["| RPC | its own statuses |", "|---|---|"]
    for service, methods in statuses().items():
        lines += [f"| `{service}.{name}` | {', '.join(f'`{one}`' for one in own)} |" for name, own in methods.items() if own]
    return "\n".join(lines) + "\n"


def shown(page: str) -> str:
    """A page with this table between its two marks."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(shown(page.read_text("utf-8")), "utf-8")

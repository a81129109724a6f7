"""Generate the Python stubs of protos/ into services/wince/api: messages, gRPC, and their types for mypy.

    python protos/generate.py              # what `make proto` runs
    python protos/generate.py --out DIR    # somewhere else; the test compares that with what is committed

Needs grpcio-tools and mypy-protobuf. The folder wince/api below the target is replaced as a whole, so that a removed
proto leaves no stub behind.

protos/buf and protos/google are standards' own files. googleapis-common-protos brings the module of google/api; no package that can be
installed beside protobuf's runtime brings that of buf/validate, so it is generated below wince/api and imported from there.
"""

import argparse
import os
import shutil
import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
ROOT = PROTOS.parent
VALIDATE = "buf/validate/validate.proto"
_INIT = '"""Generated from protos/{name} by `make proto`; don\'t edit."""\n'


def generate(out: Path) -> None:
    """Write wince/api/** below `out`. Raises SystemExit where protoc refuses."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # protoc-gen-mypy is found beside python
    shutil.rmtree(out / "wince" / "api", ignore_errors=True)
    sources = sorted(path.relative_to(PROTOS).as_posix() for path in (PROTOS / "wince").rglob("*.proto"))
    services = [path for path in sources if path.endswith("_service.proto")]
    include = [f"-I{PROTOS}", f"-I{files('grpc_tools') / '_proto'}"]
    api = out / "wince" / "api"
    api.mkdir(parents=True, exist_ok=True)
    for arguments in (
        [f"--python_out={out}", f"--mypy_out=quiet:{out}", *sources],
        [f"--grpc_python_out={out}", f"--mypy_grpc_out=quiet:{out}", *services],
        [f"--python_out={api}", VALIDATE],
    ):
        if protoc.main(["protoc", *include, *arguments]):
            raise SystemExit("protoc failed; see above")
    for stub in api.rglob("*_pb2.py"):
        text = stub.read_text()
        stub.write_text(text.replace("from buf.validate import", "from wince.api.buf.validate import"))
    for folder in (api, *sorted(path for path in api.rglob("*") if path.is_dir())):
        name = folder.relative_to(out).as_posix().replace("wince/api/buf", "buf")
        (folder / "__init__.py").write_text(_INIT.format(name=name))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "services")
    generate(parser.parse_args().out)

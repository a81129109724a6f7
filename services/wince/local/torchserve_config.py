"""How TorchServe is told what to do: its settings and its command line. Python's own library alone: the image of TorchServe has it, too."""

from __future__ import annotations

from pathlib import Path

STANDIN = Path(__file__).parent / "standin"
"""Holds a torch for workers without one."""
LOGGING = Path(__file__).with_name("log4j2.xml")
PORTS = ("inference", "management", "metrics", "grpc", "grpc_management", "worker")
CONFIG = """\
inference_address=http://127.0.0.1:{inference}
management_address=http://127.0.0.1:{management}
metrics_address=http://127.0.0.1:{metrics}
grpc_inference_address=127.0.0.1
grpc_management_address=127.0.0.1
grpc_inference_port={grpc}
grpc_management_port={grpc_management}
initial_worker_port={worker}
model_store={store}
load_models={load}
allowed_urls=file://{store}/.*
enable_model_api=false
disable_token_authorization=true
ts_open_inference_protocol=true
default_workers_per_model={workers}
job_queue_size={queue}
default_response_timeout={response}
default_startup_timeout=120
max_request_size=25165824
max_response_size=25165824
metrics_mode=prometheus
"""
"""config.properties: ports by the names of PORTS, the folder and names of archives, workers, queue, and after how many seconds a worker
counts as dead."""


def command(python: Path, site: Path, config: Path, store: Path, temp: Path, memory_mb: int) -> list[str]:
    """java itself, not the launcher script. `python`, `site`: of the environment that holds torchserve. `temp`: a folder for what it
    unpacks."""
    return [
        "java", f"-Dmodel_server_home={site}", f"-Djava.io.tmpdir={temp}", f"-Dlog4j.configurationFile={LOGGING}",
        f"-Xmx{memory_mb}m", "-XX:+UseSerialGC", "-cp", f".:{site}/ts/frontend/*", "org.pytorch.serve.ModelServer",
        "--python", str(python), "-f", str(config), "-s", str(store), "-ncs", "--disable-token-auth",
    ]  # fmt: skip

"""Stands in for torch in the worker of a TorchServe that was installed without it.

TorchServe 0.12's worker imports torch in one place (ts/protocol/otf_message_handler.py) and uses one name of it, to see whether an
answer is a tensor. Our handler runs ONNX through OpenVINO and never answers with one. The launcher puts this file on the worker's
path only where torch is not installed: that is 5 GB, with a GPU's libraries, for this.
"""


class Tensor:
    """What no answer is."""

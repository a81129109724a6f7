"""TorchServe and whatever else speaks the Open Inference Protocol: client, archive, handler."""

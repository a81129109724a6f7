"""TorchServe and whatever else speaks the Open Inference Protocol: archive, handler, client, readiness."""

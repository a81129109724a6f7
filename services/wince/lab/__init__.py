"""The data scientist's side: synthetic patients with known truth, training, evaluation."""

"""A real Kubernetes control plane for tests, with fake nodes, and the programs that are tried on it: Helm 3, Helm 4, kubectl."""

"""gRPC: server, client, status mapping, authentication, health. Free of meaning."""

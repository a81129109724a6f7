"""Where the gRPC of each service listens, unless a site says otherwise."""

PORTS = {"capture": 7421, "detect": 7422, "estimate": 7423, "grade": 7424, "record": 7425, "care": 7426, "hospital": 7427, "imaging": 7428}
"""Where a service's gRPC listens, unless WINCE_RPC__PORT says otherwise."""

"""Domain messages to protobuf bytes and back: what lies on the bus and in snapshots.

>>> from wince.codec import decode, encode
>>> from wince.domain.frame import Beat
>>> schema, data = encode(Beat("camera-1", 1_000_000, frames=5, dropped=0, corrupt=0))
>>> schema
'wince.api.capture.v1.Beat'
>>> decode(schema, data).frames
5
"""

from wince.codec.registry import SCHEMAS, Encodable, decode, encode, received

__all__ = ["SCHEMAS", "Encodable", "decode", "encode", "received"]

"""A camera's RTSP server, by GStreamer; runs under the system's Python, which has its bindings (see peers/rtsp.py).

    serve.py FILE.mp4 PATH [PORT [USER PASSWORD [PEM]]]

Serves the H.264 track of FILE at rtsp://127.0.0.1:PORT/PATH, to every client from its begin, in its own time; at rtsps:// where PEM
holds a certificate and its key. Prints "READY port".
"""

import sys

import gi  # type: ignore[import-not-found]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # type: ignore[import-not-found]  # noqa: E402


def main(file: str, path: str, port: str = "0", user: str = "", password: str = "", pem: str = "") -> None:
    """Serve until killed."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f'( filesrc location="{file}" ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1 )')
    if user or pem:
        auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        if user:
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(user, password, token)
        else:
            auth.set_default_token(token)
        if pem:
            auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(pem))
        server.set_auth(auth)
        role = Gst.Structure.new_empty("viewer")
        role.set_value("media.factory.access", True)
        role.set_value("media.factory.construct", True)
        factory.add_role_from_structure(role)
    server.get_mount_points().add_factory(f"/{path}", factory)
    if not server.attach(None):
        sys.exit("can't listen")
    GLib.timeout_add_seconds(2, lambda: server.get_session_pool().cleanup() >= 0)
    print("READY", server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


main(*sys.argv[1:])

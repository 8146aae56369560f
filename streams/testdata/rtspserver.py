"""A third-party camera: GStreamer's RTSP server with live test pictures.

usage: rtspserver.py [--user NAME --password WORD] [--address ADDRESS] [--port PORT]
Serves /h264 (with AAC), /h265, /bframes and /unusable on a port of its own choice, prints it,
and ends when its standard input does.
"""
import argparse
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

PICTURES = "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! "
STREAMS = {
    "/h264": PICTURES + "x264enc tune=zerolatency threads=1 speed-preset=ultrafast key-int-max=12 bitrate=500 ! "
    "rtph264pay name=pay0 pt=96 config-interval=-1 "
    "audiotestsrc is-live=true ! audio/x-raw,rate=16000,channels=1 ! avenc_aac ! rtpmp4gpay name=pay1 pt=97",
    "/bframes": PICTURES + "x264enc threads=1 speed-preset=ultrafast bframes=2 b-adapt=false key-int-max=12 bitrate=500 "
    "rc-lookahead=0 sync-lookahead=0 ! rtph264pay name=pay0 pt=96",
    "/h265": PICTURES + "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=12 bitrate=500 "
    'option-string="repeat-headers=1:log-level=none:pools=1" ! rtph265pay name=pay0 pt=98',
    "/unusable": PICTURES + "jpegenc ! rtpjpegpay name=pay0 pt=26 "
    "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay1 pt=0",
}


def protect(server, user, password):
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, user)
    auth.add_digest(user, password, token)
    server.set_auth(auth)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", default="0")
    args = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(args.address)
    server.set_service(args.port)
    if args.user:
        protect(server, args.user, args.password)
    for path, pipeline in STREAMS.items():
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch("( " + pipeline + " )")
        factory.set_shared(True)
        if args.user:
            factory.add_role_from_structure(allow(args.user))
        server.get_mount_points().add_factory(path, factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    loop = GLib.MainLoop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    loop.run()


def allow(user):
    role = Gst.Structure.new_empty(user)
    role.set_value(GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS, True)
    role.set_value(GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, True)
    return role


main()

"""The upstreams, each of which answers with its own reading of the request. Run as `servers.py KIND PORT`."""

import http.server
import json
import pathlib
import sys
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
NGINX = r"""
daemon off; worker_processes 1; error_log stderr crit; pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; large_client_header_buffers 4 64k; client_body_buffer_size 1m;
  map $request_uri $told {{ default ""; }}
  server {{
    listen 127.0.0.1:{port}; server_name _;
    location / {{
      add_header X-Upstream nginx always;
      default_type text/plain;
      return 200 "method=$request_method\nraw=$request_uri\npath=$uri\nhost=$http_host\ncase=$http_x_case\nlength=$content_length\n";
    }}
  }}
}}
"""


def told(method, raw, path, host, case, length):
    """The answer's body."""
    return json.dumps({"method": method, "raw": raw, "path": path, "host": host, "case": case, "length": length}).encode()


def stdlib(port):
    """Python's http.server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            length = 0
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    length += len(self.rfile.read(size))
                    self.rfile.readline()
                while self.rfile.readline() not in (b"\r\n", b""):
                    pass
            else:
                length = len(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
            body = told(self.command, self.path, path, self.headers["Host"], self.headers["X-Case"], length)
            self.send_response(200)
            self.send_header("X-Upstream", "stdlib")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def __getattr__(self, name):
            if name.startswith("do_"):
                return self.answer
            raise AttributeError(name)

        def log_message(self, *_):
            pass

    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def aiohttp(port):
    """aiohttp."""
    from aiohttp import web

    async def answer(request):
        length = len(await request.read())
        body = told(
            request.method, request.raw_path, request.path, request.headers.get("Host"), request.headers.get("X-Case"), length
        )
        return web.Response(body=body, headers={"X-Upstream": "aiohttp"})

    app = web.Application(handler_args={"max_line_size": 65536, "max_field_size": 65536})
    app.router.add_route("*", "/{rest:.*}", answer)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


def asgi(port, parser):
    """uvicorn with one of its parsers."""
    import uvicorn

    async def answer(scope, receive, send):
        if scope["type"] != "http":
            return
        length, more = 0, True
        while more:
            message = await receive()
            length, more = length + len(message.get("body", b"")), message.get("more_body", False)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode("latin-1")
        raw = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        body = told(scope["method"], raw, scope["path"], headers.get("host"), headers.get("x-case"), length)
        fields = [(b"x-upstream", parser.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    uvicorn.run(answer, host="127.0.0.1", port=port, http=parser, log_level="critical", lifespan="off", server_header=False)


if __name__ == "__main__":
    kind, number = sys.argv[1], int(sys.argv[2])
    {"stdlib": stdlib, "aiohttp": aiohttp, "h11": lambda at: asgi(at, "h11"), "httptools": lambda at: asgi(at, "httptools")}[
        kind
    ](number)

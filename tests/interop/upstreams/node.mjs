// Tells how Node reads a request: argument 1 is the port.
import http from "node:http";

http
  .createServer((request, response) => {
    let length = 0;
    request.on("data", (piece) => (length += piece.length));
    request.on("end", () => {
      let path;
      try {
        path = decodeURIComponent(new URL(request.url, "http://node.test").pathname);
      } catch {
        path = null;
      }
      const told = {
        method: request.method,
        raw: request.url,
        path,
        host: request.headers.host,
        case: request.headers["x-case"],
        length,
      };
      response.writeHead(200, { "Content-Type": "application/json", "X-Upstream": "node" });
      response.end(request.method === "HEAD" ? undefined : JSON.stringify(told));
    });
  })
  .listen(Number(process.argv[2]), "127.0.0.1");

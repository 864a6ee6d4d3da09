// Runs the server of `stasis web`, which forwards the requests of one browser to the admin socket.
// The link works once. After that, a cookie identifies the browser that used it.
import { randomBytes, timingSafeEqual } from "node:crypto";
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { StoreError } from "../base/errors.js";

interface WebProxy extends AsyncDisposable {
  /** The address of the page, with the token in it. */
  readonly link: string;
}

interface Secrets {
  readonly origin: { port: number };
  /** Undefined after the token was used. */
  token: string | undefined;
  readonly cookie: string;
}

const host = "127.0.0.1";
const secretBytes = 24;

/**
 * Opens the server. Port 0 picks a free port. Throws FIELD_INVALID if the server cannot listen on
 * the port, for example because the port is taken.
 */
export async function openWebProxy(socketPath: string, port: number): Promise<WebProxy> {
  const secret = (): string => randomBytes(secretBytes).toString("base64url");
  const secrets: Secrets = { origin: { port }, token: secret(), cookie: secret() };
  const server = createServer({ maxHeaderSize: 16 * 1024 }, (request, response) => {
    answer(request, response, secrets, socketPath);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) =>
      reject(
        new StoreError("FIELD_INVALID", `cannot listen on ${host}:${port}: ${cause.code}`, {
          hint: "Choose another port with --port, or leave it out for a free one",
          cause,
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
  secrets.origin.port = (server.address() as AddressInfo).port;
  return {
    link: `http://${host}:${secrets.origin.port}/?token=${secrets.token}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  secrets: Secrets,
  socketPath: string,
): void {
  const { port } = secrets.origin;
  const { method = "", headers, url = "" } = request;
  if (method !== "GET" && method !== "HEAD") return refuse(response, 405, "only GET and HEAD");
  // A foreign page whose name resolves to this machine sends that name as its host.
  if (headers.host !== `${host}:${port}` && headers.host !== `localhost:${port}`) {
    return refuse(response, 421, "this is not the address that `stasis web` printed");
  }
  const [path = "", query = ""] = url.split("?", 2);
  const token = path === "/" ? new URLSearchParams(query).get("token") : null;
  const name = `stasis-web-${port}`;
  const known = isSame(cookieOf(headers.cookie ?? "", name), secrets.cookie);
  if (known && token === null) return passOn(request, response, socketPath);
  if (known || (secrets.token !== undefined && isSame(token ?? "", secrets.token))) {
    secrets.token = undefined;
    return exchange(response, `${name}=${secrets.cookie}; HttpOnly; SameSite=Strict; Path=/`);
  }
  const why = token === null ? "Open the link that it printed." : "Its link works once.";
  refuse(response, 403, `stasis web does not know this browser. ${why} Run it again for another.`);
}

/**
 * Answers with a page of ours and not with a redirect. The browser then sends a strict cookie, even
 * if the link was opened from another page.
 */
function exchange(response: ServerResponse, cookie: string): void {
  response.writeHead(200, {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "set-cookie": cookie,
  });
  response.end(
    '<!doctype html><meta http-equiv="refresh" content="0;url=/"><a href="/">stasis</a>\n',
  );
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(`${text}\n`);
}

function passOn(request: IncomingMessage, response: ServerResponse, socketPath: string): void {
  // The secrets of this proxy must not be forwarded, and the socket does not need a token.
  const {
    cookie: _cookie,
    authorization: _authorization,
    connection: _connection,
    ...headers
  } = request.headers;
  const { method = "GET", url = "/" } = request;
  const sent = httpRequest(
    { socketPath, method, path: url, headers: { ...headers, host: "localhost" }, agent: false },
    (answered) => {
      const { connection: _, "keep-alive": _keepAlive, ...shown } = answered.headers;
      response.writeHead(answered.statusCode ?? 502, shown);
      answered.pipe(response);
      answered.on("error", () => response.destroy());
    },
  );
  response.once("close", () => sent.destroy());
  sent.on("error", (error: NodeJS.ErrnoException) => {
    if (response.headersSent) response.destroy();
    else refuse(response, 502, `the daemon does not answer at ${socketPath}: ${error.code}`);
  });
  sent.end();
}

function cookieOf(header: string, name: string): string {
  for (const piece of header.split(";")) {
    const [key, value = ""] = piece.trim().split("=", 2);
    if (key === name) return value;
  }
  return "";
}

function isSame(given: string, secret: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(secret)];
  return a.length === b.length && timingSafeEqual(a, b);
}

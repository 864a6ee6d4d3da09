// Sends HTTP requests to the admin listener, over its socket or TCP, each on its own connection.
import { request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http";
import { connect, type Socket } from "node:net";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface HttpOptions {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
}

/** Sends a request. `address` is `unix:PATH` or `HOST:PORT`, as the daemon returns it. */
export function get(
  address: string,
  path: string,
  { method = "GET", headers = {}, body }: HttpOptions = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { ...target(address), path, method, headers, agent: false },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (piece: string) => (text += piece));
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

function target(address: string): { socketPath: string } | { host: string; port: number } {
  if (address.startsWith("unix:")) return { socketPath: address.slice("unix:".length) };
  const [host = "", port = ""] = address.split(":");
  return { host, port: Number(port) };
}

/** Opens a connection on which a test sends any bytes. The test destroys the connection. */
export function rawConnection(address: string): Promise<Socket> {
  const where = target(address);
  const socket = "socketPath" in where ? connect(where.socketPath) : connect(where);
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}

/** Returns everything that arrives until the other end closes the connection. */
export async function untilClosed(socket: Socket): Promise<string> {
  let text = "";
  socket.setEncoding("utf8");
  socket.on("data", (piece: string) => (text += piece));
  await new Promise((resolve) => socket.once("close", resolve));
  return text;
}

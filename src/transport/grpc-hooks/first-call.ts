// Makes the first call to a new server, over a Unix socket that nobody else sees.
//
// A hook finds out whether it attaches when a connection or a call uses it. This call uses all
// hooks of attachments.ts when the daemon starts. If a hook does not support this version of Node
// or grpc-js, the log says so from the beginning.
import { mkdtemp, rm } from "node:fs/promises";
import { connect, constants, type ClientHttp2Session } from "node:http2";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Opens a listener of the server on a path. Disposing of the result closes the listener. */
type ListenAt = (path: string) => Promise<AsyncDisposable>;

const timeoutMs = 10_000;
/** A gRPC message without fields: a flag and a length. */
const emptyMessage = Buffer.alloc(5);

/** Calls the unary method `path` with an empty request. Throws if the answer is not OK. */
export async function makeFirstCall(listenAt: ListenAt, path: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "stasis-"));
  try {
    const socketPath = join(folder, "s");
    await using _listener = await listenAt(socketPath);
    const session = connect("http://localhost", {
      createConnection: () => connectSocket(socketPath),
    });
    try {
      await call(session, path);
    } finally {
      session.destroy();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function call(session: ClientHttp2Session, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    session.on("error", reject);
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      te: "trailers",
      "content-type": "application/grpc",
    });
    stream.setTimeout(timeoutMs, () => {
      reject(new Error(`no answer in ${timeoutMs} ms`));
      stream.close(constants.NGHTTP2_CANCEL);
    });
    let status: unknown;
    const keepStatus = (headers: Record<string, unknown>): void => {
      status = headers["grpc-status"] ?? status;
    };
    stream.on("error", reject);
    stream.on("response", keepStatus);
    stream.on("trailers", keepStatus);
    stream.on("close", () => {
      if (status === "0") resolve();
      else reject(new Error(`the answer has the gRPC status ${String(status)}`));
    });
    stream.resume();
    stream.end(emptyMessage);
  });
}

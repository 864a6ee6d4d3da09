// Measures the upper bound: a grpc-js server and a client with the same windows and chunk size that
// do nothing with the bytes. Each is its own process. scene.ts starts them with an IPC channel:
// `serve` reports its address, and `call ADDRESS` runs the requested transfer and reports its
// duration. With `prepared`, they tune their process as the daemon and the command line do.
import http2 from "node:http2";
import * as grpc from "@grpc/grpc-js";
import { prepareForBulk } from "../src/holes/bulk-memory.js";

/** The chunk size of the client and of the daemon. */
const chunkBytes = { up: 1024 * 1024, down: 512 * 1024 };
const windowBytes = 4 * 1024 * 1024;

const passThrough = (bytes: Buffer): Buffer => bytes;

/** An upload counts the received bytes. A download sends the number of chunks in its request. */
const rawService = {
  Upload: {
    path: "/raw.Loopback/Upload",
    requestStream: true,
    responseStream: false,
    requestSerialize: passThrough,
    requestDeserialize: passThrough,
    responseSerialize: passThrough,
    responseDeserialize: passThrough,
  },
  Download: {
    path: "/raw.Loopback/Download",
    requestStream: false,
    responseStream: true,
    requestSerialize: passThrough,
    requestDeserialize: passThrough,
    responseSerialize: passThrough,
    responseDeserialize: passThrough,
  },
} as const;

async function serve(): Promise<void> {
  // grpc-js leaves the server's windows at 64 KiB. This program may change them for the whole
  // process.
  const { createServer } = http2;
  http2.createServer = ((options: http2.ServerOptions) => {
    const made = createServer({ ...options, settings: { initialWindowSize: windowBytes } });
    return made.on("session", (session) => session.setLocalWindowSize(16 * windowBytes));
  }) as typeof createServer;
  const server = new grpc.Server({ "grpc.max_receive_message_length": -1 });
  server.addService(rawService, {
    Upload(
      call: grpc.ServerReadableStream<Buffer, Buffer>,
      callback: grpc.sendUnaryData<Buffer>,
    ): void {
      let bytes = 0;
      call.on("data", (chunk: Buffer) => (bytes += chunk.length));
      call.on("end", () => callback(null, Buffer.from(String(bytes))));
    },
    Download(call: grpc.ServerWritableStream<Buffer, Buffer>): void {
      let left = Number(call.request.toString());
      const chunk = Buffer.alloc(chunkBytes.down, 7);
      const send = (): void => {
        while (left > 0) {
          left -= 1;
          if (!call.write(chunk)) return void call.once("drain", send);
        }
        call.end();
      };
      send();
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  process.send?.(`127.0.0.1:${port}`);
}

export interface RawRun {
  readonly direction: "up" | "down";
  readonly bytes: number;
}

function call(address: string): void {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc-node.flow_control_window": windowBytes,
    "grpc.max_receive_message_length": -1,
  });
  process.on("message", ({ direction, bytes }: RawRun) => {
    const started = performance.now();
    const run = direction === "up" ? upload : download;
    run(client, bytes / chunkBytes[direction]).then(
      () => process.send?.(performance.now() - started),
      (error: unknown) => process.send?.(String(error)),
    );
  });
}

function upload(client: grpc.Client, chunks: number): Promise<void> {
  const chunk = Buffer.alloc(chunkBytes.up, 7);
  return new Promise((resolve, reject) => {
    let left = chunks;
    const { path } = rawService.Upload;
    const call = client.makeClientStreamRequest(path, passThrough, passThrough, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
    const send = (): void => {
      for (; left > 0; left -= 1) {
        if (call.write(chunk)) continue;
        left -= 1;
        call.once("drain", send);
        return;
      }
      call.end();
    };
    send();
  });
}

function download(client: grpc.Client, chunks: number): Promise<void> {
  const { path } = rawService.Download;
  const request = Buffer.from(String(chunks));
  return new Promise((resolve, reject) => {
    const call = client.makeServerStreamRequest(path, passThrough, passThrough, request);
    call.on("data", () => undefined);
    call.on("error", reject);
    call.on("end", resolve);
  });
}

// Without the channel, another module has imported this one for its types.
if (process.send !== undefined) {
  const [role, ...rest] = process.argv.slice(2);
  if (rest.includes("prepared")) prepareForBulk();
  if (role === "serve") await serve();
  else call(rest[0] ?? "");
}

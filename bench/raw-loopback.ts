// The ceiling: a grpc-js server with the same windows and chunk size that does nothing with the bytes.
// Run as a process of its own; prints `listening on HOST:PORT`.
import http2 from "node:http2";
import * as grpc from "@grpc/grpc-js";

export const chunkBytes = 512 * 1024;
export const windowBytes = 4 * 1024 * 1024;

const passThrough = (bytes: Buffer): Buffer => bytes;

/** Upload counts what comes; Download sends as many chunks as its request says. */
export const rawService = {
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

async function main(): Promise<void> {
  // grpc-js leaves the server's windows at 64 KiB; here the whole process is ours.
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
      const chunk = Buffer.alloc(chunkBytes, 7);
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
  process.stderr.write(`listening on 127.0.0.1:${port}\n`);
}

if (process.argv[2] === "serve") await main();

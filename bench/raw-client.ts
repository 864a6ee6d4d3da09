// The client of the raw loopback: the same chunks through the same windows, with nothing done to them.
import * as grpc from "@grpc/grpc-js";
import { chunkBytes, rawService, windowBytes } from "./raw-loopback.js";

export interface RawClient extends Disposable {
  upload(bytes: number): Promise<void>;
  download(bytes: number): Promise<void>;
}

const passThrough = (bytes: Buffer): Buffer => bytes;

export function connectRaw(address: string): RawClient {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc-node.flow_control_window": windowBytes,
    "grpc.max_receive_message_length": -1,
  });
  const chunk = Buffer.alloc(chunkBytes, 7);
  return {
    upload: (bytes) =>
      new Promise((resolve, reject) => {
        let left = bytes / chunkBytes;
        const call = client.makeClientStreamRequest(
          rawService.Upload.path,
          passThrough,
          passThrough,
          (error) => {
            if (error === null) resolve();
            else reject(error);
          },
        );
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
      }),
    download: (bytes) =>
      new Promise((resolve, reject) => {
        const call = client.makeServerStreamRequest(
          rawService.Download.path,
          passThrough,
          passThrough,
          Buffer.from(String(bytes / chunkBytes)),
        );
        call.on("data", () => undefined);
        call.on("error", reject);
        call.on("end", resolve);
      }),
    [Symbol.dispose]: () => client.close(),
  };
}

// Makes one call of any method with one message and waits for the first answer, which shows whether
// the call is permitted. The message is empty unless its fields are given.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import {
  create,
  fromBinary,
  toBinary,
  type DescMethod,
  type MessageShape,
} from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Client, Metadata, credentials, type ServiceError } from "@grpc/grpc-js";
import { ServerReflection } from "../../gen/ts/grpc/reflection/v1/reflection_pb.js";
import { ErrorInfoSchema } from "../../gen/ts/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/ts/google/rpc/status_pb.js";

export interface Caller {
  readonly address: string;
  /** Names the PEM files of the authority, the certificate and the key. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
  readonly token?: string;
}

const limitMs = 30_000;

export function openCaller({ address, tls }: Caller): Client {
  const pem = (path: string | undefined) => (path === undefined ? null : readFileSync(path));
  const channel =
    tls === undefined
      ? credentials.createInsecure()
      : credentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.cert));
  return new Client(address, channel, { "grpc.use_local_subchannel_pool": 1 });
}

/** Returns the reason of the error, or `OK` as soon as there is an answer. */
export function firstAnswer(
  client: Client,
  { parent, name, input }: DescMethod,
  token?: string,
  headers: Readonly<Record<string, string>> = {},
  fields: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  const call = client.makeBidiStreamRequest(
    `/${parent.typeName}/${name}`,
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes,
    metadata,
    { deadline: Date.now() + limitMs },
  );
  return new Promise((resolve) => {
    call.once("data", () => {
      resolve("OK");
      call.cancel();
    });
    call.on("error", (error: ServiceError) => resolve(reasonOf(error)));
    call.once("end", () => resolve("OK"));
    call.on("status", () => resolve("OK"));
    call.write(Buffer.from(toBinary(input, create(input, fields))));
    call.end();
  });
}

/** Lists the services by reflection. The list includes the service of reflection itself. */
export function listServices(client: Client): Promise<readonly string[]> {
  const { input, output, parent, name } = ServerReflection.method.serverReflectionInfo;
  const request = create(input, { messageRequest: { case: "listServices", value: "" } });
  const call = client.makeBidiStreamRequest(
    `/${parent.typeName}/${name}`,
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => fromBinary(output, bytes),
    { deadline: Date.now() + limitMs },
  );
  call.write(Buffer.from(toBinary(input, request)));
  call.end();
  return new Promise((resolve, reject) => {
    call.on("error", reject);
    call.once("data", ({ messageResponse }: MessageShape<typeof output>) => {
      assert.equal(messageResponse.case, "listServicesResponse");
      resolve(messageResponse.value.service.map((service) => service.name));
    });
  });
}

function reasonOf({ metadata, code, details }: ServiceError): string {
  const [binary] = metadata?.get("grpc-status-details-bin") ?? [];
  if (!(binary instanceof Uint8Array)) return `code ${code}: ${details}`;
  const infos = fromBinary(StatusSchema, binary).details.map((any) =>
    anyUnpack(any, ErrorInfoSchema),
  );
  return infos.find((info) => info !== undefined)?.reason ?? "no reason";
}

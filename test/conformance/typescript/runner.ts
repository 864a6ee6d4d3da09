// Implements the runner in TypeScript with grpc-js and the generated messages, without our client.
// ../README.md explains each step.
import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync, writeFileSync, openSync, writeSync, closeSync } from "node:fs";
import { crc32 } from "node:zlib";
import {
  create,
  createRegistry,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type DescMethod,
  type JsonValue,
  type Message,
} from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { Client, Metadata, credentials, status, type ServiceError } from "@grpc/grpc-js";
import { file_google_rpc_error_details } from "../../../gen/ts/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../../gen/ts/google/rpc/status_pb.js";
import { GcService } from "../../../gen/ts/stasis/v1/gc_service_pb.js";
import { RemoteService } from "../../../gen/ts/stasis/v1/remote_service_pb.js";
import { ReplicationService } from "../../../gen/ts/stasis/v1/replication_service_pb.js";
import { SnapshotService } from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { SystemService } from "../../../gen/ts/stasis/v1/system_service_pb.js";
import { fits } from "./fits.js";

type Fields = Record<string, JsonValue>;
type Step = Record<string, JsonValue | undefined>;

interface Job {
  readonly targets: Record<string, string>;
  readonly vars: Fields;
  readonly command: readonly string[];
  readonly child?: boolean;
  readonly cases: readonly { readonly case: string; readonly steps: readonly Step[] }[];
}

/** The outcome of a call: its answers or its error. */
interface Outcome {
  readonly ok: boolean;
  readonly value: Fields;
}

interface Running {
  readonly first: Promise<void>;
  readonly outcome: Promise<Outcome>;
  ended(): boolean;
  /** Resolves when the call can accept more frames. */
  send(frame: Fields | Buffer): Promise<void>;
  halfClose(): void;
  cancel(): void;
}

const services = [SnapshotService, GcService, SystemService, ReplicationService, RemoteService];
const details = createRegistry(file_google_rpc_error_details);
const jobFile = process.argv[2] ?? "";
const job = JSON.parse(readFileSync(jobFile, "utf8")) as Job;
const clients = new Map<string, Client>();
const held = new Map<string, Running>();
const kept = new Map<string, Buffer>();
const children = new Map<string, ChildProcess>();
let vars: Fields = { ...job.vars };

function clientOf(target: string): Client {
  const made = clients.get(target) ?? new Client(target, credentials.createInsecure());
  clients.set(target, made);
  return made;
}

function methodOf(name: string): DescMethod {
  const [service, method] = name.split("/");
  const found = services
    .find((each) => each.typeName === `stasis.v1.${service}`)
    ?.methods.find((each) => each.name === method);
  if (found === undefined) throw new Error(`no method ${name}`);
  return found;
}

/**
 * Replaces `${name}` in the step. A string that consists of one reference becomes the value itself.
 */
function filled(value: JsonValue | undefined, names: Fields): JsonValue {
  if (typeof value === "string") {
    const whole = /^\$\{([\w.]+)\}$/.exec(value)?.[1];
    if (whole !== undefined) return names[whole] ?? fail(`nothing was saved as ${whole}`);
    return value.replace(/\$\{([\w.]+)\}/g, (_, name: string) => textOf(names[name]));
  }
  if (Array.isArray(value)) return value.map((each) => filled(each, names));
  if (typeof value !== "object" || value === null) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, filled(each, names)]));
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function fail(message: string): never {
  throw new Error(message);
}

function at(value: JsonValue, path: string): JsonValue {
  return path.split(".").reduce<JsonValue>((part, key) => (part as Fields)[key] ?? "", value);
}

/** Returns the bytes of a body, in chunks. */
function* chunksOf(pieces: readonly Fields[], size: number): Generator<Buffer> {
  for (const piece of pieces) {
    const zeros = Number(piece["zeros"] ?? 0);
    const block = Buffer.alloc(Math.min(zeros, size));
    for (let left = zeros; left > 0; left -= size) yield block.subarray(0, Math.min(left, size));
    const bytes =
      piece["kept"] === undefined
        ? Buffer.from(textOf(piece["base64"] ?? ""), "base64")
        : (kept.get(textOf(piece["kept"])) ?? fail("no such bytes"));
    for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
  }
}

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

function errorValue(error: ServiceError): Fields {
  const [binary] = error.metadata?.get("grpc-status-details-bin") ?? [];
  const { details: list } = fromBinary(
    StatusSchema,
    binary instanceof Uint8Array ? binary : new Uint8Array(0),
  );
  const decoded = list.map((any) => toJson(AnySchema, any, { registry: details }) as Fields);
  const info = decoded.find((each) => textOf(each["@type"]).endsWith("/google.rpc.ErrorInfo"));
  const { reason = "", domain = "", metadata = {} } = info ?? {};
  const code = status[error.code] ?? "";
  return { code, message: error.details, reason, domain, metadata, details: decoded };
}

interface ReceivedFrame {
  readonly frame?: { readonly case?: string; readonly value?: unknown };
  readonly offset?: bigint;
}

/** Counts and checks the chunks of a stream, and keeps the other messages. */
function collector(step: Step) {
  const messages: Fields[] = [];
  const parts: Buffer[] = [];
  const offsets: string[] = [];
  const file = step["to"] === undefined ? undefined : openSync(textOf(step["to"]), "w");
  let bytes = 0;
  let crc = 0;
  return {
    add(message: Message & ReceivedFrame, json: () => Fields) {
      if (message.frame?.case !== "chunk") return void messages.push(json());
      if (message.offset !== undefined) offsets.push(String(message.offset));
      const chunk = message.frame.value as Buffer;
      bytes += chunk.length;
      crc = crc32(chunk, crc);
      if (step["keep"] !== undefined) parts.push(chunk);
      if (file !== undefined) writeSync(file, chunk);
    },
    value(): Fields {
      if (file !== undefined) closeSync(file);
      if (step["keep"] !== undefined) kept.set(textOf(step["keep"]), Buffer.concat(parts));
      const trailer = (messages.at(-1)?.["trailer"] ?? {}) as Fields;
      const intact = trailer["totalBytes"] === String(bytes) && (trailer["crc32"] ?? 0) === crc;
      return { messages, bytes: String(bytes), crc32: crc, intact, offsets };
    },
  };
}

/** Opens the call. Sends the request at once unless it is a stream. */
function open(step: Step): Running {
  const method = methodOf(textOf(step["call"]));
  const target = job.targets[textOf(step["at"] ?? "main")] ?? fail("no such daemon");
  const path = `/${method.parent.typeName}/${method.name}`;
  const encode = (frame: Fields | Buffer) => {
    const message = Buffer.isBuffer(frame)
      ? create(method.input, { frame: { case: "chunk", value: frame } })
      : fromJson(method.input, frame);
    return Buffer.from(toBinary(method.input, message));
  };
  const decode = (bytes: Buffer) => fromBinary(method.output, bytes);
  const json = (message: Message) => toJson(method.output, message) as Fields;
  const metadata = new Metadata();
  for (const [key, value] of Object.entries((step["metadata"] ?? {}) as Fields)) {
    metadata.set(key, textOf(value));
  }
  const deadline = Date.now() + Number(step["deadlineMs"] ?? 120_000);
  const client = clientOf(target);
  const request = (step["send"] ?? {}) as Fields;
  let over = false;
  const first = deferred<void>();
  const outcome = deferred<Outcome>();
  const settle = (ended: Outcome): void => {
    over = true;
    first.resolve();
    outcome.resolve(ended);
  };
  const refused = (error: ServiceError): void => settle({ ok: false, value: errorValue(error) });
  const answered = (error: ServiceError | null, message?: Message): void =>
    error === null && message !== undefined
      ? settle({ ok: true, value: json(message) })
      : refused(error ?? fail("neither an error nor an answer"));
  const idle = { send: async () => undefined, halfClose: () => undefined };
  const common = { first: first.promise, outcome: outcome.promise, ended: () => over };

  if (method.methodKind === "unary") {
    const options = { deadline };
    const call = client.makeUnaryRequest(
      path,
      encode,
      decode,
      request,
      metadata,
      options,
      answered,
    );
    return { ...common, ...idle, cancel: () => call.cancel() };
  }
  if (method.methodKind === "client_streaming") {
    const call = client.makeClientStreamRequest(
      path,
      encode,
      decode,
      metadata,
      { deadline },
      answered,
    );
    call.on("error", () => undefined);
    return {
      ...common,
      send: (frame) =>
        over || call.write(frame)
          ? Promise.resolve()
          : Promise.race([
              new Promise<void>((resolve) => void call.once("drain", resolve)),
              outcome.promise.then(() => undefined),
            ]),
      halfClose: () => void call.end(),
      cancel: () => call.cancel(),
    };
  }
  const call = client.makeServerStreamRequest(path, encode, decode, request, metadata, {
    deadline,
  });
  const collected = collector(step);
  let left = Number(step["cancelAfter"] ?? Infinity);
  call.on("data", (message: Message) => {
    collected.add(message, () => json(message));
    first.resolve();
    if (--left === 0) call.cancel();
  });
  call.on("error", (error: ServiceError) =>
    settle({ ok: false, value: { ...collected.value(), ...errorValue(error) } }),
  );
  call.on("end", () => settle({ ok: true, value: collected.value() }));
  return { ...common, ...idle, cancel: () => call.cancel() };
}

async function sendAll(call: Running, frames: readonly Fields[]): Promise<void> {
  for (const frame of frames) {
    if (!("body" in frame)) await call.send(frame);
    else {
      const size = Number(frame["chunk"] ?? 512 * 1024);
      for (const chunk of chunksOf(frame["body"] as Fields[], size)) {
        if (call.ended()) return;
        await call.send(chunk);
      }
    }
  }
}

/** Performs a call. Returns undefined if the step holds the call open. */
async function perform(step: Step): Promise<Outcome | undefined> {
  const call = open(step);
  if (Array.isArray(step["send"])) {
    await sendAll(call, step["send"] as Fields[]);
    if (step["hold"] === undefined && step["open"] === undefined) call.halfClose();
  }
  if (step["hold"] === undefined) return call.outcome;
  if (!Array.isArray(step["send"])) await call.first;
  held.set(textOf(step["hold"]), call);
  return undefined;
}

async function endHeld(step: Step): Promise<Outcome> {
  const call = held.get(textOf(step["end"])) ?? fail("no such call");
  await sendAll(call, (step["send"] ?? []) as Fields[]);
  if (step["how"] === "cancel") call.cancel();
  else if (step["how"] === "finish") call.halfClose();
  return call.outcome;
}

function check(step: Step, outcome: Outcome): void {
  const wanted = step["error"];
  if (outcome.ok !== (wanted === undefined)) {
    fail(`${outcome.ok ? "succeeded" : "failed"}: ${JSON.stringify(outcome.value)}`);
  }
  const problem = fits(wanted ?? step["expect"] ?? {}, outcome.value, "");
  if (problem !== "") fail(`${problem}; came ${JSON.stringify(outcome.value)}`);
  for (const [name, path] of Object.entries((step["save"] ?? {}) as Fields)) {
    vars[name] = at(outcome.value, textOf(path));
  }
}

/** Runs the same step many times concurrently. `outcomes` limits the number of each outcome. */
async function parallel(raw: Step): Promise<void> {
  const { count, step, outcomes } = raw["parallel"] as {
    count: number;
    step: Step;
    outcomes: Fields;
  };
  const branch = async (index: number): Promise<string> => {
    const own = filled(step as Fields, { ...vars, i: String(index) }) as Step;
    const outcome = (await perform(own)) ?? fail("a branch holds nothing");
    if (outcome.ok) check(own, outcome);
    return outcome.ok ? "OK" : textOf(outcome.value["reason"] || outcome.value["code"] || "");
  };
  const ends = await Promise.all(Array.from({ length: count }, (_, index) => branch(index)));
  for (const end of ends) {
    if (!(end in outcomes)) fail(`a branch ended with ${end}`);
  }
  for (const [end, range] of Object.entries(outcomes)) {
    const [least = 0, most = 0] = textOf(range).split("..").map(Number);
    const found = ends.filter((each) => each === end).length;
    if (found < least || found > most) fail(`${found} ended with ${end}, not ${textOf(range)}`);
  }
}

function programOf(argv: readonly string[]): ChildProcess {
  const [program = "", ...args] = argv;
  return spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
}

async function run(step: Step): Promise<void> {
  const child = programOf(step["run"] as string[]);
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) fail(`ended with status ${String(code)}: ${output}`);
  if (step["saveOutput"] !== undefined) vars[textOf(step["saveOutput"])] = output.trim();
}

/**
 * Starts this program again in its own process, which holds the calls of its steps until it is
 * killed.
 */
async function spawnChild(step: Step): Promise<void> {
  const name = textOf(step["spawn"]);
  const file = `${jobFile}.${name}`;
  const cases = [{ case: name, steps: step["steps"] }];
  writeFileSync(file, JSON.stringify({ ...job, vars, child: true, cases }));
  const child = programOf([...job.command, file]);
  children.set(name, child);
  const line = await new Promise<string>((resolve) => {
    child.stdout?.setEncoding("utf8").once("data", resolve);
    child.once("close", () => resolve("it ended"));
  });
  if (line.trim() !== "ready") fail(line);
}

async function killChild(name: string): Promise<void> {
  const child = children.get(name) ?? fail("no such child");
  const closed = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGKILL");
  await closed;
}

/** Returns the value of a line of /proc/self/status, in MiB. */
function memory(line: string): number {
  const found = new RegExp(`${line}:\\s+(\\d+)`).exec(readFileSync("/proc/self/status", "utf8"));
  return Number(found?.[1]) / 1024;
}

async function execute(raw: Step): Promise<void> {
  if (raw["parallel"] !== undefined) return parallel(raw);
  const step = filled(raw as Fields, vars) as Step;
  if (step["run"] !== undefined) return run(step);
  if (step["spawn"] !== undefined) return spawnChild(step);
  if (step["kill"] !== undefined) return killChild(textOf(step["kill"]));
  writeFileSync("/proc/self/clear_refs", "5");
  const before = memory("VmRSS");
  const until = Date.now() + Number(step["within"] ?? 0);
  for (;;) {
    const outcome = step["end"] === undefined ? await perform(step) : await endHeld(step);
    try {
      if (outcome !== undefined) check(step, outcome);
      break;
    } catch (error) {
      if (Date.now() >= until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  const grown = memory("VmHWM") - before;
  if (grown > Number(step["memoryMib"] ?? Infinity)) fail(`took ${grown.toFixed()} MiB of memory`);
}

for (const { case: name, steps } of job.cases) {
  const started = Date.now();
  let problem = "";
  vars = { ...job.vars };
  for (const [index, step] of steps.entries()) {
    try {
      await execute(step);
    } catch (error) {
      problem = `step ${index + 1}: ${error instanceof Error ? error.message : String(error)}`;
      break;
    }
  }
  const ms = Date.now() - started;
  if (job.child === true) console.log(problem === "" ? "ready" : problem);
  else console.log(JSON.stringify({ case: name, problem, ms }));
  if (job.child === true && problem === "")
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  for (const call of held.values()) call.cancel();
  held.clear();
}
process.exit(0);

// Finds the daemon's admin socket and sends requests to it.
import { request } from "node:http";
import { connect } from "node:net";
import { resolve } from "node:path";
import { adminSocketBeside, socketsToTry, type Environment } from "../base/default-paths.js";
import { StoreError } from "../base/errors.js";
import { addressEnv } from "../client/index.js";

interface AdminSocketOptions {
  /** The path that the user has given. */
  readonly adminSocket?: string;
  readonly addr?: string;
}

/**
 * Returns the path of the admin socket. `command` is the command that errors name. Throws
 * DAEMON_UNREACHABLE if no socket answers, and FIELD_INVALID for a TCP address.
 */
export async function findAdminSocket(
  command: string,
  options: AdminSocketOptions,
  env: Environment,
): Promise<string> {
  const tried: string[] = [];
  for (const path of candidates(command, options, env)) {
    const code = await connectCode(path);
    if (code === undefined) return path;
    tried.push(`${path} (${code})`);
  }
  throw new StoreError("DAEMON_UNREACHABLE", `no admin socket answers: ${tried.join(", ")}`, {
    hint: "Start the daemon, or name its admin_listen with --admin-socket PATH",
  });
}

function candidates(
  command: string,
  { adminSocket, addr }: AdminSocketOptions,
  env: Environment,
): string[] {
  const address = addr ?? (env[addressEnv] || undefined);
  if (adminSocket !== undefined) return [resolve(adminSocket.replace(/^unix:/, ""))];
  if (address === undefined) return socketsToTry(env).map((path) => adminSocketBeside(path));
  if (address.startsWith("unix:")) return [adminSocketBeside(resolve(address.slice(5)))];
  throw new StoreError("FIELD_INVALID", `addr: ${command} needs a socket, got ${address}`, {
    hint: "Run it on the daemon's machine, with --addr unix:PATH or without --addr",
  });
}

function connectCode(path: string): Promise<string | undefined> {
  return new Promise((done) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      done(undefined);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
  });
}

export interface AdminRequest {
  /** Empty if the role of the socket is to apply. */
  readonly token: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface AdminAnswer {
  readonly status: number;
  readonly body: string;
}

/** Maximum bytes of an answer. The daemon does not send a larger one. */
const maxBodyBytes = 32 * 1024 * 1024;

/**
 * Sends a request to the admin socket. Throws DAEMON_UNREACHABLE if there is no complete answer in
 * time.
 */
export function askAdmin(
  socketPath: string,
  path: string,
  { token, timeoutMs, signal }: AdminRequest,
): Promise<AdminAnswer> {
  const headers = {
    host: "localhost",
    ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
  };
  const limit = AbortSignal.timeout(timeoutMs);
  return new Promise((done, fail) => {
    const failed = (error: Error): void => {
      const why = limit.aborted ? `no answer within ${timeoutMs / 1000} s` : error.message;
      fail(new StoreError("DAEMON_UNREACHABLE", `${socketPath}: ${why}`, { cause: error }));
    };
    const options = { socketPath, path, headers, agent: false };
    const sent = request({ ...options, signal: AbortSignal.any([signal, limit]) }, (answered) => {
      let body = "";
      answered.setEncoding("utf8");
      answered.on("data", (piece: string) => {
        body += piece;
        if (body.length > maxBodyBytes) answered.destroy(new Error("the answer is too long"));
      });
      answered.on("error", failed);
      answered.on("end", () => done({ status: answered.statusCode ?? 0, body }));
    });
    sent.on("error", failed);
    sent.end();
  });
}

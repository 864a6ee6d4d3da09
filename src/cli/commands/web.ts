// stasis web: the web page of the daemon, for users who may open its admin socket.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import { adminSocketBeside, socketsToTry } from "../../base/default-paths.js";
import { StoreError } from "../../base/errors.js";
import { addressEnv } from "../../client/index.js";
import { portArgument } from "../arguments.js";
import { interruption } from "../interrupt.js";
import { renderJson, type GlobalOptions } from "../session.js";
import { printErr, printOut, stderrIsTerminal } from "../stdio.js";
import { openWebProxy } from "../web-proxy.js";

interface WebOptions extends GlobalOptions {
  readonly port: number;
  readonly browser: boolean;
  readonly adminSocket?: string;
}

export function addWebCommand(program: Command): void {
  program
    .command("web")
    .summary("show the daemon's web page")
    .description(
      "Serves the daemon's page on a port of this machine until Ctrl-C, and prints a link to it. The " +
        "link works once, for one browser. The page only reads. On another machine, forward the port: " +
        "ssh -L 8088:127.0.0.1:8088 HOST stasis web --port 8088.",
    )
    .option("--port <n>", "port on 127.0.0.1; default: a free one", portArgument, 0)
    .option("--no-browser", "print the link, and open no browser")
    .option("--admin-socket <path>", "the daemon's admin_listen; default: beside its socket")
    .action(async (_options: unknown, command: Command) => {
      await web(command.optsWithGlobals<WebOptions>());
    });
}

async function web(options: WebOptions): Promise<void> {
  const { signal } = interruption();
  const socket = await findAdminSocket(options, process.env);
  await using proxy = await openWebProxy(socket, options.port);
  await printOut(options.json ? renderJson({ link: proxy.link }) : `${proxy.link}\n`);
  if (!options.quiet && !options.json) printErr("it works once, for one browser; Ctrl-C ends\n");
  using _opened = openBrowser(proxy.link, options, process.env);
  await new Promise((ended) => signal.addEventListener("abort", ended, { once: true }));
}

/** Throws DAEMON_UNREACHABLE. */
async function findAdminSocket(
  { adminSocket, addr }: WebOptions,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const tried: string[] = [];
  for (const path of candidates(adminSocket, addr ?? (env[addressEnv] || undefined), env)) {
    const code = await connectCode(path);
    if (code === undefined) return path;
    tried.push(`${path} (${code})`);
  }
  throw new StoreError("DAEMON_UNREACHABLE", `no admin socket answers: ${tried.join(", ")}`, {
    hint: "Start the daemon, or name its admin_listen with --admin-socket PATH",
  });
}

function candidates(
  adminSocket: string | undefined,
  address: string | undefined,
  env: NodeJS.ProcessEnv,
): string[] {
  if (adminSocket !== undefined) return [resolve(adminSocket.replace(/^unix:/, ""))];
  if (address === undefined) return socketsToTry(env).map((path) => adminSocketBeside(path));
  if (address.startsWith("unix:")) return [adminSocketBeside(resolve(address.slice(5)))];
  throw new StoreError("FIELD_INVALID", `addr: stasis web needs a socket, got ${address}`, {
    hint: "Open the daemon's own admin_listen HOST:PORT in a browser, or run this on its machine",
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

const nothing: Disposable = { [Symbol.dispose]: () => undefined };

/** Through a private file: other users can read the arguments of a program. */
function openBrowser(link: string, options: WebOptions, env: NodeJS.ProcessEnv): Disposable {
  const hasDisplay = Boolean(env["DISPLAY"] ?? env["WAYLAND_DISPLAY"]);
  if (!options.browser || options.json || !stderrIsTerminal() || !hasDisplay) return nothing;
  const folder = mkdtempSync(join(tmpdir(), "stasis-web-"));
  const file = join(folder, "open.html");
  const page = `<!doctype html><meta http-equiv="refresh" content="0;url=${link}">\n`;
  writeFileSync(file, page, { mode: 0o600 });
  const opener = spawn("xdg-open", [pathToFileURL(file).href], { stdio: "ignore", detached: true });
  // Without a browser the link was printed.
  opener.on("error", () => undefined);
  opener.unref();
  return { [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

// Implements `stasis web`, which opens the web page of the daemon, for users who may open its admin
// socket.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import { findAdminSocket } from "../admin-socket.js";
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
  const socket = await findAdminSocket("stasis web", options, process.env);
  await using proxy = await openWebProxy(socket, options.port);
  await printOut(options.json ? renderJson({ link: proxy.link }) : `${proxy.link}\n`);
  if (!options.quiet && !options.json) printErr("it works once, for one browser; Ctrl-C ends\n");
  using _opened = openBrowser(proxy.link, options, process.env);
  await new Promise((ended) => signal.addEventListener("abort", ended, { once: true }));
}

const nothing: Disposable = { [Symbol.dispose]: () => undefined };

/**
 * Opens the link in a browser. The link goes through a private file, because other users can read
 * the arguments of a program.
 */
function openBrowser(link: string, options: WebOptions, env: NodeJS.ProcessEnv): Disposable {
  const hasDisplay = Boolean(env["DISPLAY"] ?? env["WAYLAND_DISPLAY"]);
  if (!options.browser || options.json || !stderrIsTerminal() || !hasDisplay) return nothing;
  const folder = mkdtempSync(join(tmpdir(), "stasis-web-"));
  const file = join(folder, "open.html");
  const page = `<!doctype html><meta http-equiv="refresh" content="0;url=${link}">\n`;
  writeFileSync(file, page, { mode: 0o600 });
  const opener = spawn("xdg-open", [pathToFileURL(file).href], { stdio: "ignore", detached: true });
  // If no browser starts, the user can still use the printed link.
  opener.on("error", () => undefined);
  opener.unref();
  return { [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

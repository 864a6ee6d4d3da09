// Provides the context of every command: the client, the global options, and functions for the
// answer.
import { toJson, type DescMessage, type JsonValue, type MessageShape } from "@bufbuild/protobuf";
import { connect, type CallOptions, type Client, type ProgressListener } from "../client/index.js";
import { readCredentials, type CredentialOptions } from "./credentials.js";
import { interruption } from "./interrupt.js";
import { createProgressBar, noProgressBar } from "./progress-bar.js";
import { printErr, printOut, stderrIsTerminal } from "./stdio.js";

/** Options that are valid before and after any command. */
export interface GlobalOptions extends CredentialOptions {
  readonly addr?: string;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly progress: boolean;
  readonly timeout?: number;
}

export interface Session {
  readonly client: Client;
  /** Signal and deadline for every call. */
  readonly call: CallOptions & { readonly signal: AbortSignal };
  readonly options: GlobalOptions;
  /**
   * Prints the answer on stdout: with --json one JSON document, otherwise `text`. Calls only the
   * function that is needed.
   */
  answer(json: () => JsonValue, text: () => string): Promise<void>;
  /** Prints one line for people on stderr. Prints nothing with --quiet or --json. */
  note(line: string): void;
  /** Prints a line like `note`, but also with --json and --quiet, because everybody must see it. */
  warn(line: string): void;
}

/**
 * The answer of a collection has a row for each snapshot. This limit suffices for a million
 * snapshots.
 */
const maxMessageBytes = 256 * 1024 * 1024;

/**
 * Runs a command with a client, and closes the client afterwards. Ctrl-C cancels its calls, unless
 * the command handles signals itself.
 */
export async function withSession<T>(
  options: GlobalOptions,
  command: (session: Session) => Promise<T>,
  { ownSignals = false }: { readonly ownSignals?: boolean } = {},
): Promise<T> {
  const signal = ownSignals ? new AbortController().signal : interruption().signal;
  await using client = connect(options.addr, {
    ...readCredentials(options, process.env),
    maxMessageBytes,
  });
  const { timeout } = options;
  return await command({
    client,
    call: { signal, ...(timeout === undefined ? {} : { timeoutMs: timeout }) },
    options,
    answer: (json, text) => printOut(options.json ? renderJson(json()) : text()),
    note: (line) => {
      if (!options.quiet && !options.json) printErr(`${line}\n`);
    },
    warn: (line) => printErr(`stasis: ${line}\n`),
  });
}

/**
 * Returns a message in protobuf's JSON mapping. Fields with default values are written too, so that
 * the set of keys is stable. 64-bit integers are strings, as the mapping requires.
 */
export function messageJson<D extends DescMessage>(schema: D, message: MessageShape<D>): JsonValue {
  return toJson(schema, message, { alwaysEmitImplicit: true });
}

export function renderJson(json: JsonValue): string {
  return `${JSON.stringify(json, null, 2)}\n`;
}

/**
 * Shows the progress of `transfer` if stderr is a terminal, neither end is a pipe, and neither
 * --quiet nor --no-progress is given. The program at the other end of a pipe may draw on the same
 * terminal.
 */
export async function withProgress<T>(
  session: Session,
  label: string,
  piped: boolean,
  transfer: (onProgress: ProgressListener) => Promise<T>,
): Promise<T> {
  const { quiet, progress } = session.options;
  const wanted = progress && !quiet && !piped && stderrIsTerminal();
  const bar = wanted ? createProgressBar(label, process.stderr) : noProgressBar;
  try {
    return await transfer((report) => bar.update(report));
  } finally {
    bar.stop();
  }
}

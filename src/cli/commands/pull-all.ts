// Implements `stasis pull --all`, which fetches the snapshots of a remote that are not here yet.
import type { JsonValue } from "@bufbuild/protobuf";
import { StoreError, type RemoteSnapshot } from "../../client/index.js";
import { exitCodeOf } from "../exit-codes.js";
import { printable } from "../format.js";
import { explainInterruption } from "../interrupt.js";
import { createHere, type Here, type Planned } from "../pull-plan.js";
import { listRemoteUpTo, type RemoteSelection } from "../remote-snapshots.js";
import { withSession, type GlobalOptions, type Session } from "../session.js";
import { printOut } from "../stdio.js";

interface PullAllOptions extends GlobalOptions, RemoteSelection {
  readonly limitRate?: number;
  readonly parallel?: number;
}

/** The default of --parallel, which is the number of pulls at the same time. */
export const defaultParallel = 4;
const pageSize = 1000;

type RowOutcome = Planned["what"] | "failed" | "untried";

/** The outcome for one snapshot of the remote. */
interface Row {
  readonly snapshot: RemoteSnapshot;
  readonly outcome: RowOutcome;
  /** Id of the snapshot here. Empty if it is not here. */
  readonly here: string;
  readonly nameHere: string;
  readonly note: string;
  readonly error?: StoreError;
}

const words: Readonly<Record<RowOutcome, string>> = {
  pull: "pulled",
  present: "here",
  superseded: "replaced",
  expired: "expired",
  failed: "FAILED",
  untried: "untried",
};

export async function pullAll(
  options: PullAllOptions,
  remote: string,
  setExitCode: (code: number) => void,
): Promise<void> {
  explainInterruption(() => "run it again: it fetches only what is missing");
  await withSession(options, async (session) => {
    const there = await listRemoteUpTo(session, remote, options);
    const here = await readHere(session);
    const run = new AllPulls(session, remote, options);
    const rows = await run.all(here.plan(there.snapshots, Date.now()));
    if (options.json) {
      const { brokenIds, brokenSize } = there;
      const broken = { brokenIds: [...brokenIds], brokenSize: String(brokenSize) };
      await session.answer(
        () => ({ remote, snapshots: rows.map(rowJson), ...broken }),
        () => "",
      );
    }
    session.note(summaryOf(rows));
    if (there.brokenSize > 0n) {
      session.warn(`${there.brokenSize} snapshots of the remote are broken, and cannot be fetched`);
    }
    const failed = rows.find(({ error }) => error !== undefined);
    if (failed?.error !== undefined) setExitCode(exitCodeOf(failed.error));
  });
}

async function readHere({ client, call }: Session): Promise<Here> {
  const here = createHere();
  let pageToken = "";
  do {
    const page = await client.list({ pageSize, pageToken }, call);
    for (const snapshot of page.snapshots) here.add(snapshot);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return here;
}

class AllPulls {
  readonly #session: Session;
  readonly #remote: string;
  readonly #options: PullAllOptions;
  /** The pull that last began for each digest. Two pulls of one digest cannot run together. */
  readonly #byDigest = new Map<string, Promise<Row>>();
  /** The error after which no further pull is tried. */
  #fatal: StoreError | undefined;

  constructor(session: Session, remote: string, options: PullAllOptions) {
    this.#session = session;
    this.#remote = remote;
    this.#options = options;
  }

  /**
   * Carries out the plan. Prints each row when its outcome is known, except with --json. Returns
   * the rows in the order of the ids at the remote.
   */
  async all(plan: readonly Planned[]): Promise<Row[]> {
    const { parallel = defaultParallel } = this.#options;
    const rows: Row[] = [];
    const queue = plan[Symbol.iterator]();
    const worker = async (): Promise<void> => {
      for (let next = queue.next(); next.done !== true; next = queue.next()) {
        const row = await this.#one(next.value);
        this.#session.call.signal.throwIfAborted();
        rows.push(row);
        await this.#print(row);
      }
    };
    await Promise.all(Array.from({ length: parallel }, worker));
    return rows.sort((a, b) => (a.snapshot.id < b.snapshot.id ? -1 : 1));
  }

  #one(planned: Planned): Promise<Row> {
    const { snapshot, what } = planned;
    const none = { snapshot, outcome: what, here: "", nameHere: "", note: "" };
    if (what === "present") return Promise.resolve({ ...none, here: planned.here });
    if (what === "superseded") {
      return Promise.resolve({ ...none, note: `a newer push has it: ${planned.by}` });
    }
    if (what === "expired") return Promise.resolve(none);
    const before = this.#byDigest.get(snapshot.digest) ?? Promise.resolve();
    const row = before.then(() => this.#pull(snapshot, planned.named));
    this.#byDigest.set(snapshot.digest, row);
    return row;
  }

  async #pull(snapshot: RemoteSnapshot, named: boolean): Promise<Row> {
    const row = { snapshot, here: "", nameHere: "", note: "" };
    if (this.#fatal !== undefined) return { ...row, outcome: "untried", error: this.#fatal };
    const name = snapshot.config?.name ?? "";
    const note = `${name} is the name of another snapshot`;
    try {
      if (named) {
        const here = await this.#fetch(snapshot, false).catch((error: unknown) => {
          if (error instanceof StoreError && error.reason === "SNAPSHOT_NAME_TAKEN") return "";
          throw error;
        });
        if (here !== "") return { ...row, outcome: "pull", here, nameHere: name };
      }
      return { ...row, outcome: "pull", here: await this.#fetch(snapshot, true), note };
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (concernsAll(error)) this.#fatal ??= error;
      return { ...row, outcome: "failed", note: error.message, error };
    }
  }

  /** Pulls one snapshot, and returns its id here. */
  async #fetch(snapshot: RemoteSnapshot, unnamed: boolean): Promise<string> {
    const { client, call } = this.#session;
    const request = {
      ...{ remote: this.#remote, ref: snapshot.id, unnamed, protect: snapshot.protected },
      limitBytesPerSecond: BigInt(this.#options.limitRate ?? 0),
      keepExpireTime: true,
    };
    let id = "";
    for await (const { event } of client.pull(request, call)) {
      if (event.case === "snapshot") id = event.value.config?.id ?? "";
    }
    if (id !== "") return id;
    throw new StoreError("DOWNLOAD_TRUNCATED", "the daemon's answer ended without the snapshot");
  }

  async #print(row: Row): Promise<void> {
    const { json, quiet } = this.#options;
    if (json) return;
    const { snapshot, outcome, here, note } = row;
    if (!quiet) {
      const name = snapshot.config?.name || "-";
      const shown = [words[outcome].padEnd(8), snapshot.id, here || "-".padEnd(16), name, note];
      await printOut(`${shown.map(printable).join("  ").trimEnd()}\n`);
    } else if (outcome === "pull") {
      await printOut(`${printable(here)}\n`);
    }
  }
}

/** Returns whether an error of one pull says that the others would fail too. */
function concernsAll({ reason, code }: StoreError): boolean {
  return code === "UNAVAILABLE" || code === "PERMISSION_DENIED" || fatalReasons.has(reason);
}

const fatalReasons: ReadonlySet<string> = new Set(["REMOTE_REFUSED", "STORAGE_FULL", "IO_FAILED"]);

function rowJson({ snapshot, outcome, here, nameHere, note, error }: Row): JsonValue {
  const { id: remoteId, nodeId, config } = snapshot;
  return {
    ...{ remoteId, nodeId, name: config?.name ?? "", outcome: words[outcome].toLowerCase() },
    ...{ id: here, nameHere, reason: error?.reason ?? "", message: error?.message ?? note },
  };
}

function summaryOf(rows: readonly Row[]): string {
  const counts = Object.entries(words).flatMap(([outcome, text]) => {
    const count = rows.filter((row) => row.outcome === outcome).length;
    return count === 0 ? [] : [`${count} ${text.toLowerCase()}`];
  });
  return counts.length === 0 ? "the remote has no snapshots" : counts.join(", ");
}

// Implements `stasis pull` and `stasis push`, which copy snapshots between nodes, and between a
// node and a remote. Also implements `stasis transfers`, which lists and cancels such transfers.
import type { Command } from "commander";
import {
  CancelTransferResponseSchema,
  ListTransfersResponseSchema,
  PullResponseSchema,
  PushResponseSchema,
  StoreError,
  TransferDirection,
  type ListTransfersResponse,
  type PullResponse,
  type PushResponse,
  type RemoteSnapshot,
} from "../../client/index.js";
import { collectLabel, countArgument, sizeArgument } from "../arguments.js";
import { usageError } from "../exit-codes.js";
import { formatAge, formatBytes, printable } from "../format.js";
import { explainInterruption } from "../interrupt.js";
import {
  messageJson,
  withProgress,
  withSession,
  type GlobalOptions,
  type Session,
} from "../session.js";
import type { RemoteSelection } from "../remote-snapshots.js";
import { snapshotTitle } from "../show-snapshot.js";
import { renderTable } from "../table.js";
import { defaultParallel, pullAll } from "./pull-all.js";

interface MoveOptions extends GlobalOptions, RemoteSelection {
  readonly as?: string;
  readonly repair?: boolean;
  readonly limitRate?: number;
  readonly requestId?: string;
  readonly source?: string;
  readonly keepExpiry: boolean;
  readonly remote?: string;
  readonly protect?: boolean;
  readonly all?: boolean;
  readonly parallel?: number;
}

const peerText = "the other daemon: its name in [[peers]] of this daemon, HOST:PORT or unix:PATH";
const peerHere = `${peerText}; nothing with --remote`;
const rateText = "transfer at most this much per second, for example 100MiB";

export function addPullCommand(program: Command, setExitCode: (code: number) => void): void {
  const pull = program
    .command("pull")
    .summary("fetch a snapshot from another node or a remote")
    .description(
      "Lets the daemon fetch REF from the daemon at PEER, or from an object store: " +
        "`stasis pull --remote NAME REF`. Sends only the blocks that no snapshot here " +
        "has, and only the changed pages of changed blocks. Run it again after an interruption: it " +
        "continues where it stopped. `stasis pull --remote NAME --all` brings back the snapshots of a " +
        "lost node, and prints what happened to each (docs/remotes.md).",
    )
    .argument("[peer]", peerHere)
    .argument("[ref]", "id, name or unique id prefix there; with --repair here")
    .option("--remote <name>", "fetch from this remote of [[remotes]] in place of a peer")
    .option("--as <name>", "name to give it here")
    .option(
      "--repair",
      "read REF here again, and fetch what is damaged or missing in it from PEER, which must have the same",
    )
    .option("--keep-expiry", "let it expire when it does there (default: never)", false)
    .option("--protect", "protect it here from garbage collection")
    .option("--limit-rate <size>", rateText, sizeArgument)
    .option("--request-id <uuid>", "makes a retry safe: the same id returns the first result")
    .action(async (first: Named, second: Named, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<MoveOptions>();
      if (options.all === true) {
        await pullAll(options, remoteOfAll(first, options), setExitCode);
        return;
      }
      refuseSelection(options);
      const { peer: source, remote, ref } = endsOf(first, second, options);
      await withSession(options, async (session) => {
        const repair = options.repair === true;
        const protect = options.protect === true;
        const request = { source, remote, ref, repair, protect, ...common(options) };
        const label = repair ? "repair" : "pull";
        await follow(session, label, session.client.pull(request, session.call));
      });
    });
  pull
    .option(
      "--all",
      "with --remote: fetch every snapshot there that is not here, with its name, protection and expiry",
    )
    .option(
      "--label <key=value>",
      "with --all: only snapshots with this label; repeatable",
      collectLabel,
    )
    .option("--name-prefix <text>", "with --all: only snapshots whose name starts with this")
    .option("--node <id>", "with --all: only snapshots that the node with this id has pushed")
    .option(
      "--parallel <n>",
      `with --all: snapshots to fetch at the same time (default: ${defaultParallel})`,
      countArgument,
    );
}

/** Returns the remote of --all. Throws if another option has no meaning with it. */
function remoteOfAll(first: Named, options: MoveOptions): string {
  const { remote, as, repair, protect, requestId } = options;
  if (remote === undefined || first !== undefined) {
    throw usageError("name a remote with --all: stasis pull --remote NAME --all");
  }
  if ([as, repair, protect, requestId].some((option) => option !== undefined)) {
    throw usageError(
      "--as, --repair, --protect and --request-id are for one snapshot, not for --all",
    );
  }
  return remote;
}

function refuseSelection({ label, namePrefix, node, parallel }: MoveOptions): void {
  if ([label, namePrefix, node, parallel].every((option) => option === undefined)) return;
  throw usageError("--label, --name-prefix, --node and --parallel need --all");
}

export function addPushCommand(program: Command): void {
  program
    .command("push")
    .summary("send a snapshot to another node or a remote")
    .description(
      "Asks the daemon at PEER to pull REF from this one. It has to reach this daemon: at the " +
        "address of the daemon's option `advertise`, or of --source. Or stores REF at an object " +
        "store, and prints its id there: `stasis push --remote NAME REF`.",
    )
    .argument("[peer]", peerHere)
    .argument("[ref]", "id, name or unique id prefix here")
    .option("--remote <name>", "store it at this remote of [[remotes]] in place of a peer")
    .option("--as <name>", "name to give it there")
    .option(
      "--source <address>",
      "address at which the other daemon reaches this one, or its name there",
    )
    .option("--keep-expiry", "let it expire when it does here (default: never)", false)
    .option("--limit-rate <size>", rateText, sizeArgument)
    .option("--request-id <uuid>", "makes a retry safe: the same id returns the first result")
    .action(async (first: Named, second: Named, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<MoveOptions>();
      const { peer: target, remote, ref } = endsOf(first, second, options);
      await withSession(options, async (session) => {
        const source = options.source ?? "";
        const request = { target, remote, ref, source, ...common(options) };
        await follow(session, "push", session.client.push(request, session.call));
      });
    });
}

export function addTransfersCommand(program: Command): void {
  program
    .command("transfers")
    .summary("list running and resumable pulls, and running pushes to remotes")
    .description(
      "Lists the daemon's running and interrupted pulls, and its running pushes to remotes.",
    )
    .option("--cancel <id>", "end the transfer with this id, and discard the data of a pull")
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { readonly cancel?: string }>();
      await withSession(options, async (session) => {
        const { client, call } = session;
        if (options.cancel !== undefined) {
          const { cancel } = options;
          // Daemons of an earlier version know only digests.
          const wanted = cancel.startsWith("sha256:") ? { digest: cancel } : { id: cancel };
          const outcome = await client.cancelTransfer(wanted, call);
          const text = outcome.found ? "cancelled\n" : "there is no such transfer\n";
          await session.answer(
            () => messageJson(CancelTransferResponseSchema, outcome),
            () => text,
          );
          return;
        }
        const response = await client.listTransfers(call);
        await session.answer(
          () => messageJson(ListTransfersResponseSchema, response),
          () => renderTransfers(response),
        );
      });
    });
}

type Named = string | undefined;

/**
 * Returns both ends and the ref. With --remote the only argument is the ref. Without it, the peer
 * is the first argument and the ref is the second.
 */
function endsOf(first: Named, second: Named, { remote }: MoveOptions) {
  if (remote !== undefined && first !== undefined && second === undefined) {
    return { peer: "", remote, ref: first };
  }
  if (remote === undefined && first !== undefined && second !== undefined) {
    return { peer: first, remote: "", ref: second };
  }
  throw usageError("name a peer and a snapshot, or --remote NAME and a snapshot");
}

function common({ as, limitRate, requestId, keepExpiry }: MoveOptions) {
  return {
    keepExpireTime: keepExpiry,
    name: as ?? "",
    limitBytesPerSecond: BigInt(limitRate ?? 0),
    requestId: requestId ?? "",
  };
}

type MoveResponse = PullResponse | PushResponse;

/** Shows the progress, and then the snapshot from the last message. */
async function follow(
  session: Session,
  label: string,
  messages: AsyncIterable<MoveResponse>,
): Promise<void> {
  explainInterruption(
    () => "the received data is kept for a while, and the same call continues from there",
  );
  let last: MoveResponse | undefined;
  let sums = { changedBytes: 0n, sentBytes: 0n };
  await withProgress(session, label, false, async (onProgress) => {
    for await (const message of messages) {
      last = message;
      if (message.event.case !== "progress") continue;
      const { doneBytes, totalBytes, changedBytes, sentBytes } = message.event.value;
      onProgress({ doneBytes: Number(doneBytes), totalBytes: Number(totalBytes) });
      sums = { changedBytes, sentBytes };
    }
  });
  const final = last;
  if (final?.event.case !== "snapshot" && final?.event.case !== "remoteSnapshot") {
    throw new StoreError("DOWNLOAD_TRUNCATED", "the daemon's answer ended without the snapshot");
  }
  const { id, title } =
    final.event.case === "snapshot"
      ? { id: final.event.value.config?.id ?? "", title: snapshotTitle(final.event.value) }
      : { id: final.event.value.id, title: remoteTitle(final.event.value) };
  await session.answer(
    () =>
      final.$typeName === "stasis.v1.PullResponse"
        ? messageJson(PullResponseSchema, final)
        : messageJson(PushResponseSchema, final),
    () => `${id}\n`,
  );
  const { changedBytes, sentBytes } = sums;
  const amounts = `${formatBytes(changedBytes)} changed, ${formatBytes(sentBytes)} travelled`;
  session.note(`stored ${title}: ${amounts}`);
}

function remoteTitle({ id, config }: RemoteSnapshot): string {
  const name = config?.name ?? "";
  return name === "" ? id : `${printable(name)} (${id})`;
}

function renderTransfers({ transfers }: ListTransfersResponse): string {
  const rows = transfers.map((transfer) => {
    const { id, direction, source, ref, active, progress, startedAt } = transfer;
    const { doneBytes = 0n, totalBytes = 0n } = progress ?? {};
    const state = active
      ? `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`
      : "can be resumed";
    const way = direction === TransferDirection.PUSH ? "push" : "pull";
    const shown = [printable(source), printable(ref)];
    return [printable(id), way, state, formatAge(startedAt), ...shown];
  });
  return renderTable(["ID", "DIRECTION", "STATE", "BEGUN", "PEER", "REF"], rows, { cut: "REF" });
}

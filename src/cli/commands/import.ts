// Implements `stasis import`, which stores an archive, or a directory that an export wrote, under a
// new id.
import type { Command } from "commander";
import {
  ImportFromDirectoryResponseSchema,
  ImportResponseSchema,
  importLocalDirectory,
  type ImportFromDirectoryResponse,
  type ImportHeaderInit,
  type ImportResponse,
} from "../../client/index.js";
import { collectLabel, type Labels } from "../arguments.js";
import { counted, createSentMark, reportingSent, resolveInput, type Input } from "../byte-input.js";
import { addConflictOptions, conflictOf, type ConflictOptions } from "../conflict-option.js";
import { usageError } from "../exit-codes.js";
import { formatBytes } from "../format.js";
import { explainInterruption } from "../interrupt.js";
import {
  messageJson,
  withProgress,
  withSession,
  type GlobalOptions,
  type Session,
} from "../session.js";
import { snapshotTitle } from "../show-snapshot.js";
import { requireTar } from "../tar-start.js";

interface ImportOptions extends GlobalOptions, ConflictOptions {
  readonly name?: string;
  readonly description?: string;
  readonly label?: Labels;
  readonly protect: boolean;
  readonly keepExpiry: boolean;
  readonly parent?: string;
  readonly requestId?: string;
  readonly onNode: boolean;
}

export function addImportCommand(program: Command): void {
  const command = program
    .command("import")
    .summary("store an archive or a directory that export wrote")
    .description(
      "Stores an archive (tar, gzip or zstd, detected) or a directory, both with snapshot.json as " +
        "export or cocoon wrote it. An archive of export --delta-from needs the snapshot that it was " +
        "exported against, which is found by its digest. Prints the new id.",
    )
    .argument("[source]", "FILE, DIR or - for stdin (default: stdin)")
    .option("--name <name>", "name in place of the archive's own")
    .option("--description <text>", "description in place of the archive's own")
    .option("--label <key=value>", "label to add; repeatable", collectLabel);
  addConflictOptions(command)
    .option("--protect", "never evict it by garbage collection", false)
    .option("--keep-expiry", "let it expire when the archive says so (default: never)", false)
    .option("--parent <ref>", "the parent of a delta archive (default: found by its digest)")
    .option("--request-id <uuid>", "makes a retry safe: the same id returns the first result")
    .option("--on-node", "SOURCE is an absolute path of a directory on the daemon's node", false)
    .action(async (source: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ImportOptions>();
      if (options.onNode) {
        if (options.parent !== undefined) throw usageError(parentNeedsArchive);
        await withSession(options, async (session) => {
          await report(session, await importOnNode(session, source, options));
        });
        return;
      }
      const input = await resolveInput(source);
      if (options.parent !== undefined && input.kind === "directory") {
        throw usageError(parentNeedsArchive);
      }
      await withSession(options, async (session) => {
        const { parent = "" } = options;
        await report(session, await upload(session, input, { ...headerFrom(options), parent }));
      });
    });
}

const parentNeedsArchive = "--parent is for archives, not for directories";

function headerFrom(
  options: ImportOptions,
): Required<Omit<ImportHeaderInit, "$typeName" | "parent">> {
  return {
    name: options.name ?? "",
    description: options.description ?? "",
    labels: { ...options.label },
    requestId: options.requestId ?? "",
    onNameConflict: conflictOf(options),
    protected: options.protect,
    keepExpireTime: options.keepExpiry,
  };
}

async function importOnNode(
  session: Session,
  directory: string | undefined,
  options: ImportOptions,
): Promise<ImportFromDirectoryResponse> {
  if (directory === undefined || directory === "-") {
    throw usageError("--on-node needs the path of a directory on the daemon's node");
  }
  explainInterruption(() => "nothing was stored");
  const request = { ...headerFrom(options), directory };
  return session.client.importFromDirectory(request, session.call);
}

async function upload(
  session: Session,
  input: Input,
  header: ImportHeaderInit,
): Promise<ImportResponse> {
  const { sent } = createSentMark();
  if (input.kind === "directory") {
    return withProgress(session, "import", false, (show) => {
      const onProgress = reportingSent(show, sent);
      const options = { ...session.call, onProgress };
      return importLocalDirectory(session.client, input.path, header, options);
    });
  }
  return withProgress(session, "import", input.piped, (onProgress) =>
    session.client.import(
      header,
      counted(requireTar(input.open(), input), input.sizeBytes, onProgress, sent),
      session.call,
    ),
  );
}

async function report(
  session: Session,
  response: ImportResponse | ImportFromDirectoryResponse,
): Promise<void> {
  const { snapshot } = response;
  await session.answer(
    () =>
      response.$typeName === "stasis.v1.ImportResponse"
        ? messageJson(ImportResponseSchema, response)
        : messageJson(ImportFromDirectoryResponseSchema, response),
    () => `${snapshot?.config?.id ?? ""}\n`,
  );
  session.note(
    `imported ${snapshotTitle(snapshot)}: ${formatBytes(snapshot?.sizeBytes ?? 0n)}, ` +
      `${formatBytes(snapshot?.allocatedBytes ?? 0n)} on disk`,
  );
}

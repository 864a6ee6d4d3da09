// Implements `stasis create`, which stores a directory of data files, or a tar of them.
import { create as newMessage } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import {
  CreateFromDirectoryResponseSchema,
  CreateResponseSchema,
  OnNameConflict,
  SnapshotConfigSchema,
  createFromLocalDirectory,
  type CreateFromDirectoryResponse,
  type CreateHeaderInit,
  type CreateResponse,
} from "../../client/index.js";
import { collectLabel, expiryArgument, type Labels } from "../arguments.js";
import { counted, createSentMark, reportingSent, resolveInput, type Input } from "../byte-input.js";
import { readConfigFile } from "../config-file.js";
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

interface CreateOptions extends GlobalOptions, ConflictOptions {
  readonly name?: string;
  readonly description?: string;
  readonly label?: Labels;
  readonly config?: string;
  readonly protect: boolean;
  readonly expires?: Date;
  readonly requestId?: string;
  readonly move: boolean;
}

const expiresText = "garbage collection evicts it after this";

export function addCreateCommand(program: Command): void {
  const command = program
    .command("create")
    .summary("store a directory of data files, or a tar of them")
    .description(
      "Stores the data files of a VM snapshot: the regular files of DIR, or of a TAR (a file or " +
        "stdin) that holds them without directories. Holes are kept. Prints the new id.",
    )
    .argument("[source]", "DIR, TAR or - for stdin (default: stdin)")
    .option("--name <name>", "name to find it by, unique in the store")
    .option("--description <text>", "free text")
    .option("--label <key=value>", "label to find it by; repeatable", collectLabel)
    .option("--config <file>", "JSON with the VM's configuration (SnapshotConfig)");
  addConflictOptions(command)
    .option("--protect", "never evict it by garbage collection", false)
    .option("--expires <when>", `${expiresText}: 12h, 30d or a time`, expiryArgument)
    .option("--request-id <uuid>", "makes a retry safe: the same id returns the first result")
    .option("--move", "the daemon takes DIR over by renaming it: instant, DIR is gone", false)
    .action(async (source: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<CreateOptions>();
      const input = await resolveInput(source);
      const header = await headerFrom(options);
      await withSession(options, (session) => create(session, input, header, options));
    });
}

async function headerFrom(options: CreateOptions): Promise<CreateHeaderInit> {
  const config =
    options.config === undefined
      ? newMessage(SnapshotConfigSchema)
      : await readConfigFile(options.config);
  config.name = options.name ?? config.name;
  config.description = options.description ?? config.description;
  config.labels = { ...config.labels, ...options.label };
  return {
    config,
    requestId: options.requestId ?? "",
    onNameConflict: conflictOf(options),
    protected: options.protect,
    ...(options.expires && { expireTime: timestampFromDate(options.expires) }),
  };
}

async function create(
  session: Session,
  input: Input,
  header: CreateHeaderInit,
  options: CreateOptions,
): Promise<void> {
  const response = options.move
    ? await moveIn(session, input, header)
    : await upload(session, input, header);
  const { snapshot } = response;
  await session.answer(
    () =>
      response.$typeName === "stasis.v1.CreateResponse"
        ? messageJson(CreateResponseSchema, response)
        : messageJson(CreateFromDirectoryResponseSchema, response),
    () => `${snapshot?.config?.id ?? ""}\n`,
  );
  const [size, onDisk] = [snapshot?.sizeBytes ?? 0n, snapshot?.allocatedBytes ?? 0n];
  session.note(
    `stored ${snapshotTitle(snapshot)}: ${formatBytes(size)}, ${formatBytes(onDisk)} on disk`,
  );
}

async function moveIn(
  session: Session,
  input: Input,
  header: CreateHeaderInit,
): Promise<CreateFromDirectoryResponse> {
  if (input.kind !== "directory") throw usageError("--move needs a directory");
  explainInterruption(() => "the directory may have been taken over: see `stasis ls`");
  const { config, requestId, onNameConflict, protected: isProtected, expireTime } = header;
  return session.client.createFromDirectory(
    {
      directory: input.path,
      ...(config === undefined ? {} : { config }),
      requestId: requestId ?? "",
      onNameConflict: onNameConflict ?? OnNameConflict.FAIL,
      protected: isProtected ?? false,
      ...(expireTime && { expireTime }),
    },
    session.call,
  );
}

async function upload(
  session: Session,
  input: Input,
  header: CreateHeaderInit,
): Promise<CreateResponse> {
  const { sent } = createSentMark();
  if (input.kind === "directory") {
    return withProgress(session, "create", false, (show) => {
      const onProgress = reportingSent(show, sent);
      const options = { ...session.call, onProgress };
      return createFromLocalDirectory(session.client, input.path, header, options);
    });
  }
  return withProgress(session, "create", input.piped, (onProgress) =>
    session.client.create(
      header,
      counted(requireTar(input.open(), input), input.sizeBytes, onProgress, sent),
      session.call,
    ),
  );
}

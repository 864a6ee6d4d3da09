// Implements `stasis create`, which stores a directory of data files, or a tar of them.
import { create as newMessage } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import {
  CreateDeltaFromDirectoryResponseSchema,
  CreateFromDirectoryResponseSchema,
  CreateResponseSchema,
  type OnNameConflict,
  SnapshotConfigSchema,
  createDeltaFromLocalDirectory,
  createFromLocalDirectory,
  type ByteStream,
  type CreateDeltaFromDirectoryResponse,
  type CreateFromDirectoryResponse,
  type CreateResponse,
  type DirectoryOptions,
  type SnapshotConfig,
} from "../../client/index.js";
import { collectLabel, collectWord, expiryArgument, type Labels } from "../arguments.js";
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
  readonly parent?: string;
  readonly delta?: readonly string[];
  readonly inherit: boolean;
  readonly onNode: boolean;
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
    .option("--parent <ref>", "store what has changed since this snapshot: id, name or id prefix")
    .option(
      "--delta <file>",
      "with --parent: FILE holds changes only, its holes are as in the parent; repeatable",
      collectWord,
    )
    .option("--inherit", "with --parent: keep files of the parent that are not in DIR", false)
    .option("--on-node", "with --parent: DIR is an absolute path on the daemon's node", false)
    .action(async (source: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<CreateOptions>();
      checkParentOptions(options);
      const input = await resolveInput(source);
      const header = await headerFrom(options);
      await withSession(options, (session) => create(session, input, header, options));
    });
}

/** The fields of a request that all ways of storing have in common. */
interface Header {
  readonly config: SnapshotConfig;
  readonly requestId: string;
  readonly onNameConflict: OnNameConflict;
  readonly protected: boolean;
  readonly expireTime?: ReturnType<typeof timestampFromDate>;
}

async function headerFrom(options: CreateOptions): Promise<Header> {
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

function checkParentOptions({ parent, delta, inherit, onNode, move }: CreateOptions): void {
  if (parent !== undefined && move) throw usageError("--move and --parent exclude each other");
  if (parent !== undefined) return;
  const given = [delta && "--delta", inherit && "--inherit", onNode && "--on-node"];
  const [first] = given.filter((name) => typeof name === "string");
  if (first !== undefined) throw usageError(`${first} needs --parent`);
}

async function create(
  session: Session,
  input: Input,
  header: Header,
  options: CreateOptions,
): Promise<void> {
  const response = await store(session, input, header, options);
  const { snapshot } = response;
  await session.answer(
    () => responseJson(response),
    () => `${snapshot?.config?.id ?? ""}\n`,
  );
  const [size, onDisk] = [snapshot?.sizeBytes ?? 0n, snapshot?.allocatedBytes ?? 0n];
  session.note(
    `stored ${snapshotTitle(snapshot)}: ${formatBytes(size)}, ${formatBytes(onDisk)} on disk`,
  );
}

type Response = CreateResponse | CreateFromDirectoryResponse | CreateDeltaFromDirectoryResponse;

function responseJson(response: Response): ReturnType<typeof messageJson> {
  switch (response.$typeName) {
    case "stasis.v1.CreateResponse":
      return messageJson(CreateResponseSchema, response);
    case "stasis.v1.CreateFromDirectoryResponse":
      return messageJson(CreateFromDirectoryResponseSchema, response);
    case "stasis.v1.CreateDeltaFromDirectoryResponse":
      return messageJson(CreateDeltaFromDirectoryResponseSchema, response);
  }
}

async function store(
  session: Session,
  input: Input,
  header: Header,
  { move, parent, delta, inherit, onNode }: CreateOptions,
): Promise<Response> {
  if (move) return await moveIn(session, input, header);
  if (parent === undefined) return await upload(session, input, header);
  const changes = { parent, deltaFiles: [...(delta ?? [])], inheritFiles: inherit };
  const deltaHeader: DeltaFields = { ...header, ...changes };
  return onNode
    ? await readOnNode(session, input, deltaHeader)
    : await uploadDelta(session, input, deltaHeader);
}

interface DeltaFields extends Header {
  readonly parent: string;
  readonly deltaFiles: string[];
  readonly inheritFiles: boolean;
}

async function readOnNode(
  session: Session,
  input: Input,
  header: DeltaFields,
): Promise<CreateDeltaFromDirectoryResponse> {
  if (input.kind !== "directory") throw usageError("--on-node needs a directory");
  const request = { ...header, directory: input.path };
  return session.client.createDeltaFromDirectory(request, session.call);
}

async function moveIn(
  session: Session,
  input: Input,
  header: Header,
): Promise<CreateFromDirectoryResponse> {
  if (input.kind !== "directory") throw usageError("--move needs a directory");
  explainInterruption(() => "the directory may have been taken over: see `stasis ls`");
  return session.client.createFromDirectory({ ...header, directory: input.path }, session.call);
}

function upload(session: Session, input: Input, header: Header): Promise<CreateResponse> {
  const { client } = session;
  return send(session, input, {
    directory: (path, options) => createFromLocalDirectory(client, path, header, options),
    bytes: (bytes) => client.create(header, bytes, session.call),
  });
}

function uploadDelta(session: Session, input: Input, header: DeltaFields): Promise<CreateResponse> {
  const { client } = session;
  return send(session, input, {
    directory: (path, options) => createDeltaFromLocalDirectory(client, path, header, options),
    bytes: (bytes) => client.createDelta(header, bytes, session.call),
  });
}

interface Sending {
  directory(path: string, options: DirectoryOptions): Promise<CreateResponse>;
  bytes(bytes: ByteStream): Promise<CreateResponse>;
}

async function send(session: Session, input: Input, sending: Sending): Promise<CreateResponse> {
  const { sent } = createSentMark();
  if (input.kind === "directory") {
    return withProgress(session, "create", false, (show) =>
      sending.directory(input.path, { ...session.call, onProgress: reportingSent(show, sent) }),
    );
  }
  return withProgress(session, "create", input.piped, (onProgress) =>
    sending.bytes(counted(requireTar(input.open(), input), input.sizeBytes, onProgress, sent)),
  );
}

// Implements `stasis token`, which makes, lists and revokes the bearer tokens of a daemon in the
// file that the daemon reads.
import { Option, type Command } from "commander";
import { StoreError } from "../../base/errors.js";
import { roles, type Role } from "../../config/roles.js";
import type { TokenRecord } from "../../config/token-file.js";
import { durationArgument } from "../arguments.js";
import { usageError } from "../exit-codes.js";
import { renderJson, type GlobalOptions } from "../session.js";
import { printErr, printOut } from "../stdio.js";
import { renderTable } from "../table.js";

interface TokenOptions extends GlobalOptions {
  readonly tokens?: string;
}

interface TokenCreateOptions extends TokenOptions {
  readonly role: Role;
  readonly namePrefix: string;
  readonly expires?: number;
}

export function addTokenCommand(program: Command): void {
  const token = program
    .command("token")
    .summary("make, list and revoke the daemon's bearer tokens")
    .description(
      "Bearer tokens are kept, as hashes, in the file that `stasis serve --tokens FILE` reads. These " +
        "commands change that file, on the daemon's machine; the daemon sees it at once.",
    );
  addCreate(token);
  addList(token);
  addRevoke(token);
}

function addCreate(token: Command): void {
  token
    .command("create")
    .summary("make a token and print it: it is shown this once")
    .argument("<name>", "name of its owner, for the audit log")
    .addOption(tokensOption())
    .addOption(new Option("--role <role>", "what it may do").choices(roles).makeOptionMandatory())
    .option("--name-prefix <prefix>", "confine it to snapshots whose names begin so: team-a/", "")
    .option(
      "--expires <duration>",
      "how long it is good: 12h, 90d (default: for ever)",
      durationArgument,
    )
    .action(async (name: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<TokenCreateOptions>();
      const { changeTokenFile, makeToken } = await import("../../config/token-file.js");
      const now = new Date();
      const { role, namePrefix, expires } = options;
      const expiresAt = expires === undefined ? undefined : new Date(now.getTime() + expires);
      const { token: made, record } = makeToken({ name, role, namePrefix, expiresAt }, now);
      changeTokenFile(fileOf(options), (records) => [...records, record]);
      await printOut(options.json ? renderJson({ token: made, ...shown(record) }) : `${made}\n`);
      if (!options.json && !options.quiet) {
        printErr(`token ${record.id}: keep it in a file that only its owner can read\n`);
      }
    });
}

function addList(token: Command): void {
  token
    .command("ls")
    .summary("list the tokens")
    .addOption(tokensOption())
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<TokenOptions>();
      const { isExpired, readTokenFile } = await import("../../config/token-file.js");
      const records = readTokenFile(fileOf(options));
      const now = new Date();
      const rows = records.map((record) => [
        ...[record.id, record.role, record.namePrefix || "-"],
        record.expiresAt === undefined ? "never" : record.expiresAt.replace(/\.\d+Z$/, "Z"),
        isExpired(record, now) ? "expired" : "good",
        record.name,
      ]);
      const header = ["ID", "ROLE", "PREFIX", "EXPIRES", "STATE", "NAME"];
      await printOut(
        options.json
          ? renderJson({ tokens: records.map(shown) })
          : renderTable(header, rows, { cut: "NAME" }),
      );
    });
}

function addRevoke(token: Command): void {
  token
    .command("revoke")
    .summary("make tokens worthless")
    .argument("<id...>", "ids, or names: then all tokens of that name")
    .addOption(tokensOption())
    .action(async (words: string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<TokenOptions>();
      const { changeTokenFile } = await import("../../config/token-file.js");
      let revoked: readonly TokenRecord[] = [];
      changeTokenFile(fileOf(options), (records) => {
        const isMeant = ({ id, name }: TokenRecord, word: string) => id === word || name === word;
        const missing = words.find((word) => !records.some((record) => isMeant(record, word)));
        if (missing !== undefined) throw noSuchToken(missing);
        revoked = records.filter((record) => words.some((word) => isMeant(record, word)));
        return records.filter((record) => !revoked.includes(record));
      });
      const ids = revoked.map(({ id }) => id);
      await printOut(options.json ? renderJson({ revokedIds: ids }) : `${ids.join("\n")}\n`);
    });
}

function tokensOption(): Option {
  return new Option("--tokens <file>", "the daemon's file of tokens (env: STASIS_TOKENS)");
}

function fileOf({ tokens }: TokenOptions): string {
  const path = tokens ?? process.env["STASIS_TOKENS"] ?? "";
  if (path !== "") return path;
  throw usageError("the file of tokens is not given", "Name it with --tokens FILE");
}

/** Returns everything except the hash. A token that never expires has an empty time. */
function shown({ sha256: _, expiresAt = "", ...record }: TokenRecord) {
  return { ...record, expiresAt };
}

function noSuchToken(word: string): StoreError {
  return new StoreError("FIELD_INVALID", `no token has the id or name ${JSON.stringify(word)}`, {
    hint: "See `stasis token ls`",
  });
}

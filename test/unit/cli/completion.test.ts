// Tests the completions of the command line, and the script as bash runs it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { complete } from "../../../src/cli/completion.js";
import { completionScripts } from "../../../src/cli/completion-scripts.js";
import { createProgram } from "../../../src/cli/program.js";
import { withScratchDir } from "../../support/scratch.js";
import { mainPath } from "./run-stasis.js";

const parts = {
  version: "0",
  serve: () => Promise.resolve(),
  checkOffline: () => assert.fail("completion runs nothing"),
  repairOffline: () => assert.fail("completion runs nothing"),
  remotesOffline: {
    list: () => assert.fail("completion runs nothing"),
    check: () => assert.fail("completion runs nothing"),
  },
  readCocoonStore: () => assert.fail("completion runs nothing"),
};
const program = createProgram(parts, () => undefined);
const refs = ["web:1", "web-2", "db"];

async function words(...typed: string[]): Promise<string[] | "files"> {
  const find = (prefix: string): Promise<string[]> =>
    Promise.resolve(refs.filter((ref) => ref.startsWith(prefix)));
  const found = await complete(program, typed, find);
  return found.files ? "files" : found.words.map(({ value }) => value);
}

test("commands are completed", async () => {
  assert.deepEqual(await words("in"), ["inspect", "info"]);
  assert.ok((await words("")).includes("export"));
  assert.ok(!(await words("")).includes("__complete"));
  assert.deepEqual(await words("--json", "--addr", "host:1", "heal"), ["health"]);
});

test("options of the command and global options are completed", async () => {
  assert.deepEqual(await words("rm", "--"), [
    "--allow-missing",
    "--version",
    "--addr",
    "--json",
    "--quiet",
    "--no-progress",
    "--timeout",
    "--tls",
    "--tls-ca",
    "--tls-cert",
    "--tls-key",
    "--token-file",
    "--help",
  ]);
  assert.deepEqual(await words("export", "x", "--gz"), ["--gzip"]);
});

test("values of options are completed with choices, files or nothing", async () => {
  assert.deepEqual(await words("export", "x", "--sparse", ""), ["gnu", "cocoon", "none"]);
  assert.equal(await words("restore", "--to", ""), "files");
  assert.equal(await words("export", "x", "-o", "a"), "files");
  assert.deepEqual(await words("create", "--name", ""), []);
});

test("arguments are completed with refs, files or choices", async () => {
  assert.deepEqual(await words("inspect", "we"), ["web:1", "web-2"]);
  assert.deepEqual(await words("rm", "db", ""), refs);
  assert.deepEqual(await words("inspect", "db", ""), []);
  assert.deepEqual(await words("rm", "--allow-missing", "d"), ["db"]);
  assert.equal(await words("create", ""), "files");
  assert.equal(await words("open", "db", "--", ""), "files");
  assert.deepEqual(await words("completion", ""), ["bash", "zsh", "fish"]);
});

const run = promisify(execFile);

/** Returns the completions that bash offers after `line`. */
async function bashReplies(line: string, directory: string): Promise<string[]> {
  const script = `
    ${completionScripts.bash}
    COMP_LINE=$1 COMP_POINT=\${#1}
    _stasis_complete
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const bash = await run("bash", ["-c", script, "bash", line], {
    cwd: directory,
    env: { PATH: `${directory}:${process.env["PATH"] ?? ""}`, STASIS_ADDR: "127.0.0.1:1" },
  });
  return bash.stdout.split("\n").filter(Boolean);
}

test("bash offers commands, options, choices and files, and an absent daemon is not an error", async () => {
  await withScratchDir(async (directory) => {
    const program = join(directory, "stasis");
    await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${mainPath}' "$@"\n`);
    await chmod(program, 0o755);
    await mkdir(join(directory, "snapshot dir"));
    assert.deepEqual(await bashReplies("stasis exp", directory), ["export"]);
    assert.deepEqual(await bashReplies("stasis ls --name", directory), ["--name-prefix"]);
    assert.deepEqual(await bashReplies("stasis export x --sparse g", directory), ["gnu"]);
    assert.deepEqual(await bashReplies("stasis create snap", directory), ["snapshot dir"]);
    assert.deepEqual(await bashReplies("stasis inspect ", directory), []);
    assert.ok((await bashReplies("stasis serve --drain", directory)).includes("--drain-grace"));
  });
});

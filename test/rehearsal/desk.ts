// Provides what the player of a rehearsal uses: the runbook's commands, which act on node1, and a
// file for the answer.
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Stage } from "./stage.js";

const program = fileURLToPath(new URL("../../src/main.js", import.meta.url));

export interface Desk {
  /** The directory to put first in PATH. */
  readonly commands: string;
  /** The player writes the name of the fault here. */
  readonly answerFile: string;
  /** Returns an answer, and removes it from the file. */
  takeAnswer(): Promise<string | undefined>;
}

export async function openDesk(directory: string, { node1 }: Stage): Promise<Desk> {
  const commands = join(directory, "bin");
  const answerFile = join(directory, "answer");
  await mkdir(commands);
  const { socket, log, pidFile } = node1;
  const scripts = {
    stasis: `STASIS_ADDR=\${STASIS_ADDR:-${socket}} exec '${process.execPath}' '${program}' "$@"`,
    journalctl: journalctl(log),
    systemctl: systemctl(pidFile),
  };
  for (const [name, body] of Object.entries(scripts)) {
    await writeFile(join(commands, name), `#!/bin/sh\n${body}\n`);
    await chmod(join(commands, name), 0o755);
  }
  return {
    commands,
    answerFile,
    async takeAnswer() {
      const text = await readFile(answerFile, "utf8").catch(() => "");
      if (!text.endsWith("\n")) return undefined;
      await rm(answerFile);
      return text.trim();
    },
  };
}

/** Returns a script that prints the log of node1, or its last N lines with `-n N`. */
function journalctl(log: string): string {
  return `lines=+1
while [ $# -gt 0 ]; do
  if [ "$1" = -n ]; then lines=$2; shift; fi
  shift
done
exec tail -n "$lines" '${log}'`;
}

/** Returns a script that supports only `restart`, `status` and `show -P MainPID`. */
function systemctl(pidFile: string): string {
  return `pid=$(cat '${pidFile}')
case $1 in
  restart) kill -TERM "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done; sleep 2 ;;
  status) kill -0 "$pid" && echo "active (running), pid $pid" ;;
  show) echo "$pid" ;;
  *) echo "systemctl $1 is not part of this rehearsal" >&2; exit 1 ;;
esac`;
}

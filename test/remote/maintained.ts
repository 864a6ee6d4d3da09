// Starts an engine and a daemon with a remote, for tests that maintain the remote.
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createOn, type Node } from "../replication/nodes.js";
import { startEngine, type Engine } from "../support/engine.js";
import { patternBytes } from "../support/scratch.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { pushTo, startRemoteNode } from "./daemons.js";

const mib = 1024 * 1024;

export interface MaintainedScene {
  readonly engine: Engine;
  readonly node: Node;
  /** Makes a snapshot with this name, pushes it, and returns its id at the remote. */
  push(name: string, seed: number): Promise<string>;
  /** Runs the CLI against the daemon. */
  stasis(...args: string[]): ReturnType<typeof runStasis>;
  /** Returns the keys of the objects below a prefix, in order. */
  keys(prefix: string): Promise<string[]>;
}

export async function startMaintained(t: TestContext): Promise<MaintainedScene> {
  const engine = await startEngine();
  t.after(() => engine[Symbol.asyncDispose]());
  const node = await startRemoteNode(t, engine);
  const directory = join(engine.directory, "prod");
  return {
    ...{ engine, node },
    push: async (name, seed) => {
      const source = join(node.scratch, `${name} ${seed}`);
      await mkdir(source);
      await writeFile(join(source, "memory"), patternBytes(mib, seed));
      const { config } = await createOn(node, source, "");
      const { snapshot } = await pushTo(node, { ref: config?.id ?? "", name });
      return snapshot.id;
    },
    stasis: (...args) => runStasis(["--addr", node.address, ...args]),
    keys: async (prefix) => {
      const found = await readdir(join(directory, prefix), {
        recursive: true,
        withFileTypes: true,
      }).catch(() => []);
      return found
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
        .sort();
    },
  };
}

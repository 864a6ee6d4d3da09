// Runs one test of the store suite with a new store in a new directory. Afterwards the store is
// closed and the directory is deleted.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { FindingKind } from "../../src/model/finding.js";
import { assertClean } from "../support/clean.js";
import { withScratchDir } from "../support/scratch.js";
import { tickingClock, type OpenSubject, type StoreSubject } from "./subject.js";

export interface StoreTestContext {
  readonly store: StoreSubject;
  /** Names a directory beside the store's root, on the same filesystem. */
  readonly scratch: string;
}

/** Declares a test of the suite. */
export type StoreTest = (
  title: string,
  body: (context: StoreTestContext) => Promise<void>,
  options?: {
    readonly skip?: string | false;
    /** The kinds of findings that the body leaves on purpose. */
    readonly damaged?: readonly FindingKind[];
  },
) => void;

export function storeTestOf(name: string, open: OpenSubject): StoreTest {
  return (title, body, { skip = false, damaged = [] } = {}) => {
    test(`${name}: ${title}`, { skip }, () =>
      withScratchDir(async (scratch) => {
        const root = join(scratch, "root");
        {
          await using store = await open({ root, clock: tickingClock() });
          await body({ store, scratch });
        }
        assert.deepEqual(await readdir(join(root, "staging")), [], "left in staging");
        await assertClean(root, damaged);
      }),
    );
  };
}

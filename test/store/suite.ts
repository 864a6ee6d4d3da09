// Provides the store suite: behaviours that must be equal through every interface of the store.
import { changingBehaviours } from "./behaviours/changing.js";
import { contentBehaviours } from "./behaviours/contents.js";
import { deletingBehaviours } from "./behaviours/deleting.js";
import { directoryBehaviours } from "./behaviours/directories.js";
import { findingBehaviours } from "./behaviours/finding.js";
import { rememberingBehaviours } from "./behaviours/remembering.js";
import { repeatingBehaviours } from "./behaviours/repeating.js";
import { selectingBehaviours } from "./behaviours/selecting.js";
import { readingRangesBehaviours } from "./behaviours/reading-ranges.js";
import { expiringBehaviours } from "./behaviours/expiring.js";
import { takingNamesBehaviours } from "./behaviours/taking-names.js";
import { takingBehaviours } from "./behaviours/taking.js";
import { watchingBehaviours } from "./behaviours/watching.js";
import { storeTestOf } from "./store-test.js";
import type { OpenSubject } from "./subject.js";

export function storeSuite(name: string, open: OpenSubject): void {
  const storeTest = storeTestOf(name, open);
  contentBehaviours(storeTest);
  selectingBehaviours(storeTest);
  findingBehaviours(storeTest);
  changingBehaviours(storeTest);
  deletingBehaviours(storeTest);
  repeatingBehaviours(storeTest);
  directoryBehaviours(storeTest);
  rememberingBehaviours(storeTest);
  takingBehaviours(storeTest);
  readingRangesBehaviours(storeTest);
  expiringBehaviours(storeTest);
  takingNamesBehaviours(storeTest);
  watchingBehaviours(storeTest);
}

// Implements `npm run lab -- soak-gc --minutes M --seed S`, which runs concurrent writers, readers,
// deleters and two collectors.
import { playGc } from "./gc.js";
import { soakMain } from "./soak-main.js";

await soakMain("gc", { minutes: 10, seed: 1 }, (directory, { minutes, seed }, signal) =>
  playGc({ directory, seed, limitMs: minutes * 60_000, signal }),
);

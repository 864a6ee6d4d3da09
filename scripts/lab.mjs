// Runs the harnesses that are too long for `npm test`: `npm run lab -- NAME [OPTIONS]`. Without a
// name it lists them. test/README.md describes each harness.
import { join } from "node:path";
import { passThrough, root } from "./run-tool.mjs";

/** Name of each harness, its module below dist/, and what it does. */
const harnesses = [
  [
    "crash",
    "test/crash/run",
    "crashes at system calls, power cuts, full disks; the store is judged after each",
  ],
  ["mutants", "test/crash/mutants", "seeded mistakes in the code: a test must notice each"],
  [
    "rebuild",
    "test/store/rebuild-run",
    "starts after each kind of damage to the catalog and the manifests",
  ],
  ["model", "test/model/run", "random calls, restarts and kills against a model of the store"],
  [
    "model-remote",
    "test/model/remote/run",
    "every interleaving of pushes, collections, deletions and offloads at a remote",
  ],
  ["fuzz", "test/fuzz/run", "coverage-guided fuzzing of every parser"],
  ["cuts", "test/replication/cuts-run", "pulls that are cut off at random bytes and called again"],
  ["conformance", "test/conformance/run", "clients of five languages against live daemons"],
  ["interop", "test/interop/cocoon/run", "archives and stores to and from the original Go program"],
  [
    "soak-readers",
    "test/soak/readers-run",
    "readers while snapshots are deleted, replaced and collected",
  ],
  ["soak-gc", "test/soak/gc-run", "collections beside writers, readers and an orchestrator"],
  ["soak-takes", "test/soak/takes-run", "moves out of the store, with kills and power cuts"],
  ["soak-remote", "test/soak/remote-run", "pushes, deletions and collections in one bucket"],
  ["many-remote", "test/remote/many-run", "a bucket with 100,000 snapshots; measures the daemon"],
  ["remote", "test/engines/run", "the same on Ceph, of which one node is killed again and again"],
  [
    "soak-hostile",
    "test/soak/hostile-run",
    "half-open streams and slow readers beside a good client",
  ],
  [
    "soak-strangers",
    "test/soak/strangers-run",
    "calls without credentials beside a caller with a token",
  ],
  [
    "soak-flips",
    "test/soak/flips-run",
    "random byte flips: Verify finds each, no verified read serves one",
  ],
  [
    "rehearsal",
    "test/rehearsal/run",
    "two nodes, their alerts and one hidden fault, for people who look after nodes",
  ],
  ["soak-starts", "test/soak/starts-run", "starts and stops with this Node; counts aborts"],
  ["bench-gc", "bench/gc", "cost of a collection in a store of a million snapshots"],
  ["bench-replication", "bench/replication", "bytes, rate and memory of pulls"],
  ["bench-catalog", "bench/catalog", "cost of the catalog's operations"],
  ["bench-variants", "bench/variants", "builds, or flags of one build, in the same rounds"],
  [
    "bench-page",
    "bench/page",
    "writes docs/performance.md from bench/results/NAME.json, of one or more NAMEs",
  ],
];

function main([name, ...args]) {
  const harness = harnesses.find(([each]) => each === name);
  if (harness === undefined) {
    if (name !== undefined) process.stderr.write(`lab: no harness is called ${name}.\n\n`);
    process.stdout.write("npm run lab -- NAME [OPTIONS]; test/README.md has the options\n\n");
    for (const [each, , what] of harnesses) process.stdout.write(`  ${each.padEnd(18)} ${what}\n`);
    return name === undefined ? 0 : 2;
  }
  const built = passThrough(process.execPath, [join(root, "scripts", "build.mjs")]);
  if (built !== 0) return built;
  return passThrough(process.execPath, [join(root, "dist", `${harness[1]}.js`), ...args]);
}

process.exitCode = main(process.argv.slice(2));

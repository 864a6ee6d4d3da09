// `npm run check:breaking`: checks that proto/ still serves the clients of main's earlier contract.
//
// On main, the earlier contract is the state before its newest change. If proto/ has uncommitted
// changes, that is the last commit; otherwise it is the parent of the last commit that changed
// proto/. On any other branch, it is the commit where the branch left main. `--against REF` names
// another contract.
import { capture, fail, root } from "./run-tool.mjs";

const contract = ["proto", "buf.yaml"];
const fetchLimitMs = 60_000;
const moreCommits = 200;

function main(args) {
  const base = args.length === 0 ? baseCommit() : namedCommit(args);
  if (base === undefined) {
    return say("this is the first contract, there is nothing to compare it with");
  }
  const tar = git(["archive", "--format=tar", base.commit, "--", ...presentIn(base.commit)], {
    encoding: "buffer",
  });
  const breaking = ["breaking", "--against", "-#format=tar"];
  const result = capture("buf", breaking, { input: tar.stdout, timeout: 120_000 });
  const name = `${git(["rev-parse", "--short", base.commit]).stdout.trim()} (${base.reason})`;
  if (result.status === 0) return say(`no breaking change against ${name}`);
  process.stderr.write(result.stdout + result.stderr);
  fail(
    `breaking: proto/ breaks clients of ${name}.`,
    "Add fields and RPCs instead of changing or removing them; reserve what goes.",
  );
}

function namedCommit(args) {
  if (args.length !== 2 || args[0] !== "--against") fail("Usage: buf-breaking.mjs [--against REF]");
  const commit = git(["rev-parse", "--verify", `${args[1]}^{commit}`]).stdout.trim();
  return hasContract(commit) ? { commit, reason: args[1] } : undefined;
}

function baseCommit() {
  const head = git(["rev-parse", "HEAD"]).stdout.trim();
  const main = ["origin/main", "main"].find((ref) => exists(ref)) ?? "HEAD";
  if (!isAncestor(head, main)) return commitWhereMainWasLeft(head, main);
  if (git(["status", "--porcelain", "--", "proto"]).stdout !== "") {
    return withContract(head, "the last commit");
  }
  return beforeNewestChange(head);
}

function commitWhereMainWasLeft(head, main) {
  const found = () => git(["merge-base", head, main], { mayFail: true }).stdout.trim();
  if (found() === "") deepen();
  const commit = found();
  if (commit === "") fail(`breaking: no common commit with ${main}.`, "Name one with --against.");
  return withContract(commit, `where this branch left ${main}`);
}

function beforeNewestChange(head) {
  const newest = () =>
    git(["log", "-1", "--first-parent", "--format=%H", head, "--", "proto"]).stdout.trim();
  // In a shallow clone, the oldest commit seems to change everything and to have no parent.
  if (newest() !== "" && !exists(`${newest()}^`) && isShallow()) deepen();
  const commit = newest();
  if (commit === "" || !exists(`${commit}^`)) {
    if (isShallow()) {
      fail("breaking: this clone has too little history.", 'Run "git fetch --unshallow" first.');
    }
    return undefined;
  }
  const parent = git(["rev-parse", `${commit}^`]).stdout.trim();
  return withContract(parent, "before the newest change of proto/");
}

function withContract(commit, reason) {
  return hasContract(commit) ? { commit, reason } : undefined;
}

function hasContract(commit) {
  return presentIn(commit).includes("proto");
}

function presentIn(commit) {
  return contract.filter((path) => exists(`${commit}:${path}`));
}

function exists(object) {
  return git(["rev-parse", "--verify", "--quiet", object], { mayFail: true }).status === 0;
}

function isAncestor(commit, of) {
  return git(["merge-base", "--is-ancestor", commit, of], { mayFail: true }).status === 0;
}

function isShallow() {
  return git(["rev-parse", "--is-shallow-repository"]).stdout.trim() === "true";
}

function deepen() {
  if (!isShallow()) return;
  say("fetching more history for this shallow clone");
  const args = ["fetch", "--quiet", `--deepen=${moreCommits}`];
  git(args, { mayFail: true, timeout: fetchLimitMs });
}

function git(args, { mayFail = false, ...options } = {}) {
  const result = capture("git", args, options);
  if (result.status === 0 || mayFail) return result;
  return fail(`breaking: git ${args.join(" ")} failed in ${root}.`, String(result.stderr).trim());
}

function say(message) {
  process.stdout.write(`breaking: ${message}\n`);
}

main(process.argv.slice(2));

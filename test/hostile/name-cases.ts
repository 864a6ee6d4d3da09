// Makes archives with names that leave the directory, hide in it, or collide, and with entries that
// are not files.
import { rawFile, rawHeader, rawPax } from "../unit/archive/support.js";
import { archiveOf, goodFile, named, paxNamed, refused, type HostileCase } from "./hostile-case.js";

const badNames: readonly (readonly [what: string, name: string | Uint8Array])[] = [
  ["absolute path", "/etc/passwd"],
  ["parent path", "../escape"],
  ["parent path after ./", "./../escape"],
  ["parent path in the middle", "a/../../escape"],
  ["parent itself", ".."],
  ["empty", ""],
  ["only ./", "./."],
  ["twice ./", "././memory2"],
  ["subdirectory", "sub/file"],
  ["newline", "a\nb"],
  ["escape sequence", "a\u001b[2J"],
  ["delete character", "a\u007f"],
  ["no UTF-8", Buffer.from([0x61, 0xff, 0xfe])],
  ["overlong slash in UTF-8", Buffer.from([0x2e, 0x2e, 0xc0, 0xaf, 0x61])],
  ["surrogate in UTF-8", Buffer.from([0x61, 0xed, 0xa0, 0x80])],
];

const badPaxNames: readonly (readonly [what: string, name: string])[] = [
  ["NUL", "memory\0.txt"],
  ["absolute path", "/etc/shadow"],
  ["parent path", "../../escape"],
  ["empty", ""],
  ["256 bytes", "n".repeat(256)],
  ["256 bytes of two-byte letters", "ä".repeat(128)],
];

const badTypes: readonly (readonly [what: string, type: string])[] = [
  ["hard link", "1"],
  ["symbolic link", "2"],
  ["character device", "3"],
  ["block device", "4"],
  ["FIFO", "6"],
  ["GNU long link target", "K"],
  ["GNU multi-volume", "M"],
  ["GNU volume label", "V"],
  ["unknown type", "Z"],
];

const link = (header: Buffer): void => void header.write("/etc/passwd", 157, "latin1");

export const nameCases: readonly HostileCase[] = [
  ...badNames.map(([what, name]) => refused(`name: ${what}`, () => named(name))),
  ...badPaxNames.map(([what, name]) => refused(`PAX name: ${what}`, () => paxNamed(name))),
  ...badTypes.map(([what, type]) =>
    refused(`type: ${what}`, () =>
      archiveOf(goodFile, rawHeader({ name: "entry", type, patch: link })),
    ),
  ),
  refused("directory", () => archiveOf(goodFile, rawHeader({ name: "sub/", type: "5" }))),
  refused("directory with data", () =>
    archiveOf(goodFile, rawHeader({ name: "./", type: "5", size: 512 }), Buffer.alloc(512, 1)),
  ),
  refused("directory in the ustar prefix", () =>
    archiveOf(goodFile, rawHeader({ name: "file", prefix: ".." })),
  ),
  refused("name twice", () => archiveOf(goodFile, goodFile)),
  refused("name twice, once with ./", () => archiveOf(goodFile, rawFile("./memory", "other"))),
  refused("name twice, once by PAX", () =>
    archiveOf(goodFile, rawPax([["path", "memory"]]), rawFile("x", "other")),
  ),
  refused("two PAX names", () =>
    archiveOf(
      rawPax([
        ["path", "a"],
        ["path", "b"],
      ]),
      rawFile("x", "other"),
    ),
  ),
  refused(
    "names that differ in case",
    () => archiveOf(goodFile, rawFile("MEMORY", "other")),
    "stored",
  ),
  refused(
    "names that differ in their Unicode form",
    () => archiveOf(rawFile("\u00e9", "composed"), rawFile("e\u0301", "decomposed")),
    "stored",
  ),
  refused("name of 255 bytes", () => paxNamed("n".repeat(255)), "stored"),
  refused(
    "files with the names of the store's own files",
    () =>
      archiveOf(rawFile("manifest.json", "{}"), rawFile("__proto__", "x"), rawFile("files", "y")),
    "stored",
  ),
];

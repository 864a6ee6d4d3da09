// Makes contents of several chunks, so that a read lasts long enough to overlap with other calls.
import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "../../src/client/index.js";
import type { Content } from "../model/contents.js";
import { collect, makeSource, mib, packDirectory, piece, streamOf } from "../store/contents.js";

const sizesMib = [2, 5];

export async function largeContent(client: Client, directory: string): Promise<Content[]> {
  await mkdir(directory);
  const contents: Content[] = [];
  for (const size of sizesMib) {
    const sizeBytes = size * mib + 77;
    const source = await makeSource(join(directory, String(size)), [
      { name: "memory", sizeBytes, pieces: [piece(0, sizeBytes)] },
    ]);
    const tar = await collect(packDirectory(source));
    const { snapshot } = await client.create({}, streamOf(tar));
    await client.delete(snapshot?.config?.id ?? "");
    const bytes = await readFile(join(source, "memory"));
    const files = new Map([["memory", createHash("sha256").update(bytes).digest("hex")]]);
    contents.push({ tar, archives: [tar, tar], digest: snapshot?.digest ?? "", files });
  }
  return contents;
}

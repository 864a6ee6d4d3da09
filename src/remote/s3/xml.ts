// Reads the two XML documents that the requests need: a page of a list, and an error. The reader is
// strict. It accepts no document type, no entities and only few levels. An element with a single
// value may occur only once, and every element of a list must be as expected.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
import { XMLParser } from "fast-xml-parser";
import { describeValue, messageOf } from "../../base/errors.js";

interface ListedKey {
  /** The whole key, including the prefix of the remote. */
  readonly key: string;
  readonly sizeBytes: number;
  /** The time of the PUT by the clock of the object store, in milliseconds since 1970. */
  readonly modifiedAt: number;
}

export interface KeyPage {
  readonly keys: readonly ListedKey[];
  /** The token of the next page. Undefined on the last page. */
  readonly nextToken: string | undefined;
}

export interface ErrorDocument {
  /** The error code, for example `NoSuchKey`. */
  readonly code: string;
  readonly message: string;
  /** The region of the bucket. Undefined if the error does not name it. */
  readonly region: string | undefined;
  /** The host to use instead. Undefined if the error does not name one. */
  readonly endpoint: string | undefined;
}

const parser = new XMLParser({
  // The parser returns lists of elements, so that no element's name becomes the name of a property.
  preserveOrder: true,
  ignoreAttributes: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
  maxNestedTags: 8,
});

const textName = "#text";
/** Maximum bytes of a key. Object stores do not accept longer keys. */
const maxKeyBytes = 1024;
export const maxKeysOfPage = 1000;

/** An element, which has a text or children. */
type Node = Readonly<Record<string, unknown>>;

/** Parses a page. Throws an Error that says what is wrong. */
export function parseKeyPage(body: Buffer, prefix: string): KeyPage {
  const children = rootOf(body, "ListBucketResult");
  const single = singlesOf(children);
  const isEncoded = single("EncodingType") === "url";
  const decode = (text: string): string => (isEncoded ? decoded(text) : plain(text));
  const echoed = single("Prefix");
  if (echoed !== undefined && decode(echoed) !== prefix) {
    throw new Error(`it is for the prefix ${describeValue(echoed)}`);
  }
  const keys = elementsOf(children, "Contents").map((entry): ListedKey => {
    const field = singlesOf(entry);
    const key = checkedKey(decode(required(field, "Key")), prefix);
    return { key, sizeBytes: sizeOf(field), modifiedAt: timeOf(field) };
  });
  checkCounts(single, keys);
  const truncated = required(single, "IsTruncated");
  if (truncated !== "true" && truncated !== "false") {
    throw new Error(`IsTruncated is ${describeValue(truncated)}`);
  }
  return {
    keys,
    nextToken: truncated === "true" ? required(single, "NextContinuationToken") : undefined,
  };
}

/**
 * Parses an error. Undefined if the body is not the error of an object store but, for example, a
 * proxy's.
 */
export function parseErrorDocument(body: Buffer): ErrorDocument | undefined {
  try {
    const single = singlesOf(rootOf(body, "Error"));
    const code = required(single, "Code");
    if (!/^[A-Za-z0-9._-]{1,100}$/.test(code)) return undefined;
    return {
      code,
      message: single("Message") ?? "",
      region: single("Region"),
      endpoint: single("Endpoint"),
    };
  } catch {
    return undefined;
  }
}

/** Returns the children of the root element. */
function rootOf(body: Buffer, name: string): readonly Node[] {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  if (/<!(DOCTYPE|ENTITY)/i.test(text)) throw new Error("it has a document type");
  let parsed: unknown;
  try {
    parsed = parser.parse(text, true);
  } catch (error) {
    throw new Error(`it is not XML: ${messageOf(error)}`, { cause: error });
  }
  const roots = (parsed as readonly Node[]).filter((node) => !(textName in node));
  const [root, ...more] = roots;
  const found = root === undefined ? "nothing" : nameOf(root);
  if (root === undefined || more.length > 0 || found !== name) {
    throw new Error(`it begins with ${describeValue(found)} instead of ${name}`);
  }
  return childrenOf(root, name);
}

function nameOf(node: Node): string {
  return Object.keys(node)[0] ?? "";
}

function childrenOf(node: Node, name: string): readonly Node[] {
  const children = Object.hasOwn(node, name) ? node[name] : undefined;
  if (!Array.isArray(children)) throw new Error(`${name} has no children`);
  return children as readonly Node[];
}

function elementsOf(children: readonly Node[], name: string): readonly (readonly Node[])[] {
  return children.filter((node) => nameOf(node) === name).map((node) => childrenOf(node, name));
}

/**
 * Returns a function that looks up the text of an element. The function throws if two elements have
 * that name.
 */
function singlesOf(children: readonly Node[]): (name: string) => string | undefined {
  const texts = new Map<string, readonly Node[]>();
  const repeated = new Set<string>();
  for (const node of children) {
    const name = nameOf(node);
    if (name === textName) continue;
    if (texts.has(name)) repeated.add(name);
    texts.set(name, childrenOf(node, name));
  }
  return (name) => {
    if (repeated.has(name)) throw new Error(`it has two of ${name}`);
    const parts = texts.get(name);
    return parts === undefined ? undefined : textOf(parts, name);
  };
}

function textOf(parts: readonly Node[], name: string): string {
  return parts
    .map((part) => {
      const text = Object.hasOwn(part, textName) ? part[textName] : undefined;
      if (typeof text !== "string") throw new Error(`${name} has elements in it`);
      return text;
    })
    .join("");
}

function required(single: (name: string) => string | undefined, name: string): string {
  const text = single(name);
  if (text === undefined || text === "") throw new Error(`it has no ${name}`);
  return text;
}

function timeOf(field: (name: string) => string | undefined): number {
  const text = required(field, "LastModified");
  const time = Date.parse(text);
  if (!Number.isFinite(time)) throw new Error(`LastModified is ${describeValue(text)}`);
  return time;
}

function sizeOf(field: (name: string) => string | undefined): number {
  const text = required(field, "Size");
  const size = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(size)) throw new Error(`a Size is ${describeValue(text)}`);
  return size;
}

function checkedKey(key: string, prefix: string): string {
  if (!key.startsWith(prefix)) throw new Error(`the key ${describeValue(key)} is not below it`);
  if (Buffer.byteLength(key) > maxKeyBytes) throw new Error("a key has more than 1024 bytes");
  return key;
}

function checkCounts(
  single: (name: string) => string | undefined,
  keys: readonly ListedKey[],
): void {
  const count = single("KeyCount");
  if (count !== undefined && count !== String(keys.length)) {
    throw new Error(`its KeyCount is ${describeValue(count)}, and it has ${keys.length} keys`);
  }
  if (keys.length > maxKeysOfPage) throw new Error(`it has ${keys.length} keys`);
  if (new Set(keys.map(({ key }) => key)).size < keys.length) throw new Error("a key occurs twice");
}

/**
 * Decodes a text in the encoding `url`. A plus may stand for a space there, and a real plus is then
 * encoded.
 */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch (error) {
    throw new Error(`the text ${describeValue(text)} is not URL-encoded`, { cause: error });
  }
}

function plain(text: string): string {
  if (text.includes("&")) throw new Error(`the text ${describeValue(text)} has an entity`);
  return text;
}

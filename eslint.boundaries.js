// Defines the floors of src/ and the lint rule for them. The rule says which folder may import
// which other folder, and which files may use an npm package. ARCHITECTURE.md gives the reasons.
import { dirname, relative, resolve, sep } from "node:path";

/**
 * The floors that each floor may import besides itself. `gen` stands for the generated messages.
 * The rooms of store/ are floors of their own, because they differ in what they may do to data.
 */
const floors = {
  base: [],
  model: ["base"],
  config: ["base", "model"],
  wire: ["base"],
  observe: ["base", "model"],
  holes: ["base", "model", "wire"],
  archive: ["base", "model", "wire", "holes"],
  catalog: ["base", "model"],
  files: ["base", "model", "wire", "holes"],
  cocoon: ["base", "model", "holes", "archive", "catalog"],
  "store/parts": ["base", "model", "observe", "catalog", "files"],
  "store/watch": ["base", "model", "catalog", "store/parts"],
  "store/read": ["base", "model", "wire", "observe", "holes", "archive", "files", "store/parts"],
  "store/remove": ["base", "model", "observe", "holes", "catalog", "files", "store/parts"],
  "store/write": [
    ...["base", "model", "wire", "observe", "holes", "archive", "catalog", "files", "store/parts"],
  ],
  "store/heal": [
    ...["base", "model", "holes", "catalog", "files", "store/parts", "store/read", "store/write"],
    "store/remove",
  ],
  store: [
    ...[
      "base",
      "model",
      "wire",
      "observe",
      "holes",
      "archive",
      "catalog",
      "files",
      "store/parts",
      "store/watch",
    ],
    ...["store/read", "store/remove", "store/write", "store/heal"],
  ],
  client: ["base", "model", "wire", "observe", "holes", "archive", "gen"],
  replication: [
    ...["base", "model", "observe", "files", "store", "store/read", "store/write", "store/heal"],
    ...["archive", "client", "remote", "remote/format"],
  ],
  "remote/s3": ["base", "model", "config", "observe"],
  "remote/format": ["base", "model", "holes", "archive", "files"],
  remote: [
    ...["base", "model", "holes", "archive", "files", "store", "store/read", "store/write"],
    ...["observe", "remote/s3", "remote/format"],
  ],
  "transport/auth": ["base", "model"],
  "transport/grpc-hooks": ["base", "wire", "holes", "transport/auth"],
  transport: ["base", "model", "wire", "observe", "transport/auth", "transport/grpc-hooks", "gen"],
  "transport/services": [
    ...["base", "model", "wire", "transport", "transport/auth", "store", "store/parts"],
    ...["store/read", "store/remove", "store/heal", "store/watch", "replication", "gen"],
    ...["config", "remote", "remote/s3"],
  ],
  admin: [
    ...["base", "model", "transport", "transport/auth", "transport/services", "store"],
    ...["store/parts", "observe", "gen"],
  ],
  cli: ["base", "config", "archive", "client", "gen"],
  daemon: [
    ...["base", "model", "config", "holes", "archive", "store", "cocoon", "client", "replication"],
    ...["observe", "transport", "transport/auth", "transport/grpc-hooks", "transport/services"],
    ...["admin", "remote", "remote/s3"],
  ],
  "main.ts": ["base", "holes", "cli", "daemon"],
};

/** Floors that a file may load only with `import()`, when it needs them. */
const onlyLazily = { "main.ts": ["daemon"] };

/**
 * Files with fewer allowed importers than their floor. Most of them can publish or remove a
 * snapshot, so that this table shows all code that can.
 */
const fileHomes = {
  "files/layout.ts": ["files", "store"],
  "holes/file-operations.ts": ["holes", "files"],
  "files/publish.ts": ["files"],
  "files/staging.ts": ["store/write", "store/heal"],
  "store/write/publisher.ts": ["store/write", "store/heal"],
  "files/removal.ts": ["files", "store/remove", "store/heal"],
  "store/remove/remover.ts": ["store/remove", "store/heal"],
  // The floors below know only the ports.
  "observe/metrics.ts": ["observe", "admin", "daemon"],
  "observe/tracing.ts": ["observe", "daemon"],
};

/** Functions of Node that change names and files. */
const changesOfNode = [
  ...["appendFile", "chmod", "chown", "copyFile", "cp", "link", "mkdir", "mkdtemp", "rename", "rm"],
  ...["rmdir", "symlink", "truncate", "unlink", "utimes", "writeFile"],
];

/**
 * Exports with fewer importers than their module has. They move or delete files, or they are the
 * types of the whole catalog and the whole store, which can do everything. Other rooms take a
 * `Pick` in store/parts/ports.ts, and replication/ one in replication/ports.ts.
 */
const nameHomes = {
  "files/durable.ts": {
    names: ["removeTree", "renameOnly", "replaceFile"],
    homes: ["files", "store/heal"],
  },
  // The store with all of its operations. The services and the daemon compose it.
  "store/snapshot-store.ts": {
    names: ["SnapshotStore"],
    homes: ["store", "replication/ports.ts", "transport/services", "admin", "daemon"],
  },
  "catalog/open.ts": {
    names: ["Catalog", "openCatalog"],
    homes: [
      ...["catalog", "store/heal", "store/confined.ts", "store/write/publisher.ts"],
      ...["store/remove/remover.ts", "store/parts/ports.ts", "store/parts/watchers.ts"],
      ...["store/parts/condition.ts", "daemon", "cocoon"],
    ],
  },
};

/** Functions that the rooms of store/ may not import. store/heal may import them. */
const changingBuiltins = {
  "node:fs/promises": changesOfNode,
  "node:fs": changesOfNode.map((name) => `${name}Sync`),
};

/**
 * Packages that only some places may import. A place is a floor or a file. All other packages are
 * unrestricted.
 */
const packageHomes = {
  koffi: ["holes/native.ts"],
  "better-sqlite3": ["catalog/sqlite.ts", "catalog/better-sqlite3-13.d.ts"],
  "better-sqlite3-13": ["catalog/sqlite.ts"],
  "@grpc/grpc-js": ["transport", "client"],
  "@bufbuild/protobuf": ["transport", "client", "cli"],
  "@napi-rs/blake-hash": ["files/block-digest.ts"],
  "zstd-napi": ["archive"],
  aws4: ["remote/s3/sign.ts", "remote/s3/aws4.d.ts"],
  "fast-xml-parser": ["remote/s3/xml.ts"],
  "@aws-sdk/credential-provider-node": ["remote/s3/credentials.ts"],
  pino: ["base"],
  "prom-client": ["observe"],
  "@opentelemetry/api": ["observe"],
  "@opentelemetry/sdk-trace-node": ["observe/tracing.ts"],
  "@opentelemetry/resources": ["observe/tracing.ts"],
  "@opentelemetry/exporter-trace-otlp-proto": ["observe/tracing.ts"],
  "pretty-bytes": ["base"],
  commander: ["cli"],
  "cli-table3": ["cli"],
  "string-width": ["cli"],
};

/**
 * Modules of Node whose values only some places may import. Their types are unrestricted, because
 * the transport passes streams and sessions to other floors.
 */
const builtinHomes = { "node:http2": ["transport/grpc-hooks"] };

const ownPackage = "stasis";
const table = "eslint.boundaries.js";

export const boundaries = {
  meta: {
    type: "problem",
    docs: { description: "hold the floors of src/" },
    schema: [],
    messages: {
      unknownFloor: "src/{{ path }} is on no floor: add its folder to the table in {{ table }}.",
      floor: "{{ from }} may not import {{ to }}. It may import: {{ allowed }}.",
      lazily: "{{ from }} may load {{ to }} only with import(), when it needs it.",
      outside: "src/ may not import {{ path }}: only src/ and gen/ are part of the program.",
      file: "src/{{ file }} may be imported only in {{ homes }}: it can publish or remove snapshots.",
      name: "{{ names }} of src/{{ file }} may be imported only in {{ homes }}: it can publish or remove snapshots.",
      builtin:
        "{{ from }} may not import {{ names }} of {{ specifier }}: files/ changes the store's files.",
      package: "{{ package }} may be imported only in {{ homes }}.",
      self: "src/ names its own modules by path, not through the package {{ package }}.",
    },
  },
  create(context) {
    const path = pathBelow("src", context);
    if (path === undefined) return {};
    const from = floorOf(path);
    const check = (node, isLazy) => {
      const { source } = node;
      // The rule cannot judge a computed specifier. no-restricted-syntax refuses it.
      if (source?.type !== "Literal" || typeof source.value !== "string") return;
      const isType =
        (node.importKind ?? node.exportKind) === "type" || node.type === "TSImportType";
      const names = namesOf(node);
      const finding = judge(context, {
        path,
        from,
        specifier: source.value,
        isLazy,
        isType,
        names,
      });
      if (finding !== undefined) context.report({ node: source, ...finding });
    };
    return {
      Program(node) {
        if (from !== undefined) return;
        context.report({ node, messageId: "unknownFloor", data: { path, table } });
      },
      ImportDeclaration: (node) => check(node, false),
      ExportNamedDeclaration: (node) => check(node, false),
      ExportAllDeclaration: (node) => check(node, false),
      ImportExpression: (node) => check(node, true),
      TSImportType: (node) => check(node, true),
    };
  },
};

function judge(context, { path, from, specifier, isLazy, isType, names }) {
  if (from === undefined) return undefined;
  if (specifier.startsWith("node:")) {
    if (isType) return undefined;
    return judgeHome(path, specifier, builtinHomes) ?? judgeBuiltin(from, specifier, names);
  }
  if (!specifier.startsWith(".")) return judgePackage(path, packageOf(specifier));
  const target = resolve(dirname(context.filename), specifier).replace(/\.js$/, ".ts");
  const inRepository = relative(context.cwd, target).split(sep).join("/");
  const [top, ...rest] = inRepository.split("/");
  if (top !== "src" && top !== "gen") {
    return { messageId: "outside", data: { path: inRepository } };
  }
  const file = rest.join("/");
  const narrowed =
    top === "src" ? (judgeFile(path, file) ?? judgeNames(path, file, names)) : undefined;
  if (narrowed !== undefined) return narrowed;
  const to = top === "gen" ? "gen" : floorOf(file);
  if (to === from) return undefined;
  if (!floors[from].includes(to)) {
    const allowed = floors[from].join(", ") || "nothing of ours";
    return { messageId: "floor", data: { from, to: to ?? inRepository, allowed } };
  }
  if (!isLazy && onlyLazily[from]?.includes(to)) {
    return { messageId: "lazily", data: { from, to } };
  }
  return undefined;
}

function judgeFile(path, file) {
  const homes = Object.hasOwn(fileHomes, file) ? fileHomes[file] : undefined;
  if (homes === undefined || homes.some((home) => path.startsWith(`${home}/`))) return undefined;
  const where = homes.map((home) => `src/${home}`).join(", ");
  return { messageId: "file", data: { file, homes: where } };
}

/** Returns the names that a statement imports. Undefined if it imports all names. */
function namesOf({ specifiers }) {
  if (specifiers === undefined || specifiers.length === 0) return undefined;
  const names = specifiers.map(({ imported, local }) => imported?.name ?? local?.name);
  const isAll = specifiers.some(({ type }) => type === "ImportNamespaceSpecifier");
  return isAll ? undefined : names;
}

function judgeNames(path, file, names) {
  const narrow = Object.hasOwn(nameHomes, file) ? nameHomes[file] : undefined;
  if (narrow === undefined || isIn(path, narrow.homes)) return undefined;
  const found = narrow.names.filter((name) => names?.includes(name) ?? true);
  if (found.length === 0) return undefined;
  const where = narrow.homes.map((home) => `src/${home}`).join(", ");
  return { messageId: "name", data: { names: found.join(", "), file, homes: where } };
}

function judgeBuiltin(from, specifier, names) {
  const changing = Object.hasOwn(changingBuiltins, specifier) ? changingBuiltins[specifier] : [];
  if (!from.startsWith("store") || from === "store/heal") return undefined;
  const found = changing.filter((name) => names?.includes(name) ?? true);
  if (found.length === 0) return undefined;
  return { messageId: "builtin", data: { from, names: found.join(", "), specifier } };
}

function isIn(path, homes) {
  return homes.some((home) => path === home || path.startsWith(`${home}/`));
}

function judgePackage(path, name) {
  if (name === ownPackage) return { messageId: "self", data: { package: name } };
  return judgeHome(path, name, packageHomes);
}

function judgeHome(path, name, homesOf) {
  const homes = Object.hasOwn(homesOf, name) ? homesOf[name] : undefined;
  if (homes === undefined) return undefined;
  if (isIn(path, homes)) return undefined;
  const where = homes.map((home) => `src/${home}`).join(", ");
  return { messageId: "package", data: { package: name, homes: where } };
}

/** Returns the longest entry of the table that contains the path. The path is relative to src/. */
function floorOf(path) {
  return Object.keys(floors)
    .filter((floor) => path === floor || path.startsWith(`${floor}/`))
    .sort((one, other) => other.length - one.length)[0];
}

function packageOf(specifier) {
  const parts = specifier.split("/");
  return parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

function pathBelow(folder, context) {
  const path = relative(context.cwd, context.filename).split(sep).join("/");
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : undefined;
}

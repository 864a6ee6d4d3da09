// Finds, in a descriptor set, the file that defines a symbol or an extension.
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";

export interface IndexedFile {
  readonly name: string;
  readonly dependencies: readonly string[];
  /** An encoded google.protobuf.FileDescriptorProto, with its comments. */
  readonly encoded: Uint8Array;
}

export interface SymbolIndex {
  file(name: string): IndexedFile | undefined;
  /**
   * Returns the file that defines a fully qualified service, method, message, field, oneof, enum,
   * enum value or extension.
   */
  fileOfSymbol(symbol: string): IndexedFile | undefined;
  fileOfExtension(extendee: string, fieldNumber: number): IndexedFile | undefined;
  /**
   * Returns the field numbers of the message's extensions in ascending order. Undefined if the
   * message is unknown.
   */
  extensionNumbers(messageType: string): readonly number[] | undefined;
  /** Returns the file and all its direct and indirect imports. The file comes first. */
  withImports(file: IndexedFile): readonly IndexedFile[];
}

/** A field of buf's image files that google.protobuf.FileDescriptorProto does not have. */
const bufExtensionField = 8042;

/**
 * Creates the index. `descriptorSet` is an encoded google.protobuf.FileDescriptorSet, imports
 * included.
 */
export function createSymbolIndex(descriptorSet: Uint8Array): SymbolIndex {
  const files = new Map<string, IndexedFile>();
  const names: Names = { symbols: new Map(), messages: new Set(), extensions: new Map() };
  for (const file of fromBinary(FileDescriptorSetSchema, descriptorSet).file) {
    files.set(file.name, indexedFile(file));
    addFile(names, file);
  }
  const lookUp = (name: string | undefined): IndexedFile | undefined =>
    name === undefined ? undefined : files.get(name);
  return {
    file: lookUp,
    fileOfSymbol: (symbol) => lookUp(names.symbols.get(symbol)),
    fileOfExtension: (extendee, number) => lookUp(names.extensions.get(extendee)?.get(number)),
    extensionNumbers(messageType) {
      const numbers = names.extensions.get(messageType);
      if (numbers === undefined) return names.messages.has(messageType) ? [] : undefined;
      return [...numbers.keys()].sort((a, b) => a - b);
    },
    withImports: (file) => withImports(files, file),
  };
}

function indexedFile(file: FileDescriptorProto): IndexedFile {
  const unknown = file.$unknown?.filter((field) => field.no !== bufExtensionField);
  const encoded = toBinary(FileDescriptorProtoSchema, { ...file, $unknown: unknown });
  return { name: file.name, dependencies: file.dependency, encoded };
}

function withImports(
  files: ReadonlyMap<string, IndexedFile>,
  start: IndexedFile,
): readonly IndexedFile[] {
  // The set grows while the loop iterates over it, so the search is breadth first and meets each
  // file once.
  const found = new Set([start]);
  for (const file of found) {
    for (const name of file.dependencies) {
      const dependency = files.get(name);
      if (dependency !== undefined) found.add(dependency);
    }
  }
  return [...found];
}

interface Names {
  /** File name by fully qualified symbol. */
  readonly symbols: Map<string, string>;
  readonly messages: Set<string>;
  /** File name by extended message and field number. */
  readonly extensions: Map<string, Map<number, string>>;
}

function addFile(names: Names, file: FileDescriptorProto): void {
  const add = (symbol: string): void => void names.symbols.set(symbol, file.name);
  const scope = file.package;
  for (const service of file.service) {
    const name = qualify(scope, service.name);
    add(name);
    for (const method of service.method) add(qualify(name, method.name));
  }
  for (const message of file.messageType) addMessage(names, add, file.name, scope, message);
  for (const enumeration of file.enumType) addEnum(add, scope, enumeration);
  for (const extension of file.extension) addExtension(names, add, file.name, scope, extension);
}

type AddSymbol = (symbol: string) => void;

function addMessage(
  names: Names,
  add: AddSymbol,
  fileName: string,
  scope: string,
  message: DescriptorProto,
): void {
  const name = qualify(scope, message.name);
  add(name);
  names.messages.add(name);
  for (const field of message.field) add(qualify(name, field.name));
  for (const oneof of message.oneofDecl) add(qualify(name, oneof.name));
  for (const nested of message.nestedType) addMessage(names, add, fileName, name, nested);
  for (const enumeration of message.enumType) addEnum(add, name, enumeration);
  for (const extension of message.extension) addExtension(names, add, fileName, name, extension);
}

/**
 * Adds an enum. Its values are siblings of the enum (protobuf language specification), not
 * children.
 */
function addEnum(add: AddSymbol, scope: string, enumeration: EnumDescriptorProto): void {
  add(qualify(scope, enumeration.name));
  for (const value of enumeration.value) add(qualify(scope, value.name));
}

function addExtension(
  names: Names,
  add: AddSymbol,
  fileName: string,
  scope: string,
  extension: FieldDescriptorProto,
): void {
  add(qualify(scope, extension.name));
  // Names in a compiled set are fully qualified, with a leading dot.
  const extendee = extension.extendee.replace(/^\./, "");
  const numbers = names.extensions.get(extendee) ?? new Map<number, string>();
  names.extensions.set(extendee, numbers.set(extension.number, fileName));
}

function qualify(scope: string, name: string): string {
  return scope === "" ? name : `${scope}.${name}`;
}

// Translates the names of fields in errors that leave the domain. The domain names its own
// properties in errors (`config.name`, `requestId`). Callers know the fields of their message
// (`header.config.name`, `header.request_id`). No protobuf name therefore appears below the
// transport.
import { StoreError, restated } from "../base/errors.js";

/** Pairs of a path in the domain and a path in the message. An empty path is the message itself. */
export type FieldNames = readonly (readonly [domain: string, message: string])[];

/**
 * Runs `work`. If its error names fields of the domain, the error is thrown with fields of the
 * message.
 */
export async function withFieldNames<T>(names: FieldNames, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof StoreError ? renamed(error, names) : error;
  }
}

/** Yields the items of `stream`, whose error is translated in the same way. */
export async function* streamWithFieldNames<T>(
  names: FieldNames,
  stream: AsyncIterable<T>,
): AsyncGenerator<T> {
  try {
    yield* stream;
  } catch (error) {
    throw error instanceof StoreError ? renamed(error, names) : error;
  }
}

/**
 * Returns the error with names of fields as protobuf writes them. Every error of a gRPC call passes
 * through here, except INTERNAL and the reason of an abort.
 */
export function withMessageFields(error: StoreError): StoreError {
  return restatedWith(error, snakeCase);
}

/**
 * Converts a field to snake case, but leaves a key of a map as it is: `configLabels[myKey]` becomes
 * `config_labels[myKey]`.
 */
function snakeCase(field: string): string {
  return field.replace(/\[[^\]]*\]|[A-Z]/g, (found) =>
    found.startsWith("[") ? found : `_${found.toLowerCase()}`,
  );
}

function renamed(error: StoreError, names: FieldNames): StoreError {
  return restatedWith(error, (field) => rename(field, names));
}

function restatedWith(error: StoreError, nameOf: (field: string) => string): StoreError {
  const fields = error.fields.map((each) => ({ ...each, field: nameOf(each.field) }));
  if (fields.every(({ field }, index) => field === error.fields[index]?.field)) return error;
  return restated(error, { message: renamedMessage(error, fields[0]?.field ?? ""), fields });
}

/**
 * Returns the message with the new path of its field. A message of fieldInvalid() begins with that
 * path.
 */
function renamedMessage({ message, fields }: StoreError, field: string): string {
  const before = `${fields[0]?.field ?? ""}: `;
  return message.startsWith(before) ? `${field}: ${message.slice(before.length)}` : message;
}

function rename(field: string, names: FieldNames): string {
  for (const [domain, message] of names) {
    if (field === domain) return message;
    if (field.startsWith(`${domain}[`)) return message + field.slice(domain.length);
    if (!field.startsWith(`${domain}.`)) continue;
    const rest = field.slice(domain.length + 1);
    return message === "" ? rest : `${message}.${rest}`;
  }
  return field;
}

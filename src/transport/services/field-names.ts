// The domain has its own names for the fields of a request (`config.name`, `request_id`). Callers
// know the fields of their message. This file translates the names in errors that leave the domain.
import { StoreError, restated } from "../../base/errors.js";

/** Path in the domain and path in the message. An empty path is the message itself. */
export type FieldNames = readonly (readonly [domain: string, message: string])[];

/** Runs `work`. An error that names fields of the domain then names fields of the message. */
export async function withFieldNames<T>(names: FieldNames, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof StoreError ? renamed(error, names) : error;
  }
}

/** Does the same for a stream. */
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

function renamed(error: StoreError, names: FieldNames): StoreError {
  const fields = error.fields.map((each) => ({ ...each, field: rename(each.field, names) }));
  if (fields.every(({ field }, index) => field === error.fields[index]?.field)) return error;
  return restated(error, { message: renamedMessage(error, fields[0]?.field ?? ""), fields });
}

/** A message of fieldInvalid() begins with the path of its field. */
function renamedMessage({ message, fields }: StoreError, field: string): string {
  const before = `${fields[0]?.field ?? ""}: `;
  return message.startsWith(before) ? `${field}: ${message.slice(before.length)}` : message;
}

function rename(field: string, names: FieldNames): string {
  for (const [domain, message] of names) {
    if (field === domain) return message;
    if (!field.startsWith(`${domain}.`)) continue;
    const rest = field.slice(domain.length + 1);
    return message === "" ? rest : `${message}.${rest}`;
  }
  return field;
}

// Parses the tables [[identities]] of the configuration file, which map certificates to identities.
import { z } from "zod";
import { fieldInvalid } from "../base/errors.js";
import { checkIdentityName, checkNamePrefix, roles, type Identity } from "../model/access.js";

/** The key of the tables in the file. */
export const identitiesKey = "identities";

export interface ConfiguredIdentity extends Identity {
  /**
   * Texts such as `CN=name`, `DNS:name`, `URI:uri`, `IP Address:ip` or `email:address`. One match
   * is enough.
   */
  readonly certificates: readonly string[];
}

const certificatePattern = /^(CN=|DNS:|URI:|IP Address:|email:)[^",]+$/;

const identitySchema = z.strictObject({
  name: z.string(),
  role: z.enum(roles),
  certificates: z.array(z.string().regex(certificatePattern)).min(1),
  name_prefix: z.string().default(""),
});

/** Parses the tables. Throws FIELD_INVALID, which names the index of the table, counted from 0. */
export function parseIdentities(value: unknown, file: string): readonly ConfiguredIdentity[] {
  if (!Array.isArray(value)) {
    throw fieldInvalid(identitiesKey, "tables [[identities]]", typeof value, `File ${file}`);
  }
  const bound = new Map<string, string>();
  return value.map((entry, index) => {
    const field = `${identitiesKey}[${index}]`;
    const parsed = identitySchema.safeParse(entry);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const where = [field, ...(issue?.path ?? [])].join(".");
      const expected =
        `name, role (${roles.join(", ")}), certificates (a list of CN=…, DNS:…, URI:…, ` +
        "IP Address:… or email:…) and maybe name_prefix";
      throw fieldInvalid(where, expected, issue?.message, `File ${file}`);
    }
    const { name, role, certificates, name_prefix: namePrefix } = parsed.data;
    checkIdentityName(name, `${field}.name`);
    checkNamePrefix(namePrefix, `${field}.name_prefix`);
    for (const certificate of certificates) {
      const other = bound.get(certificate);
      if (other !== undefined) {
        throw fieldInvalid(`${field}.certificates`, `what ${other} has not`, certificate);
      }
      bound.set(certificate, name);
    }
    return { name, role, namePrefix, certificates };
  });
}

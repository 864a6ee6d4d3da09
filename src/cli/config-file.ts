// Reads the VM's configuration from a JSON file. The file contains protobuf's JSON mapping,
// cocoon's keys, or a whole snapshot.json.
import { readFile } from "node:fs/promises";
import { fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { SnapshotConfigSchema, StoreError, type SnapshotConfig } from "../client/index.js";
import { messageOf } from "../base/errors.js";
import { fileError } from "./exit-codes.js";

export async function readConfigFile(path: string): Promise<SnapshotConfig> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw fileError(error, `cannot read ${path}`, "read");
  });
  return parseConfig(text, path);
}

/** Parses a configuration. Throws FIELD_INVALID, which names the file and the key. */
export function parseConfig(text: string, path: string): SnapshotConfig {
  let json: JsonValue;
  try {
    json = JSON.parse(text) as JsonValue;
  } catch (error) {
    throw invalid(path, error);
  }
  try {
    return fromJson(SnapshotConfigSchema, knownShape(json));
  } catch (error) {
    throw invalid(path, error);
  }
}

/**
 * Converts cocoon's shape to protobuf's. Protobuf accepts both notations of a key. Only cocoon has
 * an envelope, and blob ids as an object.
 */
function knownShape(json: JsonValue): JsonValue {
  if (!isObject(json)) return json;
  const inner = json["config"];
  if (inner !== undefined && isObject(inner) && "version" in json) return knownShape(inner);
  // The daemon assigns the id, even if the file contains one.
  const config = Object.fromEntries(Object.entries(json).filter(([key]) => key !== "id"));
  const blobs = config["image_blob_ids"];
  if (blobs !== undefined && isObject(blobs)) config["image_blob_ids"] = Object.keys(blobs);
  return config;
}

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function invalid(path: string, error: unknown): StoreError {
  const why = messageOf(error);
  return new StoreError("FIELD_INVALID", `${path} is not a snapshot configuration: ${why}`, {
    hint: "Keys are those of SnapshotConfig, for example name, image, hypervisor, cpu, memory",
    cause: error,
  });
}

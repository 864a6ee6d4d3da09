// Lists every served method, from the descriptors that the daemon serves by reflection. Tests that
// iterate over the list therefore include each new method.
import {
  createFileRegistry,
  fromBinary,
  type DescMethod,
  type DescService,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { readDescriptorSet } from "../../src/daemon/descriptor-set.js";

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readDescriptorSet()));

export const services: readonly DescService[] = [...registry].filter(
  (each): each is DescService => each.kind === "service",
);
const isOurs = ({ typeName }: DescService): boolean => typeName.startsWith("stasis.v1.");

/** The methods of stasis.v1. */
export const methods: readonly DescMethod[] = services
  .filter(isOurs)
  .flatMap((service) => service.methods);

/** The methods of health and reflection. */
export const openMethods: readonly DescMethod[] = services
  .filter((service) => !isOurs(service))
  .flatMap((service) => service.methods);

/** Returns the short name of a method, for example `GcService/BeginGc`. */
export function shortName({ parent, name }: DescMethod): string {
  return `${parent.name}/${name}`;
}

// Defines the lint rule for the folders of hooks. Only transport/grpc-hooks/ and client/grpc-hooks/
// may rely on internals of grpc-js, node:http2, node:net and node:tls. The types of these packages
// describe their public parts, so the rule refuses each way around the types.
import { relative, sep } from "node:path";

const rooms = ["src/transport/grpc-hooks/", "src/client/grpc-hooks/"];

/** The declarations of the packages whose internals the rule protects. */
const declarations = /\/node_modules\/(@grpc\/grpc-js\/|@types\/node\/(http2|net|tls)\.d\.ts$)/;

/** Functions that read or change a property without regard to its type. */
const untyped = new Map([
  ["Object", new Set(["assign", "defineProperties", "defineProperty", "setPrototypeOf"])],
  ["Reflect", new Set(["apply", "defineProperty", "get", "set"])],
]);

export const hooksRoom = {
  meta: {
    type: "problem",
    docs: {
      description: "internals of grpc-js and node:http2 are used only in the rooms of hooks",
    },
    schema: [],
    messages: {
      underscore: "{{ name }} is private to its owner: use it only in a hook ({{ rooms }}).",
      internals:
        "This reaches past the types of {{ type }}: only a hook may do this ({{ rooms }}).",
      deep: "{{ specifier }} is internal: only a hook may import it ({{ rooms }}).",
    },
  },
  create(context) {
    const file = relative(context.cwd, context.filename).split(sep).join("/");
    if (rooms.some((room) => file.startsWith(room))) return {};
    const services = context.sourceCode.parserServices;
    const foreignType = (node) => foreignIn(services.getTypeAtLocation(node));
    const report = (node, messageId, data) =>
      context.report({ node, messageId, data: { ...data, rooms: rooms.join(", ") } });
    const refuseForeign = (node, value) => {
      const type = foreignType(value);
      if (type !== undefined) report(node, "internals", { type });
    };
    const refuseUnderscore = (node, key) => {
      const name = key.type === "Literal" ? key.value : key.name;
      if (typeof name === "string" && name.startsWith("_")) report(node, "underscore", { name });
    };
    return {
      ImportDeclaration(node) {
        const specifier = node.source.value;
        if (specifier.startsWith("@grpc/grpc-js/")) report(node, "deep", { specifier });
      },
      MemberExpression(node) {
        if (!node.computed || node.property.type === "Literal") {
          refuseUnderscore(node, node.property);
        }
      },
      "ObjectPattern > Property": (node) => refuseUnderscore(node, node.key),
      TSPropertySignature: (node) => refuseUnderscore(node, node.key),
      TSAsExpression(node) {
        const type = foreignType(node.expression);
        if (type === undefined || foreignType(node.typeAnnotation) !== undefined) return;
        report(node, "internals", { type });
      },
      "AssignmentExpression > MemberExpression.left": (node) => refuseForeign(node, node.object),
      "BinaryExpression[operator='in']": (node) => refuseForeign(node, node.right),
      CallExpression(node) {
        const { callee, arguments: values } = node;
        if (callee.type !== "MemberExpression" || values.length === 0) return;
        if (untyped.get(callee.object.name)?.has(callee.property.name)) {
          refuseForeign(node, values[0]);
        }
      },
    };
  },
};

/** Returns the name of the first type in `type` that one of the packages declares, or undefined. */
function foreignIn(type) {
  const parts = type.isUnionOrIntersection() ? type.types : [type];
  for (const part of parts) {
    const symbol = part.aliasSymbol ?? part.getSymbol();
    const files = (symbol?.declarations ?? []).map((one) => one.getSourceFile().fileName);
    if (files.some((name) => declarations.test(name))) return symbol.getName();
  }
  return undefined;
}
